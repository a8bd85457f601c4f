package bridge

// Hot: Frames, Gap and Doubt run in the capture context, Pull, Skipped and Unsent in
// the sender context. No allocation, lock, log or map; no channel but a send that
// does not wait, when something has gone wrong or the phase has changed.

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/safety"
)

// PipelineConfig says what goes in and what comes out.
type PipelineConfig struct {
	Channels     int
	SinkRate     aes67.Hz
	OtherRates   []aes67.Hz // that the sink may change to; see Pipeline.Rate
	StreamRate   aes67.Hz
	PacketFrames aes67.Frames // at StreamRate; the length of every pulled block
	// Latency is the fill to keep, as average frames written less frames read.
	// 0 chooses the least that the sound server allows, and learns.
	Latency time.Duration
	// CeilingDBFS bounds every sample that is pulled.
	CeilingDBFS float64
}

// Phase is where the pipeline stands.
type Phase uint32

// The phases of a Pipeline.
const (
	Filling Phase = iota // zeros go out until the ring is filled to its target
	Flowing              // the sink's sound goes out
)

// Pipeline is the pull chain from the ring to a block for the packetizer. One
// goroutine may call Frames, Gap and Doubt, one Pull, Skipped and Unsent, one Settle, any
// the rest.
//
//	Frames -> feed -> rate (drift, resampler or untouched) -> guard -> safety -> Pull
//	            \______ target, watch: how much, and whether _______________/
type Pipeline struct {
	cfg   PipelineConfig
	feed  *feed
	rate  *rate   // one of rates
	rates []*rate // of each rate of the sink
	stage *safety.Stage
	guard guard // doubt belongs to the capture context, settle to the control context

	waking waking

	// Of the sender context.
	watch  watch
	target target
	goal   aes67.Frames   // that drift steers for
	silent bool           // the last block ended in exact zeros
	quiet  aes67.Frames   // zeros read in a row
	came   aes67.MonoTime // when the newest message came
	jumps  int            // of drift's count
	empty  time.Duration  // for which nothing was read
	hoped  aes67.MonoTime // the turn of the last block, if it is heard should it leave; else 0

	confirmed atomic.Bool // written by the control context
	report    report
	changed   chan struct{}
}

// report is what the sender context tells the others.
type report struct {
	rate       atomic.Uint32 // index of Pipeline.rate in rates
	phase      atomic.Uint32
	ratio      atomic.Uint64 // float64 bits, ppb
	fill       atomic.Uint64 // float64 bits, sink frames
	target     atomic.Int64
	driftState atomic.Uint32
	untouched  atomic.Bool
	bitExact   atomic.Bool
	least      atomic.Int64
	underruns  atomic.Uint64
	jumps      atomic.Uint64
	heardAt    atomic.Int64 // aes67.MonoTime: the last block that was open, and left
}

const (
	// patience is how long messages may come without a place to begin, two cycles or
	// the buffer to be filled aside, until the server is not where it was thought to
	// be.
	patience = 60 * time.Millisecond
	// awayAfter is how long nothing must be read until the phase is Filling again:
	// what is shorter was late and not away.
	awayAfter = 100 * time.Millisecond
	// trimFrom is the error of the fill that is ended in silence at once.
	trimFrom = 500 * time.Microsecond
	// retarget is the change of the goal, downwards, that is worth following.
	retarget = time.Millisecond
)

// NewPipeline makes a pipeline; it is silent until SetConfirmed and enough
// frames have come.
func NewPipeline(cfg PipelineConfig, clock *mediaclock.Clock) (*Pipeline, error) {
	all := append([]aes67.Hz{cfg.SinkRate}, cfg.OtherRates...)
	fastest := slices.Max(all)
	p := &Pipeline{
		cfg:    cfg,
		feed:   newFeed(cfg.Channels, cfg.SinkRate, aes67.FramesIn(max(ringTime, 4*cfg.Latency), fastest)),
		guard:  newGuard(fastest, cfg.StreamRate),
		silent: true,
		empty:  awayAfter,

		changed: make(chan struct{}, 1),
		waking:  waking{begun: make(chan struct{}, 1)},
	}
	p.guard.balance = newBalance(cfg.Channels, cfg.StreamRate)
	p.target = newTarget(cfg.SinkRate, cfg.Latency, cfg.PacketFrames.Duration(cfg.StreamRate))
	p.goal = p.target.goal(true)
	least, most := math.Inf(1), 0.0
	for _, hz := range all {
		r, err := newRate(cfg, hz, clock, p.goal)
		if err != nil {
			return nil, err
		}
		p.rates = append(p.rates, r)
		least, most = min(least, r.resampler.Delay()), max(most, r.resampler.Delay())
	}
	p.rate = p.rates[0]
	p.stage = safety.New(safety.Config{
		Channels: cfg.Channels, SinkRate: fastest, StreamRate: cfg.StreamRate,
		Delay: least, LongestDelay: most, CeilingDBFS: cfg.CeilingDBFS,
	})
	p.report.target.Store(int64(p.goal))
	return p, nil
}

