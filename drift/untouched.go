package drift

// Hot: runs in the sender context.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// This file serves a caller that sends its input on as it is, at a ratio
// of exactly 0, for as long as the clocks are one.

const (
	// sameClock is how far the server's clock may seem to be from
	// CLOCK_MONOTONIC, as a share, its own rounding aside. A sound card that
	// drives the server's graph is some ppm off at least.
	sameClock = 1e-6
	// lostUntouched stands for lostLeast: a fill that was let go.
	lostUntouched = 15 * time.Millisecond
	// sameSurplus bounds what the server's rounding may add; PulseAudio's null
	// sink was seen to give 99 ppm more frames than there is time for.
	sameSurplus = 200e-6
)

// Same reports whether the server ticks with CLOCK_MONOTONIC, as far as its
// arrivals tell. What it rounds is no other clock: the fill grows or falls by
// it, by some frames a second at most, which a caller can let happen for a while.
func (l *Loop) Same() bool {
	for i := range l.clocks { // it is enough that one way of rounding explains it
		clock := &l.clocks[i]
		if clock.ready() && math.Abs(clock.regression.slope()) <= sameClock && math.Abs(clock.surplus) <= sameSurplus {
			return true
		}
	}
	return false
}

// Untouched is Update for a caller whose ratio is exactly 0: it measures, and
// leaves the fill where it goes. The state can only fall to Acquire, when
// arrivals stop.
func (l *Loop) Untouched(at aes67.MonoTime, consumed float64) {
	l.begun, l.at, l.free = true, max(l.at, at), true
	clock := l.choose()
	l.fill = 0
	if clock.ready() {
		l.fill = clock.written(at) - consumed
	}
	l.control.ratio, l.control.trim, l.control.first, l.control.second, l.control.fed = 0, 0, 0, 0, 0
	l.held = false
	if pause := at.Sub(clock.last); !clock.ready() || clock.broken(pause) {
		l.enter(Acquire)
	}
}

// touch ends what Untouched began, at the next Update: the loop steers again,
// from a ratio of 0 and the fill that there is, which it lets come back to its
// target at 100 ppm.
func (l *Loop) touch() {
	l.free = false
	if l.state == Acquire {
		return
	}
	l.control.begin()
	if l.far(l.fill-l.control.goal, lostUntouched) {
		l.enter(Acquire)
		return
	}
	l.control.target = l.fill
	l.enter(Coarse)
}
