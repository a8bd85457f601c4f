package ptp

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

const (
	// readySyncs, readyReplies and readySpan are what a first estimate needs: so
	// many that one late message among them does no harm.
	readySyncs, readyReplies = 6, 3
	readySpan                = 600 * time.Millisecond
	// Masters that send rarely are believed sooner, or it would take minutes.
	rareSyncs, rareReplies = 3, 2
	rareSpan               = 4 * time.Second
	// Without any Sync for silentSyncs intervals, but at least silentTime, the
	// clock is in holdover although the master announces itself.
	silentSyncs = 5
	silentTime  = 3 * time.Second
	// Syncs whose Follow_Up is always lost are as good as none after so many
	// times that.
	uselessTimes = 4
	// hearsTime is how old the latest Sync of a live master may be.
	hearsTime = 3 * time.Second
	// defaultSync and defaultDelayReq are the intervals (log2 s) until a
	// message tells them: those of the media profile (AES67-2018, annex A).
	defaultSync, defaultDelayReq = -3, 0
	// The first Delay_Req, hastyRequests at most, go out at hastyInterval on average
	// whatever the master asks for: a clock is set the sooner, and their number is
	// nothing to a master. (9.5.11.2 asks for a mean interval, no shortest one.)
	hastyRequests = 8
	hastyInterval = 125 * time.Millisecond
	// startledRest is how often at most they do so again, where the master's time seems to
	// have moved: until two answers have come that is not known.
	startledRest = 10 * time.Second
	// offsets is over how many Syncs the offset's rms is taken.
	offsets = 64
)

// estimator makes estimates of one-way measurements.
type estimator interface {
	Add(d track.Direction, s track.Sample)
	// Estimate makes one, if that is due and there is news.
	Estimate(now aes67.RawTime) (track.Estimate, bool)
	Count(d track.Direction) (n int, span time.Duration)
	Reset()
	Startled() bool
}

// follower measures one master and makes the clock follow it.
type follower struct {
	parent    wire.PortIdentity
	exchange  exchange
	estimator estimator
	servo     track.Servo
	clock     *mediaclock.Clock

	since    aes67.RawTime // it is measured
	syncs    time.Duration // between Syncs, as told
	requests time.Duration // between Delay_Req, at least on average
	nextAsk  aes67.RawTime
	hasty    int // Delay_Req that may still go out soon
	// startledAt is when the master's time last seemed to have moved.
	startledAt aes67.RawTime
	absurd     bool // the master's time stands still, or runs at no clock's rate
	twoWay     bool // there were answers enough to know the delay
	oneWay     bool // there are not, and none come: the delay is taken as 0
	twoStep    bool
	measured   bool    // offset is
	offset     float64 // ns, ours minus grandmaster at the latest Sync
	squares    [offsets]float64
	squaresAt  int
	squaresN   int
}

// begin starts to follow a master.
func (f *follower) begin(parent wire.PortIdentity, now aes67.RawTime) {
	f.parent = parent
	f.exchange = exchange{sequence: f.exchange.sequence}
	f.syncs = interval(wire.NoInterval, defaultSync)
	f.requests = interval(wire.NoInterval, defaultDelayReq)
	f.absurd, f.hasty = false, hastyRequests
	f.restart(now)
}

// restart measures anew: another master, or one whose time could not be a clock's.
func (f *follower) restart(now aes67.RawTime) {
	f.estimator.Reset()
	f.servo.Start(now)
	f.since = now
	f.nextAsk = now // the first Delay_Req goes out at once
	f.twoWay = false
	f.oneWay, f.measured, f.squaresN = false, false, 0
}

// handleSync takes a Sync of the parent.
func (f *follower) handleSync(m *wire.Message, t2 aes67.RawTime) {
	f.syncs = interval(m.LogInterval, defaultSync)
	f.twoStep = m.Flags.Has(wire.FlagTwoStep)
	if s, ok := f.exchange.sync(m, t2); ok {
		f.measureSync(s)
	}
}

// handleFollowUp takes a Follow_Up of the parent.
func (f *follower) handleFollowUp(m *wire.Message) {
	if s, ok := f.exchange.followUp(m); ok {
		f.measureSync(s)
	}
}

