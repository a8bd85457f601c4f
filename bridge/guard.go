package bridge

// Hot: as pipeline.go: doubt runs in the capture context, next and apply in
// the sender context, settle in the control context.

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ring"
)

// guard applies a gain of the bridge's own from the very frame on from which the
// sound server's volume is another one. The server tells that its volume changes
// before the first frame at it, but not to what:
//
//	capture   frame 4800: in doubt ──┐ (the frames are in the ring)
//	control                          └─ asks the server, 1 ms ── settles: ramp ─┐
//	sender    … frame 4700 …                          … frame 4799, gain down ──┴─ frame 4800, ramp …
//
// A sound in doubt that is to be sent before it is settled is faded out, and in
// again afterwards: to be heard too late is better than too loud. A gain that
// falls has fallen before the first frame that it is for, or fades at once where it
// settles no doubt, or the server leaves the samples as they are (Alone); one that rises does so
// after it: after the last doubt that is answered, for what the volume was meanwhile
// nobody knows, and after what a server that was held up has made by then. What cannot
// be kept count of is in doubt. A balance belongs to its ramp: a channel that it turns
// down has fallen before the gain rises, and one that it turns up rises only once the
// gain is in force.
type guard struct {
	rate    aes67.Hz     // of the stream
	backlog aes67.Frames // of the sink: the most that a server is known to hold back
	fade    aes67.Frames // of the sink: how long a gain falls
	lead    aes67.Frames // of the sink: how early it has fallen, where there is the time

	doubted atomic.Uint64 // doubts so far
	doubts  *ring.Queue[doubt]
	answers *ring.Queue[answer]
	// newest is an answer that found no room, for nobody has sent for long: it
	// replaces all before it.
	newest   atomic.Pointer[answer]
	answered uint64        // answers so far; of the control context
	inForce  atomic.Uint64 // the last one that is in force, or nothing is sent before it is

	// Owned by the sender context.
	made    aes67.Frames   // by the server up to now, delivered or not, as far as is known
	rises   aes67.Frames   // up to it no gain does
	popped  uint64         // the last doubt that was seen
	taken   uint64         // the last answer
	settled uint64         // the last one that is settled
	open    fifo[doubt]    // not settled
	ahead   fifo[change]   // settled, not yet to be heard
	ramp    aes67.Ramp     // in force
	own     bool           // that of the ramp in force: it may fall in a fade
	passed  aes67.MonoTime // since then
	gain    float64        // at the end of the last block
	lags    bool           // behind a ramp that climbed while nobody heard it: it does not leap
	balance balance        // that of the ramp in force; without channels where there is none
	duck    float64        // the fade of a doubt: 0 is silent
}

// doubt is a frame, in the count of frames written, from which on the volume is
// not known.
type doubt struct {
	number uint64
	at     aes67.Frames
	rises  aes67.Frames // what the server had made by then: no gain rises before it
}

// answer settles all doubts up to a number.
type answer struct {
	number  uint64
	doubts  uint64
	ramp    aes67.Ramp
	balance []float64 // nobody writes to it
}

// change is a ramp, and the balance that belongs to it, that begins at a frame.
type change struct {
	at      aes67.Frames
	rises   aes67.Frames // a gain does not before it
	ramp    aes67.Ramp
	balance []float64
	own     bool // it settles no doubt, or the server leaves the samples as they are
}

const (
	// guardDepth is how many changes may be on their way: a slider that is
	// dragged makes some dozens a second, and the ring holds one.
	guardDepth = 64
	// guardFade is the time in which a gain falls: what a doubt may take to be
	// settled is the buffer less this.
	guardFade = 2 * time.Millisecond
	// guardLead is a message of PulseAudio: of some changes, that of a monitor's
	// volume, it tells after the first message at the new volume.
	guardLead = 5 * time.Millisecond
	// guardReturn is how quickly, in dB a second, a gain rises to its ramp when the
	// server's volume has fallen: the change is told up to 20 ms before it is
	// heard, in which time this is less than a decibel. What a server that was held up
	// has yet to deliver was made before that, and waits for its end.
	guardReturn = 40
	// guardOver is when nothing is on its way any more that was made at the volume before.
	guardOver = 300 * time.Millisecond
	// guardLeast is where a gain begins to rise that was less: -80 dB.
	guardLeast = 1e-4
)

func newGuard(sink, stream aes67.Hz) guard {
	return guard{
		rate: stream, backlog: aes67.FramesIn(keepBeyond, sink), fade: aes67.FramesIn(guardFade, sink), lead: aes67.FramesIn(guardLead, sink),
		doubts:  ring.NewQueue[doubt](guardDepth),
		answers: ring.NewQueue[answer](guardDepth),
		gain:    1, duck: 1,
	}
}

