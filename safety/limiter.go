package safety

// Hot file: gain runs once a frame in the sender context.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// holdTime keeps the limiter's gain over half a wave of 50 Hz, so that it
	// does not follow the wave itself.
	holdTime = 10 * time.Millisecond
	// releaseTime is how long the limiter takes to give the gain back.
	releaseTime = 150 * time.Millisecond
	// near is the share of the ceiling from which a peak still holds the gain:
	// the peaks of a steady tone are not sampled all at the same height.
	near = 0.99
)

// limiter finds the gain that keeps frames at or below the ceiling.
type limiter struct {
	ceiling float64 // amplitude; full scale is 1

	gain     float64 // 1 or less; exactly 1 when nothing is limited
	low      float64 // from which the gain rises
	held     int     // frames until it may rise
	released int     // frames since then

	hold, release int // frames
}

func newLimiter(rate aes67.Hz, ceilingDBFS float64) limiter {
	return limiter{
		ceiling: math.Pow(10, ceilingDBFS/20),
		gain:    1,
		hold:    int(aes67.FramesIn(holdTime, rate)),
		release: int(aes67.FramesIn(releaseTime, rate)),
	}
}

// follow sets the gain for a frame whose largest sample is peak.
func (l *limiter) follow(peak float64) {
	switch level := peak * l.gain; {
	case level > l.ceiling:
		l.grip(l.ceiling / peak)
	case l.gain == 1:
	case level > near*l.ceiling:
		l.grip(l.gain)
	case l.held > 0:
		l.held--
	case l.released+1 < l.release:
		l.released++
		u := float64(l.released) / float64(l.release)
		l.gain = l.low + (1-l.low)*u*u*(3-2*u)
	default:
		l.gain = 1
	}
}

// grip holds a gain, from which it is given back later.
func (l *limiter) grip(gain float64) {
	l.gain, l.low, l.held, l.released = gain, gain, l.hold, 0
}

// let lets go at once.
func (l *limiter) let() { l.gain = 1 }

// clip is the last word, against rounding.
func (l *limiter) clip(x float64) float64 { return max(-l.ceiling, min(x, l.ceiling)) }