// measureSync takes the measurement of a Sync, and of the answers that waited for
// the first one.
func (f *follower) measureSync(s track.Sample) {
	if f.exchange.measured == 0 {
		for i := range f.exchange.requests {
			if answer, ok := f.exchange.settle(&f.exchange.requests[i]); ok {
				f.measure(track.ToMaster, answer)
			}
		}
	}
	f.measure(track.ToUs, s)
}

// wait is how long to wait with the next Delay_Req on average.
func (f *follower) wait() time.Duration {
	if f.hasty == 0 {
		return f.requests
	}
	f.hasty--
	return min(f.requests, hastyInterval)
}

// handleResponse takes a Delay_Resp of the parent to us.
func (f *follower) handleResponse(m *wire.Message) {
	if m.LogInterval != wire.NoInterval {
		f.requests = interval(m.LogInterval, defaultDelayReq)
	}
	if s, ok := f.exchange.response(m); ok {
		f.measure(track.ToMaster, s)
	}
}

// handleSent takes the transmit timestamp of a Delay_Req.
func (f *follower) handleSent(sequence uint16, t3 aes67.RawTime) {
	if s, ok := f.exchange.sent(sequence, t3); ok {
		f.measure(track.ToMaster, s)
	}
}

// measure takes one measurement.
func (f *follower) measure(d track.Direction, s track.Sample) {
	f.estimator.Add(d, s)
	if d != track.ToUs {
		return
	}
	if f.estimator.Startled() && s.At.Sub(f.startledAt) >= startledRest {
		f.startledAt, f.hasty, f.nextAsk = s.At, hastyRequests, min(f.nextAsk, s.At)
	}
	if f.ready(s.At) {
		if e, ok := f.estimator.Estimate(s.At); ok {
			f.absurd = !f.servo.Take(s.At, e)
			if f.absurd {
				f.restart(s.At)
				return
			}
		}
	}
	f.noteOffset(s)
}

// ready reports whether an estimate is worth making.
func (f *follower) ready(now aes67.RawTime) bool {
	syncs, span := f.estimator.Count(track.ToUs)
	replies, _ := f.estimator.Count(track.ToMaster)
	needed := readyReplies
	if span >= rareSpan {
		needed = rareReplies
	}
	f.twoWay = f.twoWay || min(replies, f.exchange.recent(now)) >= needed
	f.oneWay = !f.twoWay && f.exchange.unanswered(now)
	return (f.twoWay || f.oneWay) && (syncs >= readySyncs && span >= readySpan || syncs >= rareSyncs && span >= rareSpan)
}

// noteOffset keeps what the user sees: the virtual clock against the
// grandmaster as this Sync shows it.
func (f *follower) noteOffset(s track.Sample) {
	m, set := f.clock.Load()
	if !set || !f.servo.Applied() {
		return
	}
	est, _ := f.servo.Known()
	f.offset = float64(s.Offset-(int64(s.At)-int64(m.PTPAt(s.At)))) - est.Delay
	f.measured = true
	f.squares[f.squaresAt] = f.offset * f.offset
	f.squaresAt = (f.squaresAt + 1) % offsets
	f.squaresN = min(f.squaresN+1, offsets)
}

// steer steers the clock, or steps it, or lets it run on while there is no Sync.
func (f *follower) steer(now aes67.RawTime) {
	if f.silent(now) {
		f.servo.Hold(now)
		return
	}
	if f.servo.Tick(now) {
		f.measured, f.squaresN = false, 0 // the offsets were another clock's
	}
}

// offsetRMS returns the root of the mean square of the latest offsets, ns.
func (f *follower) offsetRMS() float64 {
	var sum float64
	for _, s := range f.squares[:f.squaresN] {
		sum += s
	}
	return math.Sqrt(sum / float64(max(f.squaresN, 1)))
}

// silent reports that the master announces itself but sends no Sync, or none
// that can be used.
func (f *follower) silent(now aes67.RawTime) bool {
	since, sign := f.since, f.since
	if f.exchange.heardSync {
		since = max(since, f.exchange.lastSync)
	}
	sign = max(sign, f.exchange.lastSign)
	limit := max(silentTime, silentSyncs*f.syncs)
	return now.Sub(sign) > limit || now.Sub(since) > uselessTimes*limit
}

// hears reports that Syncs arrive.
func (f *follower) hears(now aes67.RawTime) bool {
	return f.exchange.lastSign != 0 && now.Sub(f.exchange.lastSign) <= max(hearsTime, silentSyncs*f.syncs)
}