// Doubt tells that the sink's volume changes: the frames that come next may be at
// another one, which Settle tells. It belongs to the context of Frames.
func (p *Pipeline) Doubt() { p.guard.doubt(p.feed.ring.Written()) }

// Doubts returns how many doubts there have been. Any goroutine may ask.
func (p *Pipeline) Doubts() uint64 { return p.guard.doubted.Load() }

// Settle answers all doubts up to a number: from the first of them on the sound
// gets a gain of the bridge's own, and beside it a balance, factors of at most 1 by which
// channels are turned down. It returns the answer's number, for InForce. One goroutine may
// call it at a time.
func (p *Pipeline) Settle(doubts uint64, gain aes67.Ramp, balance ...float64) (number uint64) {
	return p.guard.settle(doubts, gain, balance...)
}

// InForce is the number of the last answer whose gain all has that is pulled from now on.
// Any goroutine may ask.
func (p *Pipeline) InForce() uint64 { return p.guard.inForce.Load() }

// doubt notes that the volume may be another one from frame at on.
func (g *guard) doubt(at aes67.Frames) {
	number := g.doubted.Load() + 1
	g.doubts.Push(doubt{number: number, at: at}) // one that finds no room is missed by its number
	g.doubted.Store(number)
}

// settle answers the doubts up to a number with a ramp, and a balance: factors of the
// channels, of which those that are missing are 1. It returns the answer's number.
func (g *guard) settle(doubts uint64, ramp aes67.Ramp, balance ...float64) (number uint64) {
	g.answered++
	a := answer{g.answered, doubts, ramp, slices.Clone(balance)}
	if !g.answers.Push(a) {
		kept := a
		g.newest.Store(&kept)
	}
	return g.answered
}

// next returns the gains at both ends of a block, exactly 1 where nothing is to
// be done. The block holds sound of the sink up to frame until, need of which are
// new in it, leaves at instant due and is some frames of the stream long.
func (g *guard) next(until, need aes67.Frames, due aes67.MonoTime, frames int) (from, to float64) {
	lost := g.collect()
	least := g.pass(until, due)
	from, to = g.gain, g.gain
	g.balance.holds = false
	switch {
	case least < to && g.own: // no frame is louder than the last
		g.balance.holds = true
		to = max(least, to-float64(frames)/float64(aes67.FramesIn(guardFade, g.rate)))
	case least <= to: // has not fallen in time, or just that
		from, to = least, least
	case g.balance.falls(): // a channel that is turned down must not rise before
	case g.ramp.Alone && !g.climbs():
		to = min(least, to+float64(frames)/float64(aes67.FramesIn(guardRise, g.rate)))
	case until <= g.rises:
	default:
		rise := math.Pow(10, guardReturn*float64(frames)/float64(g.rate)/20)
		to = min(least, max(to, guardLeast)*rise)
	}
	for i := range g.ahead.count {
		c := g.ahead.at(i)
		left := c.at - until
		if left >= g.lead+g.fade+need {
			break
		}
		to = min(to, towards(g.gain, c.ramp.Gain(due), max(left-g.lead, min(left, g.fade)), need))
	}
	g.gain, g.lags = to, g.lags && to < least
	if g.ahead.count == 0 && g.gain <= least && !g.balance.falls() {
		g.inForce.Store(g.taken)
	}
	duckFrom, duckTo := g.ducked(lost, until, need, frames)
	return from * duckFrom, to * duckTo
}

// rest takes the answers while nothing is sent of what is behind frame until. What was
// told long ago is in force when the sound comes back, and has not to come back slowly, but
// for a gain that is to rise slowly: nobody has heard it meanwhile.
func (g *guard) rest(until aes67.Frames, due aes67.MonoTime) {
	g.collect()
	if least := g.pass(until+1, due); least < g.gain || due.Sub(g.passed) >= guardOver && !g.climbs() {
		g.gain = least
	}
	g.balance.arrive()
	g.inForce.Store(g.taken)
}

// pass puts the changes in force that begin before a frame, and returns the least gain
// since the last call.
func (g *guard) pass(until aes67.Frames, due aes67.MonoTime) (least float64) {
	least = g.ramp.Gain(due)
	own := true
	for g.ahead.count > 0 && g.ahead.first().at < until {
		c := g.ahead.first()
		own = own && c.own
		g.lags = g.climbs()
		g.ramp, g.own, g.rises, g.passed = c.ramp, own, max(g.rises, c.rises), due
		g.balance.set(c.balance)
		g.ahead.drop()
		least = min(least, g.ramp.Gain(due))
	}
	return least
}