// Changed wakes its one reader when the phase or the least latency has changed, something
// went wrong that Snapshot counts, or a sound begins after silence.
func (p *Pipeline) Changed() <-chan struct{} { return p.changed }

// SetConfirmed opens the pipeline once the sound server has confirmed the
// sink's volume, and closes it (with a fade) when that is in doubt again.
func (p *Pipeline) SetConfirmed(yes bool) { p.confirmed.Store(yes) }

// SetAsleep tells whether a speaker of the streams sleeps that may be woken: while one
// does, a sound that begins is held back, wakeLimit at most. Any goroutine may call it.
func (p *Pipeline) SetAsleep(yes bool) { p.waking.set(yes) }

// Begun wakes its one reader when a sound begins while a speaker sleeps.
func (p *Pipeline) Begun() <-chan struct{} { return p.waking.begun }

// SetCeiling changes the bound of every sample, softly; any goroutine may call it.
func (p *Pipeline) SetCeiling(dbfs float64) { p.stage.SetCeiling(dbfs) }

// CeilingDBFS is the bound of every sample; any goroutine may ask.
func (p *Pipeline) CeilingDBFS() float64 { return p.stage.CeilingDBFS() }

// Frames takes one message of interleaved samples that arrived at an instant.
// It never blocks; what does not fit is dropped and counted. While nobody pulls,
// nothing is kept.
func (p *Pipeline) Frames(samples []float32, at aes67.MonoTime) {
	if p.feed.hear(samples, at) {
		p.waking.begins(at)
		wake.Signal(p.changed)
	}
	p.feed.write(samples, at)
}

// sounded returns when there was last any sound, never before the first.
func (p *Pipeline) sounded() aes67.MonoTime { return aes67.MonoTime(p.feed.sounded.Load()) }

// Gap tells, before a message, that it does not continue the last one: the
// sound server was away, or its monitor is recorded anew. It belongs to the
// context of Frames, which finds long pauses by itself.
func (p *Pipeline) Gap() { p.feed.gap() }

// Rate tells, before a message, that from it on the sink is recorded at another rate, and
// so that it does not continue the last one. It belongs to the context of Frames.
func (p *Pipeline) Rate(hz aes67.Hz) {
	p.feed.in = hz
	p.feed.gap()
}

// HeardAt is the turn of the last block that was open to sound, silence in it or not, and
// left, which is known at the next one's; 0: there was none. Any goroutine may ask.
func (p *Pipeline) HeardAt() aes67.MonoTime { return aes67.MonoTime(p.report.heardAt.Load()) }

// Pull gives the next block; see rtpsend.FrameSource.
func (p *Pipeline) Pull(out [][]float64, due aes67.MonoTime, open bool) (silent bool) {
	block := aes67.Frames(len(out[0]))
	if p.hoped != 0 { // nobody has told that it did not leave
		p.report.heardAt.Store(int64(p.hoped))
		p.hoped = 0
	}
	since := p.resume(due, block)
	p.take(due)
	if p.waking.holds(due) {
		open = false
		if p.inSilence() { // there is nothing to fade
			p.stage.Cut()
		}
	}
	p.rate.steer(due, block, p.feed.taken, p.watch.state == statePriming || p.watch.state == statePlaying, p.inSilence())
	p.aim()
	switch p.watch.state {
	case stateFilling:
		p.feed.toJoint()
		if p.feed.turns() {
			p.retune(due)
		}
		p.feed.drop(p.feed.surplus(p.goal))
	case statePlaying:
		if p.inSilence() {
			// Nobody hears what is late now: a server's graph is, each time that a
			// program begins (PipeWire 0.3.65: by 12 to 22 ms).
			p.target.pardon()
			if p.hold(block) {
				p.tell(since, watchOutput{})
				return p.zeros(out, due, open)
			}
		}
	default:
	}
	cycle := p.target.cycle.Duration(p.rate.in)
	skip, place := p.place(due, block)
	do := p.watch.next(watchInput{
		place:   place,
		comes:   p.rate.loop.Ready() && due.Sub(p.came) < max(pauseLimit, 2*cycle),
		enough:  p.feed.ready() >= p.rate.needed(block),
		lost:    p.rate.lost() || p.feed.surplus(p.goal) > 0,
		primed:  p.rate.primed(),
		silent:  p.silent,
		since:   since,
		patient: patience + max(2*cycle, p.goal.Duration(p.rate.in)),
	})
	p.tell(since, do)
	switch {
	case do.begin:
		p.feed.drop(skip)
		p.rate.begin()
		p.stage.Restart()
	case do.stop:
		p.stop()
	case do.relocate:
		p.rate.loop.Relocate()
	case do.refill:
		p.refill()
	}
	if !do.read {
		return p.zeros(out, due, false)
	}
	need := p.rate.needed(block)
	p.read(need)
	shows, untouched := p.rate.process(out)
	from, to := p.guard.next(p.feed.taken, need, due, len(out[0]))
	apply(out, from, to)
	balanced := p.guard.balance.apply(out)
	audible := open && do.open && p.confirmed.Load()
	p.silent = p.stage.Process(out, shows, audible)
	if audible && to > 0 {
		p.hoped = due
	}
	p.report.untouched.Store(untouched)
	p.report.bitExact.Store(untouched && from == 1 && to == 1 && balanced && p.stage.Untouched())
	return p.silent
}

