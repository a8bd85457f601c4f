package bridge

// Hot: write and gap run in the capture context, the rest in the sender
// context. No allocation, lock, log, channel or map.

import (
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ring"
)

const (
	// ringTime is the least time that the ring holds: sound servers were seen to
	// hand over up to 200 ms at once after a stall.
	ringTime = time.Second
	// arrivalsHeld is how many arrivals may wait between two pulls: 17 ms of the
	// smallest messages that servers send (5 frames), several times over.
	arrivalsHeld = 1024
	// together is the time within which messages belong to one cycle, or half the time of
	// the longer of two if that is less: a sound
	// server cuts what its graph has rendered into messages, and sends them in a
	// row (pipewire-pulse, pulse-server.c, do_process_done).
	together = time.Millisecond
	// longestCycle is longer than any graph's: PipeWire's greatest quantum, 8192
	// frames, is 186 ms at 44.1 kHz. More at a time had been held up.
	longestCycle = 200 * time.Millisecond
	// pauseLimit is the time without a message, or without a pull, after which
	// what comes next is another sound.
	pauseLimit = 100 * time.Millisecond
	// keepBeyond is how much more than its target the ring may hold before the
	// oldest is dropped.
	keepBeyond = 250 * time.Millisecond
)

// arrival is one message: the count of all frames accepted by then. With joint
// it is none: what comes after that count does not continue what came before;
// with anew neither does the count. What comes after a joint is at a rate.
type arrival struct {
	total aes67.Frames
	at    aes67.MonoTime
	joint bool
	anew  bool
	rate  aes67.Hz
}

// feed is the way from the capture context to the sender's: it tells how many
// frames of one sound are ready.
type feed struct {
	channels int

	ring     *ring.Ring
	arrivals *ring.Queue[arrival]
	cycle    atomic.Int64 // frames that the server's graph renders at a time
	pulled   atomic.Int64 // the newest pull's instant, aes67.MonoTime
	sounded  atomic.Int64 // when there was last any sound, aes67.MonoTime

	// Of the capture context.
	in      aes67.Hz       // of what comes
	heard   bool           // a message has come
	heardAt aes67.MonoTime // the last one
	before  aes67.Frames   // that it had
	lump    aes67.Frames   // of the cycle that is arriving
	cycles  cycles
	missed  bool // a joint that found no room

	// Of the sender context.
	rate     aes67.Hz     // of what is read
	nextRate aes67.Hz     // of what is behind the last joint
	taken    aes67.Frames // read or dropped since the start
	joint    joint
}

// joint is where two sounds meet in the ring that do not join: played across,
// it would click.
type joint struct {
	ahead  bool
	before aes67.Frames // the count of frames at which the first sound ends
	behind aes67.Frames // and at which the last begins
}

func newFeed(channels int, rate aes67.Hz, capacity aes67.Frames) *feed {
	f := &feed{
		channels: channels,
		in:       rate, rate: rate, nextRate: rate,
		ring:     ring.New(channels, capacity),
		arrivals: ring.NewQueue[arrival](arrivalsHeld),
	}
	f.pulled.Store(never)
	f.sounded.Store(never)
	return f
}

// never is long before any instant.
const never = -1 << 62

// soundAfter is how long it must have been silent for a sound to be told of.
const soundAfter = time.Second

// hear notes when there was last any sound. It reports whether one has begun.
func (f *feed) hear(samples []float32, at aes67.MonoTime) (began bool) {
	for _, x := range samples {
		if x != 0 {
			return at.Sub(aes67.MonoTime(f.sounded.Swap(int64(at)))) > soundAfter
		}
	}
	return false
}

// write takes one message of interleaved samples that arrived at an instant. It
// never blocks; what does not fit is dropped and counted. While nobody pulls,
// nothing is kept.
func (f *feed) write(samples []float32, at aes67.MonoTime) {
	frames := aes67.Frames(len(samples) / f.channels)
	f.measure(frames, at)
	if at.Sub(aes67.MonoTime(f.pulled.Load())) > pauseLimit {
		f.missed = true
		return
	}
	if f.missed {
		f.missed = !f.push(arrival{joint: true, anew: true})
	}
	if f.ring.Write(samples) < frames {
		f.missed = true // what was dropped is missing behind what is there
	}
	f.push(arrival{at: at})
}

