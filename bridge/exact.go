package bridge

// Hot file, as pipeline.go.

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/drift"
	"aes67-sink/safety"
)

// exact is the way around the resampler: while the media clock ticks with
// CLOCK_MONOTONIC, as a grandmaster's does, and the sound server does too, the
// sink's samples go out as they are. The resampler runs on beside it at a ratio
// of exactly 0, so each way is ready when the other is left. Between them lies
// less than a frame, and a fade.
type exact struct {
	on   bool
	step int   // along the fade: 0 is resampled, len(fade)-1 untouched
	next int64 // the resampler's input frame that is due next
	fade []float64
	raw  [][]float64
}

const (
	// exactFade is long against the part of a frame between the two ways: what
	// is heard of it is less than a decibel at 18 kHz, for so long.
	exactFade = 50 * time.Millisecond
	// exactNear is how far off its target the fill may be to begin with.
	exactNear = time.Millisecond
	// exactAbove and exactBelow are how far it may go. A server that rounds its
	// fragments lets it grow: PipeWire by 0.2 frames a minute, PulseAudio by up
	// to 5 a second. Growing costs latency; falling costs the margin.
	exactAbove, exactBelow = 12 * time.Millisecond, 3 * time.Millisecond
)

func newExact(channels int, rate aes67.Hz) exact {
	e := exact{fade: safety.FadeIn(int(aes67.FramesIn(exactFade, rate))), raw: make([][]float64, channels)}
	for c := range e.raw {
		e.raw[c] = make([]float64, rawMost)
	}
	return e
}

// rawMost is the most frames of one block: 4 ms at 96 kHz, and more.
const rawMost = 1024

// full reports whether samples go out untouched.
func (e *exact) full() bool { return e.step == len(e.fade)-1 }

// reset goes back to resampling without a fade, while all is silent.
func (e *exact) reset() { e.on, e.step = false, 0 }

// choose decides between the two ways. rate is that of the media clock against
// CLOCK_MONOTONIC.
func (p *Pipeline) choose(rate aes67.PPB) {
	e := &p.exact
	frames := func(d time.Duration) float64 { return d.Seconds() * float64(p.cfg.SinkRate) }
	off := p.loop.Fill() - float64(p.target)
	one := rate == 0 && p.cfg.SinkRate == p.cfg.StreamRate && p.phase == Flowing && !p.low && p.loop.Same()
	switch {
	case !e.on && one && p.loop.State() == drift.Fine && math.Abs(off) <= frames(exactNear):
		e.on = true
	case e.on && (!one || off > frames(exactAbove) || off < -frames(exactBelow)):
		e.on = false
		p.loop.Touch()
	}
}

// pass puts the input's own frames in the place of the resampled ones. whole and
// part say which input frame the block's first frame shows.
func (p *Pipeline) pass(out [][]float64, whole int64, part float64) {
	e := &p.exact
	if !e.on && e.step == 0 {
		return
	}
	if e.step == 0 {
		e.next = whole
		if part >= 0.5 {
			e.next++
		}
	}
	n := len(out[0])
	for c := range e.raw {
		e.raw[c] = e.raw[c][:n]
	}
	p.resampler.Raw(e.raw, e.next)
	e.next += int64(n)
	for i := range n {
		switch {
		case e.on && e.step < len(e.fade)-1:
			e.step++
		case !e.on && e.step > 0:
			e.step--
		}
		if e.full() {
			for c, channel := range out {
				channel[i] = e.raw[c][i]
			}
			continue
		}
		w := e.fade[e.step]
		for c, channel := range out {
			channel[i] += w * (e.raw[c][i] - channel[i])
		}
	}
}