// resume returns the time since the last pull. Pulls are due a block apart: where
// one is missing, as when another sender takes over, that counts as skipped. After
// a long time what was gathered meanwhile is forgotten, and the sound begins at
// zero: if it broke off in mid-wave, it did so long ago.
func (p *Pipeline) resume(due aes67.MonoTime, block aes67.Frames) time.Duration {
	pause := due.Sub(aes67.MonoTime(p.feed.pulled.Swap(int64(due))))
	switch {
	case pause >= pauseLimit:
		p.cut()
		p.refill()
		p.empty = awayAfter
		return 0
	case pause > lostPull(block.Duration(p.cfg.StreamRate)):
		p.Skipped(0)
	}
	return pause
}

// lostPull is the time between two pulls from which one is missing. What the two clocks
// that tell their instants may differ by (rtpsend) is none: a packet of 125 us is as long.
func lostPull(block time.Duration) time.Duration { return max(3*block/2, block+clocksApart) }

// clocksApart is more than tieDoubt of rtpsend, and less than a packet of 125 us.
const clocksApart = 110 * time.Microsecond

// cut breaks off: what comes next begins at zero.
func (p *Pipeline) cut() {
	p.stage.Cut()
	p.silent, p.watch = true, watch{}
	p.stop()
}

// stop reads no more, until there is a place to begin again.
func (p *Pipeline) stop() {
	p.rate.halt()
	p.quiet = 0
}

// retune goes on, in silence, with what the sink is recorded at from here on. A rate
// that is none of the configured ones is not waited for.
func (p *Pipeline) retune(due aes67.MonoTime) {
	p.feed.rate = p.feed.nextRate
	for i, r := range p.rates {
		if r.in != p.feed.rate {
			continue
		}
		r.forward = p.rate.forward
		p.rate = r
		p.report.rate.Store(uint32(i))
		p.target.retune(r.in)
		p.goal = p.target.goal(true)
		p.report.target.Store(int64(p.goal))
		r.loop.Reset()
		r.loop.SetTarget(p.goal)
		_, p.jumps, _ = r.loop.Behind(due)
	}
}

// refill forgets what has come so far, and measures the server afresh.
func (p *Pipeline) refill() {
	p.feed.clear()
	p.rate.loop.Reset()
	p.target.behind(0, false, aes67.MonoTime(p.feed.pulled.Load()))
}

// take hands the arrivals since the last pull to drift, and what they say of
// the server to the policy of the latency.
func (p *Pipeline) take(due aes67.MonoTime) {
	for range arrivalsHeld {
		a, ok := p.feed.next()
		switch {
		case !ok:
			behind, jumps, known := p.rate.loop.Behind(due)
			if known && jumps > p.jumps && p.watch.state == statePlaying {
				p.report.jumps.Add(1)
				wake.Signal(p.changed)
			}
			p.target.behind(behind, known && jumps == p.jumps, due)
			p.guard.made = p.feed.ring.Written() + aes67.Frames(behind)
			p.jumps = jumps
			return
		case a.anew:
			p.rate.loop.Reset()
			wake.Signal(p.changed)
		case !a.joint:
			p.came = a.at
			p.rate.loop.Arrived(a.total, a.at)
		}
	}
}

// aim tells drift of a change of the goal. While nothing is read it is taken at
// once, while the sound plays it is approached inaudibly; samples that go out untouched
// can come closer to it in silence alone.
func (p *Pipeline) aim() {
	cycle := aes67.Frames(p.feed.cycle.Load())
	p.target.cycled(cycle)
	p.rate.loop.SetCycle(cycle)
	if least := int64(p.target.least()); p.report.least.Swap(least) != least {
		wake.Signal(p.changed)
	}
	filling := p.watch.state == stateFilling
	goal := p.target.goal(filling)
	less := p.goal - goal
	sooner := less > aes67.FramesIn(retarget, p.rate.in) && (!p.rate.untouched.used() || p.inSilence() && p.feed.zeros(less) == less)
	if less < 0 || less > 0 && filling || sooner {
		p.goal = goal
		p.rate.loop.SetTarget(goal)
		p.report.target.Store(int64(goal))
	}
}

