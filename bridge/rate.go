package bridge

// Hot: as pipeline.go.

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/drift"
	"aes67-sink/mediaclock"
	"aes67-sink/resample"
	"aes67-sink/safety"
)

// rate fits the sink's rate to the stream's: drift decides the ratio and the
// resampler applies it, or the samples go out untouched.
type rate struct {
	in, out   aes67.Hz
	clock     *mediaclock.Clock
	loop      *drift.Loop
	resampler *resample.Resampler
	history   aes67.Frames // to push after a break until nothing of what was is left
	forward   aes67.PPB    // the media clock's rate, without its steps

	unprimed  aes67.Frames // of history, still to push
	predicted aes67.Frames // pushed since the beginning without having arrived
	predictor predictor
	untouched untouched
}

func newRate(cfg PipelineConfig, in aes67.Hz, clock *mediaclock.Clock, goal aes67.Frames) (*rate, error) {
	resampler, err := resample.New(cfg.Channels, in, cfg.StreamRate)
	if err != nil {
		return nil, err
	}
	return &rate{
		in: in, out: cfg.StreamRate, clock: clock,
		loop:      drift.NewLoop(drift.Config{InRate: in, Target: goal}),
		resampler: resampler,
		history:   aes67.Frames(2 * math.Ceil(resampler.Delay())),
		predictor: newPredictor(cfg.Channels, in),
		untouched: newUntouched(cfg.Channels, cfg.StreamRate),
	}, nil
}

// ofSink is how many frames the sink plays in the time of so many of a stream.
func (r *rate) ofSink(frames aes67.Frames) aes67.Frames {
	return aes67.FramesIn(frames.Duration(r.out), r.in)
}

// begin starts afresh, in silence, from the next frame pushed. Where the clocks
// are one it is untouched from the first frame on.
func (r *rate) begin() {
	r.loop.Start()
	r.resampler.Reset()
	r.predictor.reset()
	r.unprimed, r.predicted = r.history, 0
	m, _ := r.clock.Load()
	r.untouched.set(r.same(m))
}

// halt ends what begin began.
func (r *rate) halt() {
	r.loop.Halt()
	r.untouched.set(false)
}

// primed reports whether nothing of an older sound is left in the resampler:
// its output would have an edge that no fade hides.
func (r *rate) primed() bool { return r.unprimed == 0 }

// lost reports whether the fill is beyond what steering brings back.
func (r *rate) lost() bool { return r.loop.State() == drift.Acquire }

// consumed is the input position that the resampler has reached, in the count
// of the arrivals' totals; taken is how many were read or dropped.
func (r *rate) consumed(taken aes67.Frames) float64 {
	return float64(taken+r.predicted) - r.resampler.Position()
}

// steer sets the ratio that drift wants at the end of this block.
func (r *rate) steer(due aes67.MonoTime, block, taken aes67.Frames, reading, silent bool) {
	m, _ := r.clock.Load()
	r.choose(m, reading, silent, float64(r.ofSink(block)))
	if r.untouched.used() {
		r.loop.Untouched(due, r.consumed(taken))
		r.resampler.SetRatio(0, int(block))
	} else {
		r.resampler.SetRatio(r.loop.Update(due, r.consumed(taken), r.smooth(m.Sound(), block)), int(block))
	}
}

const (
	// The media clock's rate comes in steps: with each Sync, and with each reading of
	// CLOCK_MONOTONIC. Each is a kink of the phase, which a pure tone of 18 kHz shows
	// at -116 dB for 150 ppb. Taken over forwardTime it is 23 dB less 45 Hz beside the tone,
	// and a master that wanders by 1.6 ppm a second is followed 0.08 ppm behind.
	forwardTime = 50 * time.Millisecond
	// forwardStep is what is taken at once: a slew, or a change of the clock.
	forwardStep aes67.PPB = 1000
)

// smooth takes the rate of a block from the one before it to what it is now.
func (r *rate) smooth(now aes67.PPB, block aes67.Frames) aes67.PPB {
	if off := now - r.forward; off > forwardStep || off < -forwardStep {
		r.forward = now
	} else {
		r.forward += off * aes67.PPB(block.Duration(r.out).Seconds()/forwardTime.Seconds())
	}
	return r.forward
}

// same reports whether the clocks are one: the media clock ticks with
// CLOCK_MONOTONIC, as a grandmaster's does, and the sound server does too.
func (r *rate) same(m mediaclock.Map) bool { return m.Tied && r.in == r.out && r.loop.Same() }

// choose decides between the two ways. A fill that is off in silence ends nothing where
// it is put right (Pipeline.hold): below by a block of so many frames at least.
func (r *rate) choose(m mediaclock.Map, reading, silent bool, block float64) {
	frames := func(d time.Duration) float64 { return d.Seconds() * float64(r.in) }
	off := r.loop.Fill() - float64(r.loop.Target())
	one := r.same(m) && reading
	far := off > frames(untouchedAbove) && !silent || off < -frames(untouchedBelow) && !(silent && -off >= block)
	switch {
	case !r.untouched.on && one && r.loop.State() == drift.Fine && math.Abs(off) <= frames(untouchedNear):
		r.untouched.on = true
	case r.untouched.on && (!one || far):
		r.untouched.on = false
	}
}

// needed is how many frames must be pushed for a block.
func (r *rate) needed(block aes67.Frames) aes67.Frames {
	return aes67.Frames(r.resampler.Needed(int(block)))
}

// push takes the next input, interleaved.
func (r *rate) push(samples []float32) {
	r.resampler.Push(samples)
	r.predictor.heard(samples)
	r.unprimed = max(0, r.unprimed-aes67.Frames(len(samples)/r.predictor.channels))
}

// predict pushes some of so many frames that would have come, and returns them.
func (r *rate) predict(frames aes67.Frames) (samples []float32) {
	samples = r.predictor.next(int(frames))
	r.resampler.Push(samples)
	r.predicted += aes67.Frames(len(samples) / r.predictor.channels)
	return samples
}

// process makes the block, and tells which of the frames pushed it shows, and
// whether all of it is untouched.
func (r *rate) process(out [][]float64) (shows safety.Span, untouched bool) {
	whole, part := r.resampler.At()
	r.resampler.Process(out)
	untouched = r.untouched.replace(r.resampler, out, whole, part)
	next, rest := r.resampler.At()
	return safety.Span{From: float64(whole) + part, To: float64(next) + rest}, untouched
}