// climbs reports whether the gain rises slowly, by its ramp or behind one that has risen.
func (g *guard) climbs() bool { return g.lags || g.ramp.Climbs() }

// ducked moves the fade of the oldest doubt.
func (g *guard) ducked(lost bool, until, need aes67.Frames, frames int) (from, to float64) {
	from = g.duck
	switch at := g.doubtful(lost, until); {
	case at < until:
		from, to = 0, 0
	case at < until+g.fade+need:
		to = towards(from, 0, at-until, need)
	default:
		to = min(1, from+float64(frames)/float64(aes67.FramesIn(guardRise, g.rate)))
	}
	g.duck = to
	return from, to
}

// guardRise is the time in which a sound comes back whose doubt is settled, and in which
// a gain rises that waits for nobody.
const guardRise = 5 * time.Millisecond

// doubtful returns the first frame that may not be heard.
func (g *guard) doubtful(lost bool, until aes67.Frames) aes67.Frames {
	switch {
	case lost:
		return until - 1
	case g.open.count > 0:
		return g.open.first().at
	}
	return math.MaxInt64 / 2
}

// towards returns the gain at the end of a block on the way from one gain to a
// lower one, which must be reached at the last block's end before a frame that is
// left frames away.
func towards(gain, lower float64, left, need aes67.Frames) float64 {
	blocks := 1 + left/max(1, need)
	return gain + min(0, lower-gain)/float64(blocks)
}

// collect takes what the other contexts have told. lost reports a doubt of which
// nothing but its number is known.
func (g *guard) collect() (lost bool) {
	g.takeDoubts()
	if a := g.newest.Swap(nil); a != nil && a.number > g.taken {
		own := true
		for g.ahead.count > 0 {
			c := g.ahead.first()
			g.rises, own = max(g.rises, c.rises), own && c.own
			g.ahead.drop()
		}
		g.take(*a, own)
	}
	for g.ahead.room() {
		a, ok := g.answers.Pop()
		if !ok {
			break
		}
		if a.number > g.taken {
			g.takeDoubts() // those that it settles were told before it
			g.take(a, true)
		}
	}
	return g.doubted.Load() > max(g.popped, g.settled) && !g.takeDoubts()
}

// takeDoubts reports whether all doubts that were told have been taken.
func (g *guard) takeDoubts() (all bool) {
	told := g.doubted.Load()
	for g.open.room() {
		d, ok := g.doubts.Pop()
		if !ok {
			break
		}
		g.popped = d.number
		if d.number > g.settled {
			d.rises = max(d.at, min(g.made, d.at+g.backlog))
			g.open.add(d)
		}
	}
	return max(g.popped, g.settled) >= told
}

// take ends doubts: their ramp is in force from the first of them on, or at once
// if none was open, or the server's volume is in no frame. own tells that all changes
// which it replaces are.
func (g *guard) take(a answer, own bool) {
	c := change{at: math.MinInt64, ramp: a.ramp, balance: a.balance, own: own && (a.ramp.Alone || a.doubts <= g.settled)}
	g.taken = a.number
	g.settled = max(g.settled, a.doubts)
	if g.ahead.count > 0 {
		c.at = g.ahead.last().at // never before what was told earlier
	}
	for first := true; g.open.count > 0 && g.open.first().number <= a.doubts; first = false {
		if first && !a.ramp.Alone {
			c.at = max(c.at, g.open.first().at)
		}
		c.rises = max(c.rises, g.open.first().rises)
		g.open.drop()
	}
	g.ahead.add(c)
}

// apply puts the gains to a block, and touches nothing where both are 1.
func apply(block [][]float64, from, to float64) {
	if from == 1 && to == 1 {
		return
	}
	step := (to - from) / float64(len(block[0]))
	for _, channel := range block {
		for i := range channel {
			channel[i] *= from + step*float64(i+1)
		}
	}
}

// fifo is a short queue of one context.
type fifo[T any] struct {
	items [guardDepth]T
	begin int
	count int
}

func (f *fifo[T]) room() bool { return f.count < len(f.items) }
func (f *fifo[T]) at(i int) T { return f.items[(f.begin+i)%len(f.items)] }
func (f *fifo[T]) first() T   { return f.at(0) }
func (f *fifo[T]) last() T    { return f.at(f.count - 1) }
func (f *fifo[T]) drop()      { f.begin, f.count = (f.begin+1)%len(f.items), f.count-1 }

func (f *fifo[T]) add(item T) {
	f.items[(f.begin+f.count)%len(f.items)] = item
	f.count++
}