// inSilence reports whether all that is heard, and was for some milliseconds, is
// exact zeros.
func (p *Pipeline) inSilence() bool { return p.quiet >= p.rate.history+p.goal/4 }

// hold puts the fill to its goal in silence: it drops some of the zeros to come,
// or reports that none are to be read now.
func (p *Pipeline) hold(block aes67.Frames) bool {
	if !p.rate.loop.Ready() {
		return false
	}
	fill := p.rate.loop.Fill()
	off := fill - float64(p.goal)
	limit := trimFrom.Seconds() * float64(p.rate.in)
	block = p.rate.ofSink(block)
	switch {
	case off > limit:
		spare := p.feed.ready() - block - 1 // for this pull
		zeros := p.feed.zeros(min(aes67.Frames(off), max(0, spare)))
		p.feed.drop(zeros)
		p.rate.loop.Recentre(fill - float64(zeros))
		return false
	case off < -limit && -off >= float64(block):
		p.rate.loop.Recentre(fill)
		return true
	}
	return false
}

// place tells where to begin: how many frames are to be dropped before. ok is
// false while what is needed there, or what is late, has not come.
func (p *Pipeline) place(due aes67.MonoTime, block aes67.Frames) (skip aes67.Frames, ok bool) {
	skip, ok = p.rate.loop.Place(due, p.feed.taken)
	return skip, ok && !p.target.waits() && skip+p.rate.ofSink(block)+1 <= p.feed.ready()
}

// read pushes what a block needs: what is there, and what would have come. What
// comes after that does not join it any more.
func (p *Pipeline) read(need aes67.Frames) {
	n := max(0, min(need, p.feed.ready()))
	if p.rate.predicted > 0 {
		n = 0
	}
	if p.feed.zeros(n) == n {
		p.quiet += n
	} else {
		p.quiet = 0
	}
	first, second := p.feed.view(n)
	for _, samples := range [...][]float32{first, second} {
		p.rate.push(samples)
		p.stage.Ahead(samples, p.rate.untouched.whole())
	}
	p.feed.drop(n)
	for n < need {
		samples := p.rate.predict(need - n)
		p.stage.Ahead(samples, p.rate.untouched.whole())
		n += aes67.Frames(len(samples) / p.cfg.Channels)
	}
}

// zeros gives zeros through the safety stage, so that it fades what may still
// be open from the last block's end.
func (p *Pipeline) zeros(out [][]float64, due aes67.MonoTime, open bool) bool {
	p.guard.rest(p.feed.taken, due)
	for _, channel := range out {
		clear(channel)
	}
	p.silent = p.stage.Process(out, safety.Span{}, open && p.confirmed.Load())
	return p.silent
}

// Skipped tells of a gap: frames of the media clock that will never be pulled.
// What was heard has broken off there, so the sound behind it begins at zero,
// and what the sink played meanwhile is passed over: the latency stays.
func (p *Pipeline) Skipped(aes67.Frames) {
	p.cut()
	p.target.pardon()
}

// Unsent tells that the block pulled last did not leave: nobody has heard it.
func (p *Pipeline) Unsent() { p.hoped = 0 }

// tell reports what was decided.
func (p *Pipeline) tell(since time.Duration, do watchOutput) {
	r := &p.report
	if do.read || p.watch.state == statePlaying {
		p.empty = 0
	} else {
		p.empty += since
	}
	phase := Flowing
	if p.empty >= awayAfter {
		phase = Filling
	}
	p.setPhase(phase)
	if !do.read {
		r.untouched.Store(false)
		r.bitExact.Store(false)
	}
	if do.starve && !p.feed.joint.ahead && !p.inSilence() {
		r.underruns.Add(1)
		wake.Signal(p.changed)
	}
	r.ratio.Store(math.Float64bits(float64(p.rate.resampler.Ratio())))
	r.fill.Store(math.Float64bits(p.rate.loop.Fill()))
	r.driftState.Store(uint32(p.rate.loop.State()))
}

// setPhase tells the phase, and wakes the supervisor if it is another: a send
// that does not wait, and seldom.
func (p *Pipeline) setPhase(phase Phase) {
	if Phase(p.report.phase.Swap(uint32(phase))) != phase {
		wake.Signal(p.changed)
	}
}
