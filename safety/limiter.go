package safety

// Hot: take runs once a packet in the sender context, gainAt once a frame.

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"aes67-sink/aes67"
)

const (
	// holdTime keeps the limiter's gain over half a wave of 50 Hz, so that it
	// does not follow the wave itself.
	holdTime = 10 * time.Millisecond
	// releaseTime is how long the limiter takes to give the gain back.
	releaseTime = 150 * time.Millisecond
	// aim is the share of the ceiling to which a peak above it is brought: what
	// four values a frame read too low, up to a sixth of the rate (cos(pi/4/6)).
	aim = 0.99
	// near is the share of that to which such a peak must have been brought to
	// hold the gain: the peaks of a steady tone are not all read at the same
	// height. A peak at or below the ceiling holds nothing.
	near = 0.99
	// one is a whole gain. What is missing from it is counted in integers, so
	// that sums of it are exact, and nothing missing is a gain of exactly 1.
	one = 1 << 40
	// fastest is the ratio's bound on either side, by which a delay of the
	// resampler may be shorter than told (resample.MaxRatio: 5000 ppm).
	fastest = 0.005
)

// limiter finds the gain that keeps frames at or below the ceiling. It is given
// the peak of each frame of the sink ahead of the block that shows it:
//
//	wanted   falls at once to what the peak needs, is held, and rises slowly
//	least    the smallest wanted from ahead frames before to the frame
//	gain     the mean of least over the same time, weighted by a triangle
//
// All ahead+1 values of least that the gain of a frame is made of reach over that
// frame, so the gain is never above its wanted one.
type limiter struct {
	ceiling float64 // amplitude; full scale is 1

	// wanted, now.
	gain          float64 // 1 or less; exactly 1 when nothing is limited
	low           float64 // from which the gain rises
	held          int     // frames until it may rise
	released      int     // frames since then
	hold, release int     // frames

	// The last frames, by their numbers modulo a power of two. All hold what is
	// missing from a gain, in units of one.
	ahead               int64
	wanted, least, mean []int64
	short, long         int64 // the lengths of two means, which make a triangle
	shortSum, longSum   int64
	missing             []int64 // from the gains, times short times long
	next                int64   // the frame to come
	quiet               int     // frames since wanted was not 1
	limited             int64   // the latest frame whose gain is not 1
	late                float64 // a peak that was too large in spite of the gain
}

// newLimiter makes a limiter whose blocks show frames of the sink as much later
// as delay says, in its frames, and reach over as many as span.
func newLimiter(rate aes67.Hz, delay, ceilingDBFS float64, span int) limiter {
	// The gain of the frame behind the one shown is needed too, and the peak at a
	// frame is known reach later.
	ahead := max(0, int(delay*(1-fastest))-reach-1)
	short := (ahead + 2) / 2
	size, gains := powerOfTwo(ahead+1), powerOfTwo(ahead+span)
	l := limiter{
		ceiling: math.Pow(10, ceilingDBFS/20),
		hold:    max(int(aes67.FramesIn(holdTime, rate)), ahead+1),
		release: int(aes67.FramesIn(releaseTime, rate)),
		ahead:   int64(ahead),
		wanted:  make([]int64, size), least: make([]int64, size), mean: make([]int64, size),
		short: int64(short), long: int64(ahead + 2 - short),
		missing: make([]int64, gains),
	}
	l.reset()
	return l
}

func powerOfTwo(atLeast int) int { return 1 << bits.Len(uint(atLeast)) }

// reset begins anew with the frame number 0 as the first.
func (l *limiter) reset() {
	l.gain, l.low, l.held, l.released = 1, 1, 0, 0
	for _, ring := range [][]int64{l.wanted, l.least, l.mean, l.missing} {
		clear(ring)
	}
	l.shortSum, l.longSum, l.late = 0, 0, 0
	l.next, l.quiet, l.limited = -reach, l.forgotten(), math.MinInt64
}

// idle reports whether frames whose peaks are at most so large leave all as it
// is: nothing is limited, nor remembered.
func (l *limiter) idle(peak float64) bool {
	return l.quiet >= l.forgotten() && max(peak, l.late) <= l.ceiling
}