// measure follows the length of a cycle and finds long pauses.
func (f *feed) measure(frames aes67.Frames, at aes67.MonoTime) {
	since := at.Sub(f.heardAt)
	if !f.heard || since >= min(together, max(frames, f.before).Duration(f.in)/2) {
		if f.lump > 0 && f.lump.Duration(f.in) <= longestCycle {
			f.cycle.Store(int64(f.cycles.add(f.lump)))
		}
		f.lump = 0
	}
	f.lump += frames
	if f.heard && since > max(pauseLimit, 4*aes67.Frames(f.cycle.Load()).Duration(f.in)) {
		f.gap()
	}
	f.heard, f.heardAt, f.before = true, at, frames
}

// gap tells that the next message does not continue the last one.
func (f *feed) gap() {
	if !f.push(arrival{joint: true}) {
		f.missed = true
	}
}

func (f *feed) push(a arrival) bool {
	a.total, a.rate = f.ring.Written(), f.in
	return f.arrivals.Push(a)
}

// next gives the next arrival, until ok is false. Joints it takes note of.
func (f *feed) next() (a arrival, ok bool) {
	a, ok = f.arrivals.Pop()
	if ok && a.joint {
		f.meet(a)
	}
	return a, ok
}

// meet takes note of a joint, unless it was passed already, which one of the rate never is.
func (f *feed) meet(a arrival) {
	turns := a.rate != f.nextRate
	f.nextRate = a.rate
	at := max(a.total, f.taken)
	switch {
	case a.total < f.taken && !turns:
	case f.joint.ahead:
		f.joint.behind = at // what lies between is not worth playing
	default:
		f.joint = joint{true, at, at}
	}
}

// turns reports whether what is read next is at another rate than what was read.
func (f *feed) turns() bool { return f.nextRate != f.rate && !f.joint.ahead }

// ready returns the frames that can be read as one sound.
func (f *feed) ready() aes67.Frames {
	if f.joint.ahead {
		return f.joint.before - f.taken
	}
	return f.ring.Available()
}

// view returns the next n frames, which must be ready, in two parts.
func (f *feed) view(n aes67.Frames) (first, second []float32) { return f.ring.View(n) }

// drop moves on by n frames, read or not. Once it is past the end of a sound
// that something else follows, it goes on to where that begins.
func (f *feed) drop(n aes67.Frames) {
	f.advance(n)
	if f.joint.ahead && f.taken > f.joint.before {
		f.toJoint()
	}
}

func (f *feed) advance(n aes67.Frames) {
	f.ring.Commit(n)
	f.taken += n
}

// toJoint drops what lies before a joint.
func (f *feed) toJoint() {
	if f.joint.ahead {
		f.advance(max(0, f.joint.behind-f.taken))
		f.joint = joint{}
	}
}

// surplus returns the frames that are more than a target and keepBeyond.
func (f *feed) surplus(target aes67.Frames) aes67.Frames {
	return max(0, f.ring.Available()-target-aes67.FramesIn(keepBeyond, f.rate))
}

// zeros returns how many of the next frames, n at most and all ready, are exact
// zeros on all channels.
func (f *feed) zeros(n aes67.Frames) aes67.Frames {
	first, second := f.ring.View(min(n, f.ready()))
	whole := leadingZeros(first)
	if whole == len(first) {
		whole += leadingZeros(second)
	}
	return aes67.Frames(whole / f.channels)
}

func leadingZeros(samples []float32) int {
	for i, x := range samples {
		if x != 0 {
			return i
		}
	}
	return len(samples)
}

// clear forgets all that has come so far.
func (f *feed) clear() {
	for range arrivalsHeld {
		a, ok := f.arrivals.Pop()
		if !ok {
			break
		}
		if a.joint {
			f.nextRate = a.rate
		}
	}
	f.advance(f.ring.Available())
	f.joint = joint{}
}

// cycles finds the length of the server's cycles from the lumps in which they
// arrive: the largest of the latest medians of three, so that neither a burst
// after a stall nor a cycle that was cut in two counts, and lumps of one cycle
// and of two in turn are not taken for a change each time.
type cycles struct {
	lumps   [3]aes67.Frames
	medians [8]aes67.Frames
	n       int
}

func (c *cycles) add(lump aes67.Frames) (cycle aes67.Frames) {
	c.lumps[c.n%len(c.lumps)] = lump
	a, b, d := c.lumps[0], c.lumps[1], c.lumps[2]
	median := max(min(a, b), min(max(a, b), d))
	if c.n < len(c.lumps)-1 {
		median = lump
	}
	c.medians[c.n%len(c.medians)] = median
	c.n++
	for _, m := range c.medians {
		cycle = max(cycle, m)
	}
	return cycle
}
