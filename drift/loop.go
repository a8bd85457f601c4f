package drift

// Hot: runs in the sender context.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// Config says what a loop is for.
type Config struct {
	InRate aes67.Hz     // nominal rate of the sink
	Target aes67.Frames // fill to keep; at least a cycle and what one pull needs
}

// A Loop steers the ratio so that the fill stays at its target.
type Loop struct {
	clocks  [2]arrival // one for each way in which servers round
	using   int
	control controller
	state   State
	held    bool
	begun   bool           // Update was called
	at      aes67.MonoTime // of the newest Update
	age     time.Duration  // in state
	fill    float64
	free    bool // the newest update was Untouched
	wander  wander
}

// The two ways to round a message's length: PipeWire's drivers (spa/plugins/
// support/null-audio-sink.c, on_timeout) and PulseAudio's null sink
// (module-null-sink.c, process_render: pa_bytes_to_usec).
const (
	tickPipeWire   = time.Nanosecond
	tickPulseAudio = time.Microsecond
	// longestStep bounds the time that one Update stands for.
	longestStep = silence
	// lostLeast is how far above its target the fill is set anew; half the target
	// if that is more.
	lostLeast = 9 * time.Millisecond
	// changeClock is by how much less the other way must leave unexplained.
	changeClock = 5e-6
)

// NewLoop makes a loop in Acquire.
func NewLoop(cfg Config) *Loop {
	l := &Loop{}
	for i, tick := range [...]time.Duration{tickPipeWire, tickPulseAudio} {
		l.clocks[i] = arrival{rate: cfg.InRate, tick: tick}
	}
	l.control.rate = cfg.InRate
	l.SetTarget(cfg.Target)
	return l
}

// Arrived takes a monitor message: the frames counted with it since the count
// began, and its stamp. Messages come in order; one stamped later than the
// next Update's instant is as welcome.
func (l *Loop) Arrived(total aes67.Frames, at aes67.MonoTime) {
	for i := range l.clocks {
		l.clocks[i].arrived(total, at)
	}
}

// SetCycle tells how many frames the server renders at a time, where that is more
// than a message.
func (l *Loop) SetCycle(frames aes67.Frames) {
	for i := range l.clocks {
		l.clocks[i].cycle = frames.Duration(l.control.rate)
	}
}

// Place tells whether reading can begin at instant at, given that consumed
// frames were read or dropped before, and how many frames more are to be dropped
// then: the fill is the target, within half a frame. Outside of Acquire the
// answer is no, and so it is before those frames have arrived.
func (l *Loop) Place(at aes67.MonoTime, consumed aes67.Frames) (skip aes67.Frames, ok bool) {
	clock := &l.clocks[l.using]
	if l.state != Acquire || !clock.ready() || clock.broken(at.Sub(clock.last)) {
		return 0, false
	}
	spare := clock.written(at) - float64(consumed) - l.control.goal
	skip = aes67.Frames(math.Round(spare))
	if spare < 0 || consumed+skip > clock.total {
		return 0, false
	}
	return skip, true
}

// Start tells that the caller reads from where Place said. The state becomes
// Coarse.
func (l *Loop) Start() {
	l.control.begin()
	l.fill = l.control.goal
	l.enter(Coarse)
}

// Update returns the ratio to ramp to from instant at on, given the frames that
// were consumed by then, in fractions, and the grandmaster's frequency against
// CLOCK_MONOTONIC. In Acquire consumed does not matter.
func (l *Loop) Update(at aes67.MonoTime, consumed float64, feedForward aes67.PPB) aes67.PPB {
	var dt time.Duration
	if l.begun {
		dt = max(0, min(at.Sub(l.at), longestStep))
	}
	l.begun, l.at = true, max(l.at, at)
	l.age += dt
	if l.free {
		l.touch()
	}

	clock := l.choose()
	l.fill = 0
	if clock.ready() {
		l.fill = clock.written(at) - consumed
	}
	l.judge(clock, at.Sub(clock.last))
	l.control.update(dt, l.State(), l.fill, clock.fast(), float64(feedForward)*1e-9)
	if l.state == Fine {
		l.wander.add(dt, l.control.ratio-l.control.forward())
	}
	return aes67.PPB(l.control.ratio * 1e9)
}

// choose changes to the other way of rounding if that leaves clearly less of
// the server's rate unexplained. Both tell the same rate in the end; the right
// one tells it sooner when the pieces change their length.
func (l *Loop) choose() *arrival {
	clock, other := &l.clocks[l.using], &l.clocks[1-l.using]
	if clock.regression.weight >= youth && other.regression.weight >= youth &&
		math.Abs(other.regression.slope())+changeClock < math.Abs(clock.regression.slope()) {
		l.using = 1 - l.using
		return other
	}
	return clock
}

