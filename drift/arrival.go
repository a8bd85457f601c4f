package drift

// Hot: runs in the sender context, once a message or a pull.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// arrival turns the stamps of monitor messages into a smooth count of the
// frames that the sound server has written by any instant:
//
//  1. Each message moves the server's own clock on by its length, as the
//     server rounds it.
//  2. That clock less the stamp tells how far ahead the arrival was. The
//     earliest of each window is a point: the first messages of a burst, odd
//     splits and late wake-ups are never the earliest.
//  3. A line through the points tells what the server's clock shows at any
//     instant, and with it how many frames it has written.
type arrival struct {
	rate aes67.Hz
	tick time.Duration // to which the server rounds a message's length down

	known  bool // whether anything has arrived
	origin aes67.MonoTime
	last   aes67.MonoTime // the newest arrival
	total  aes67.Frames   // counted then
	served time.Duration  // on the server's clock then, since origin

	// The open window.
	opened       aes67.MonoTime
	openedTotal  aes67.Frames
	openedServed time.Duration
	bestAt       float64 // ns since origin
	bestAhead    float64 // ns
	longest      time.Duration
	cycle        time.Duration // of the server's graph, as told

	windows    int
	longer     time.Duration // longest message of the last window
	surplus    float64       // frames beyond the server's nominal rate, as a share
	regression regression
}

const (
	// window holds a punctual arrival even on a loaded machine.
	window = 250 * time.Millisecond
	// settled is how long arrivals are watched before the count is trusted:
	// 22 cycles of a PipeWire graph at 256 frames and 48 kHz.
	settled = 120 * time.Millisecond
	// silence without arrivals breaks the count, or four messages or cycles if
	// longer.
	silence = 100 * time.Millisecond
	// surplusGain averages the surplus over 8 s: PulseAudio's odd pieces come
	// in bunches.
	surplusGain = 1. / 32
)

// reset forgets all arrivals.
func (a *arrival) reset() {
	*a = arrival{rate: a.rate, tick: a.tick, cycle: a.cycle}
}

// broken reports whether a pause is too long to be counted across.
func (a *arrival) broken(pause time.Duration) bool {
	return pause > max(silence, 4*max(a.longest, a.longer, a.cycle))
}

// arrived takes the frames counted with a message, and its stamp.
func (a *arrival) arrived(total aes67.Frames, at aes67.MonoTime) {
	length := a.length(total - a.total) // of the first it is not known
	if a.known {
		a.longest = max(a.longest, length)
		if total < a.total || a.broken(at.Sub(a.last)) {
			a.reset()
		}
	}
	if !a.known {
		a.known, a.origin, a.last, a.total = true, at, at, total
		a.open(at)
		a.bestAhead = 0
		return
	}
	a.total, a.last = total, max(a.last, at)
	a.served += length
	if at.Sub(a.opened) >= window {
		a.close()
		a.open(at)
	}
	since := at.Sub(a.origin)
	if ahead := float64(a.served - since); ahead > a.bestAhead {
		a.bestAt, a.bestAhead = float64(since), ahead
		a.regression.early(a.bestAt, ahead)
	}
}

// length returns how far a message moves the server's clock on. No message
// is longer than a second.
func (a *arrival) length(frames aes67.Frames) time.Duration {
	frames = max(0, min(frames, aes67.Frames(a.rate)))
	return time.Duration(int64(frames)*int64(time.Second)/int64(a.rate)) / a.tick * a.tick
}

func (a *arrival) open(at aes67.MonoTime) {
	a.opened, a.openedTotal, a.openedServed = at, a.total, a.served
	a.bestAhead = math.Inf(-1)
	a.longer, a.longest = a.longest, 0
}

func (a *arrival) close() {
	a.regression.add(a.bestAt, a.bestAhead)
	if nominal := float64(a.served-a.openedServed) * a.perNS(); nominal > 0 {
		surplus := float64(a.total-a.openedTotal)/nominal - 1
		a.windows++
		a.surplus += max(surplusGain, 1/float64(a.windows)) * (surplus - a.surplus)
	}
}

// relocate begins the line anew at the best of the open window, and opens
// another.
func (a *arrival) relocate() {
	if a.known && !math.IsInf(a.bestAhead, -1) {
		a.regression.begin(a.bestAt, a.bestAhead)
		a.open(a.last)
	}
}

// reopen opens another window, so that what has come so far is not in it. That counts
// as a window, however short it was: where the sound breaks off with each cycle no
// window would ever be whole, and a server that has lost some time would stay late for ever.
func (a *arrival) reopen() {
	switch {
	case a.regression.weight == 0:
		a.relocate() // nothing but the open window tells what has come
	case !math.IsInf(a.bestAhead, -1):
		a.regression.add(a.bestAt, a.bestAhead) // a surplus of so little is rounding
		a.open(a.last)
	}
}

// perNS returns the nominal rate in frames per ns.
func (a *arrival) perNS() float64 { return float64(a.rate) / float64(time.Second) }

// ready reports whether the count can be trusted.
func (a *arrival) ready() bool { return a.known && a.last.Sub(a.origin) >= settled }

// written returns the frames written by instant at.
func (a *arrival) written(at aes67.MonoTime) float64 {
	since := at.Sub(a.origin)
	ahead := a.bestAhead
	if a.regression.weight > 0 {
		ahead = a.regression.ahead(float64(since))
	}
	beyond := float64(since-a.served) + ahead // ns since the newest message ended
	return float64(a.total) + beyond*(1+a.surplus)*a.perNS()
}

// fast returns the server's frames per second of CLOCK_MONOTONIC, against its
// nominal rate, less 1.
func (a *arrival) fast() float64 {
	return (1+a.regression.slope())*(1+a.surplus) - 1
}