// forgotten is how many frames after the last that was limited every ring holds
// nothing but zeros.
func (l *limiter) forgotten() int { return 3 * len(l.wanted) }

// skip is take for frames that leave all as it is.
func (l *limiter) skip(frames int) {
	for i := range int64(frames) {
		*l.at(l.next - l.ahead + i) = 0
	}
	l.next += int64(frames)
}

// take finds the gains of the frames that lie ahead before the next ones, whose
// peaks are given.
func (l *limiter) take(peaks []float64) {
	if l.idle(slices.Max(peaks)) {
		l.skip(len(peaks))
		return
	}
	for _, peak := range peaks {
		l.step(peak)
	}
}

func (l *limiter) step(peak float64) {
	l.follow(max(peak, l.late))
	l.late = 0
	wanted := int64(math.Ceil((1 - l.gain) * one))
	if l.quiet++; wanted > 0 {
		l.quiet = 0
	}
	i, mask := l.next, int64(len(l.wanted)-1)
	l.next++
	// A fall is held for longer than ahead, and a rise is steady: the least lies
	// at one of the ends.
	l.wanted[i&mask] = wanted
	least := max(wanted, l.wanted[(i-l.ahead)&mask])
	l.shortSum += least - back(l.least, i, l.short, least)
	l.longSum += l.shortSum - back(l.mean, i, l.long, l.shortSum)
	if *l.at(i - l.ahead) = l.longSum; l.longSum != 0 {
		l.limited = i - l.ahead
	}
}

// back puts a value into a ring at i and returns the one that many before.
func back(ring []int64, i, before, value int64) int64 {
	mask := int64(len(ring) - 1)
	ring[i&mask] = value
	return ring[(i-before)&mask]
}

// at is what is missing from the gain of a frame.
func (l *limiter) at(frame int64) *int64 { return &l.missing[frame&int64(len(l.missing)-1)] }

// follow moves the wanted gain on by a frame with that peak.
func (l *limiter) follow(peak float64) {
	switch {
	case l.gain == 1:
	case l.held > 0:
		l.held--
	case l.released+1 < l.release:
		l.released++
		u := float64(l.released) / float64(l.release)
		l.gain = l.low + (1-l.low)*u*u*(3-2*u)
	default:
		l.gain = 1
	}
	if peak <= l.ceiling {
		return
	}
	if level := peak * l.gain; level > aim*l.ceiling {
		l.grip(aim * l.ceiling / peak)
	} else if level > near*aim*l.ceiling {
		l.grip(l.gain)
	}
}

// grip holds a gain, from which it is given back later.
func (l *limiter) grip(gain float64) {
	l.gain, l.low, l.held, l.released = gain, gain, l.hold, 0
}

// known brings a position to where gains are known.
func (l *limiter) known(position float64) float64 {
	newest := l.next - 1 - l.ahead
	oldest := newest - int64(len(l.missing)) + 1
	if !(position < float64(newest)) { // NaN too
		return float64(newest)
	}
	return max(position, float64(oldest))
}

// resting reports whether the gain is exactly 1 from a position on.
func (l *limiter) resting(from float64) bool {
	return int64(math.Floor(l.known(from))) > l.limited
}

// gainAt returns the gain at a position, on the line between those of the frames
// before and behind it.
func (l *limiter) gainAt(position float64) float64 {
	position = l.known(position)
	floor := math.Floor(position)
	i, part := int64(floor), position-floor
	missing := float64(*l.at(i))
	if part > 0 {
		missing += part * (float64(*l.at(i + 1)) - missing)
	}
	return 1 - missing/float64(one*l.short*l.long)
}

// clip is the last word. What it finds too large makes the gain fall, as soon
// as it smoothly can.
func (l *limiter) clip(x, gain float64) float64 {
	y := x * gain
	if math.Abs(y) <= l.ceiling {
		return y
	}
	l.late = max(l.late, math.Abs(x))
	return max(-l.ceiling, min(y, l.ceiling))
}
