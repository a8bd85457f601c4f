package bridge

// Hot: behind runs at each pull. Pure: time is an argument.

import (
	"time"

	"aes67-sink/aes67"
)

// target is the policy of the latency: how many frames the ring shall hold, as
// the average of those written less those read.
//
// Less than a cycle of the sound server and one pull cannot be. What comes on top
// is the margin: by how much a cycle may be late without being heard. It is
// learnt from what was late, both ways. The need is known when a late cycle has
// arrived: exactly that is learnt, and forgotten after ten minutes.
type target struct {
	rate  aes67.Hz
	asked time.Duration // by the configuration; 0: automatic
	block time.Duration // of one pull
	pull  aes67.Frames  // that it needs, at most

	cycle aes67.Frames // of the sound server

	now    float64 // frames by which the server is behind
	short  float64 // and was at most since it was last on time
	excuse bool    // what is late now is not held against it

	// The greatest lateness, frames beyond a cycle, of the last ten minutes. What
	// is younger than a second or eight cycles may be a longer cycle.
	young      float64
	excused    float64        // taken off it, for a longer cycle explains so much
	grew, at   aes67.MonoTime // when that came, and the latest pull
	youngUntil aes67.MonoTime
	minutes    [10]float64
	minute     int
	minuteEnds aes67.MonoTime
}

const (
	// firstMargin is the least margin, and the one to begin with. On an idle
	// computer a server's thread is late by 0.1 to 0.7 ms (p99), seldom by 3 ms.
	firstMargin = 2 * time.Millisecond
	// spareLeast and spareMost bound what is added to the greatest lateness: half of
	// it, so that the buffer has mostly grown before it is too short.
	spareLeast, spareMost = 500 * time.Microsecond, time.Millisecond
	// mostLate bounds the margin: what is later than that was away. The latest
	// wake-up seen on a loaded machine was 40 ms.
	mostLate = 100 * time.Millisecond
	// punctual is the lateness, one pull aside, at which a server is on time.
	punctual = 1500 * time.Microsecond
	// fleeting, in cycles, is for how long at most a longer cycle that was none is seen.
	fleeting = 8
	// usualCycle stands in until a cycle has been seen: 256 frames at 48 kHz,
	// which is what is asked for.
	usualCycle = 5333 * time.Microsecond
)

func newTarget(rate aes67.Hz, asked, block time.Duration) target {
	return target{rate: rate, asked: asked, block: block, pull: aes67.FramesIn(block, rate) + 1, cycle: aes67.FramesIn(usualCycle, rate)}
}

// retune goes on with the sink at another rate: what was late is known in time.
func (t *target) retune(rate aes67.Hz) {
	by := float64(rate) / float64(t.rate)
	t.rate, t.pull = rate, aes67.FramesIn(t.block, rate)+1
	t.now, t.short, t.excuse = 0, 0, false
	t.young *= by
	for i := range t.minutes {
		t.minutes[i] *= by
	}
}

func (t *target) frames(d time.Duration) float64 { return d.Seconds() * float64(t.rate) }

// cycled tells the length of the server's cycles. What seemed late until now
// may just have been the first of longer ones.
func (t *target) cycled(cycle aes67.Frames) {
	if cycle <= 0 || cycle == t.cycle {
		return
	}
	switch {
	case 2*cycle > 3*t.cycle:
		explained := min(t.young, float64(cycle-t.cycle))
		t.young, t.excused, t.grew = t.young-explained, t.excused+explained, t.at
	case 3*cycle < 2*t.cycle:
		t.short = min(t.short, float64(cycle))
		if t.at.Sub(t.grew) < fleeting*t.cycle.Duration(t.rate) { // some that were late in a row look like this, too
			t.young += t.excused
		}
		t.excused = 0
	}
	t.cycle = cycle
}

// behind takes, at a pull, how many frames the server should have delivered and
// has not; known is false while nobody can tell.
func (t *target) behind(frames float64, known bool, at aes67.MonoTime) {
	t.age(at)
	t.at = at
	if !known {
		t.now, t.short, t.excuse = 0, 0, false
		return
	}
	t.short = max(t.short, frames)
	if t.late() > t.frames(mostLate) { // it was away, or has lost the time for good
		t.excuse = true
	}
	if arrived := frames < t.now; arrived && frames <= t.punctual() {
		if !t.excuse {
			t.young = max(t.young, t.late())
		}
		t.short, t.excuse = frames, false
	}
	t.now = frames
}

// punctual is how far behind a server on time may be at a pull after an arrival:
// one of long cycles is seldom asked, and may be later.
func (t *target) punctual() float64 { return t.frames(punctual) + float64(t.pull+t.cycle/16) }

// pardon leaves out what is late until the server is on time again: the whole
// computer stood still, and the silence that came of it cannot be helped.
func (t *target) pardon() { t.excuse = true }

// waits reports whether something that is late has not come yet.
func (t *target) waits() bool { return t.short > t.punctual() && t.now > t.punctual() }

// late is by how much the server is beyond a cycle, at the most since it was on
// time, frames.
func (t *target) late() float64 { return max(0, t.short-float64(t.cycle)) }

func (t *target) age(at aes67.MonoTime) {
	if at >= t.youngUntil {
		t.minutes[t.minute] = max(t.minutes[t.minute], t.young)
		t.young, t.excused = 0, 0
		t.youngUntil = at.Add(max(time.Second, 8*t.cycle.Duration(t.rate)))
	}
	if at >= t.minuteEnds {
		t.minute = (t.minute + 1) % len(t.minutes)
		t.minutes[t.minute] = 0
		t.minuteEnds = at.Add(time.Minute)
	}
}

// goal is the fill to keep: what was asked for, and where that cannot be kept, or
// nothing was, what was learnt. With begin the sound is to begin now: what is late
// at this moment counts too.
func (t *target) goal(begin bool) aes67.Frames {
	if asked := aes67.FramesIn(t.asked, t.rate); asked >= t.least() {
		return asked
	}
	late := t.young
	for _, l := range t.minutes {
		late = max(late, l)
	}
	if begin && !t.excuse {
		late = max(late, t.late())
	}
	late = min(late, t.frames(mostLate))
	late += min(max(late/2, t.frames(spareLeast)), t.frames(spareMost))
	return t.cycle + t.pull + aes67.Frames(max(late, t.frames(firstMargin)))
}

// least is the least fill that can be kept, with no more than spareLeast to
// spare.
func (t *target) least() aes67.Frames {
	return t.cycle + t.pull + aes67.Frames(t.frames(spareLeast))
}