// judge changes the state where it must; see the drawing in state.go.
func (l *Loop) judge(clock *arrival, pause time.Duration) {
	l.held = false
	if l.state == Acquire {
		return
	}
	c := &l.control
	frames := func(d time.Duration) float64 { return d.Seconds() * float64(c.rate) }
	off := math.Abs(l.fill - c.target)
	if !clock.ready() || clock.broken(pause) || l.far(l.fill-c.target, lostLeast) {
		l.enter(Acquire)
		return
	}
	l.held = pause > max(overdue, 2*max(clock.longest, clock.longer, clock.cycle))
	switch l.state {
	case Coarse:
		if l.age >= coarseLeast && off <= frames(deadZone) && c.calm() {
			c.offset = l.fill - c.target
			l.wander = wander{}
			l.enter(Fine)
		}
	case Fine:
		if math.Abs(l.fill-c.target-c.offset) > frames(strayed) || math.Abs(c.wanted-c.ratio) > strayedRatio {
			l.enter(Coarse)
		}
	default:
	}
}

// far reports whether the fill is so far above its target, in frames, that
// steering will not bring it back in a time that anybody would wait. Below it
// nothing is lost as long as the ring does not run dry.
func (l *Loop) far(above float64, least time.Duration) bool {
	return above > max(l.control.target/2, least.Seconds()*float64(l.control.rate))
}

func (l *Loop) enter(state State) { l.state, l.age = state, 0 }

// State returns how far the loop has come.
func (l *Loop) State() State {
	if l.held {
		return Holding
	}
	return l.state
}

// Fill returns the frames that were written but not consumed at the newest
// Update, by the smooth count; 0 while the count is not known.
func (l *Loop) Fill() float64 { return l.fill }

// Target returns the fill that was asked for.
func (l *Loop) Target() aes67.Frames { return aes67.Frames(l.control.goal) }

// SetTarget changes the fill to keep. While reading, the fill follows at 100
// ppm: 4.8 frames a second at 48 kHz.
func (l *Loop) SetTarget(target aes67.Frames) {
	l.control.goal = float64(target)
	if l.state == Acquire {
		l.control.begin()
	}
}

// Ready reports whether enough arrivals were seen for Start to say yes once the
// frames are there.
func (l *Loop) Ready() bool { return l.clocks[l.using].ready() }

// Behind returns how many frames the server should have delivered by instant at
// and has not, by the smooth count: up to a cycle when all is well, more when one
// is late. jumps counts how often the smooth count was set anew, ahead or back,
// because the server has lost time or rendered ahead. ok is false while the count
// is not known.
func (l *Loop) Behind(at aes67.MonoTime) (frames float64, jumps int, ok bool) {
	clock := &l.clocks[l.using]
	if !clock.ready() {
		return 0, 0, false
	}
	return clock.written(at) - float64(clock.total), l.clocks[0].regression.begun + l.clocks[1].regression.begun, true
}

// Halt goes back to Acquire and keeps what is known of the arrivals: for a
// caller that has stopped reading and will begin again.
func (l *Loop) Halt() {
	for i := range l.clocks {
		l.clocks[i].reopen()
	}
	l.held = false
	l.control.begin()
	l.enter(Acquire)
}

// Relocate takes the best of the arrivals since Halt, or since it was last called,
// for punctual: they come in time, but the server has lost some of it.
func (l *Loop) Relocate() {
	for i := range l.clocks {
		l.clocks[i].relocate()
	}
}

// Recentre takes the target that was asked for at once, without a ramp: for a
// caller that has put the fill there itself. From one that is still above, the fill
// comes down as ever.
func (l *Loop) Recentre(fill float64) {
	l.control.begin()
	l.control.target = max(l.control.goal, fill)
}

// Rate returns the server's clock against CLOCK_MONOTONIC, plus = server fast.
// A path that does not resample sees from it where its fill is going.
func (l *Loop) Rate() aes67.PPB { return aes67.PPB(l.clocks[l.using].fast() * 1e9) }

// Wander returns how much the loop itself moves the pitch in Fine: the standard
// deviation of the trim about its mean over half a minute.
func (l *Loop) Wander() aes67.PPB { return aes67.PPB(math.Sqrt(l.wander.square) * 1e9) }

// Reset goes back to Acquire and measures the arrivals afresh. The count may go
// on or begin anew. For the caller whose sound server was away: it is then not
// where it was thought to be.
func (l *Loop) Reset() {
	l.Halt()
	for i := range l.clocks {
		l.clocks[i].reset()
	}
	l.fill = 0
}

// wander is the mean and the variance of a share, each forgetting.
type wander struct {
	begun        bool
	mean, square float64
}

// wanderMemory is the time over which the mean forgets.
const wanderMemory = 30 * time.Second

func (w *wander) add(dt time.Duration, share float64) {
	if !w.begun {
		w.begun, w.mean = true, share
	}
	gain := -math.Expm1(-float64(dt) / float64(wanderMemory))
	before := share - w.mean
	w.mean += gain * before
	w.square += gain * (before*(share-w.mean) - w.square)
}
