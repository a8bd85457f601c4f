package bridge

// Hot: as pipeline.go.

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/resample"
	"aes67-sink/safety"
)

// untouched is the way around the resampler: the sink's samples go out as they
// are. The resampler runs on beside it at a ratio of exactly 0, so each way is
// ready when the other is left. Between them lies less than a frame, and a fade.
type untouched struct {
	on   bool
	step int   // along the fade: 0 is resampled, len(fade)-1 untouched
	next int64 // the resampler's input frame that is due next
	runs bool  // next is known
	fade []float64
	own  [][]float64 // the sink's samples of a block
}

const (
	// untouchedFade is long against the part of a frame between the two ways:
	// what is heard of it is less than a decibel at 18 kHz, for so long.
	untouchedFade = 50 * time.Millisecond
	// untouchedNear is how far off its target the fill may be to begin with.
	untouchedNear = time.Millisecond
	// untouchedAbove and untouchedBelow are how far it may go. A server that
	// rounds its messages lets it grow: PipeWire by 0.2 frames a minute, PulseAudio
	// by up to 5 a second. Growing costs latency; falling costs the margin.
	untouchedAbove, untouchedBelow = 12 * time.Millisecond, time.Millisecond
)

func newUntouched(channels int, rate aes67.Hz) untouched {
	u := untouched{fade: safety.FadeIn(int(aes67.FramesIn(untouchedFade, rate))), own: make([][]float64, channels)}
	for c := range u.own {
		u.own[c] = make([]float64, safety.MaxBlock)
	}
	return u
}

// whole reports whether all samples go out untouched.
func (u *untouched) whole() bool { return u.step == len(u.fade)-1 }

// used reports whether some do.
func (u *untouched) used() bool { return u.on || u.step > 0 }

// set goes one of the ways without a fade, while all is silent.
func (u *untouched) set(on bool) {
	u.on, u.step, u.runs = on, 0, false
	if on {
		u.step = len(u.fade) - 1
	}
}

// replace puts the input's own frames in the place of the resampled ones, and
// reports whether it did so with all. whole and part say which input frame the
// block's first frame shows.
func (u *untouched) replace(from *resample.Resampler, out [][]float64, whole int64, part float64) (all bool) {
	if !u.used() {
		u.runs = false
		return false
	}
	if !u.runs {
		u.runs, u.next = true, whole
		if part >= 0.5 {
			u.next++
		}
	}
	all = u.whole()
	n := len(out[0])
	for c := range u.own {
		u.own[c] = u.own[c][:n]
	}
	from.Pushed(u.own, u.next)
	u.next += int64(n)
	for i := range n {
		switch {
		case u.on && u.step < len(u.fade)-1:
			u.step++
		case !u.on && u.step > 0:
			u.step--
		}
		if u.whole() {
			for c, channel := range out {
				channel[i] = u.own[c][i]
			}
			continue
		}
		all = false
		w := u.fade[u.step]
		for c, channel := range out {
			channel[i] += w * (u.own[c][i] - channel[i])
		}
	}
	return all
}
