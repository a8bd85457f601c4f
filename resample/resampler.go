package resample

// Hot: nothing but New allocates.

import (
	"fmt"
	"math"

	"aes67-sink/aes67"
)

// Limits of a Resampler.
const (
	// MaxBlock is the most output frames that one Process gives.
	MaxBlock = 4096
	// MaxRatio bounds the ratio on both sides; SetRatio goes no further.
	MaxRatio aes67.PPB = 5_000_000
)

// chunk is how many output frames are worked on together, so that what lies
// between the stages stays in the first-level cache.
const chunk = 60

// Resampler changes the rate of a run of frames by a ratio that may vary
// steadily. It belongs to one goroutine.
type Resampler struct {
	design
	math  arithmetic
	plan  plan
	input delayLine // at the input's rate, deinterleaved
	// What lies between the stages: the doubled signal, or the bank's frames
	// before halving, the even ones in early and the odd ones in late.
	doubled     delayLine
	early, late delayLine

	points [2 * chunk]point
	with   [2 * chunk]blended
	lanes  []lane
	fast   [][2*chunk + 4]float64 // each channel's frames between the stages
}

// New makes a resampler of 1 to 8 channels between two of aes67.Rates. Its
// ratio is 0 and its history silence.
func New(channels int, in, out aes67.Hz) (*Resampler, error) {
	if channels < 1 || channels > aes67.MaxChannels {
		return nil, fmt.Errorf("resample: %d channels: must be 1 to %d", channels, aes67.MaxChannels)
	}
	d, err := designOf(in, out)
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	r := &Resampler{design: d, math: fastest(), plan: newPlan(d.step[0], d.step[1])}
	r.lanes, r.fast = make([]lane, channels), make([][2*chunk + 4]float64, channels)
	// The most input frames that an output frame takes, and as many again in a
	// thousand for rounding and for the frame that lies across blocks.
	most := float64(in) / float64(out) / (1 - 1e-9*float64(MaxRatio)) * 1.001
	r.input = newDelayLine(channels, r.span()+int(most*MaxBlock)+2)
	if d.halve {
		r.early = newDelayLine(channels, d.length()+chunk)
		r.late = newDelayLine(channels, d.length()+chunk)
	} else {
		r.doubled = newDelayLine(channels, bankTaps+int(2*most*chunk)+4)
	}
	r.Reset()
	return r, nil
}

// Reset forgets all input: the history is silence and Position is 0, as after
// New. The ratio, and a ramp under way, stay as they are.
func (r *Resampler) Reset() {
	r.plan.position = fixed{}
	r.input.reset(r.span() - 1)
	if r.halve {
		r.early.reset(r.length() - 1)
		r.late.reset(r.length() - 1)
	} else {
		r.doubled.reset(bankTaps)
	}
}

// SetRatio lets the ratio run linearly from what it is to target while the
// next over output frames are made; called again before that, it sets out from
// where the ratio then is. With over < 1 the ratio changes at once, which is
// for the start. Beyond MaxRatio it goes no further; NaN changes nothing.
//
// Strictly it is the reciprocal, input frames per output frame, that is linear
// in the output; at clock deviations the difference is below 1e-5 of the ramp.
func (r *Resampler) SetRatio(target aes67.PPB, over int) {
	if target, ok := sane(target); ok {
		r.plan.aim(target, uint64(max(0, min(over, maxRamp))*r.reads()))
	}
}

// Ratio returns the ratio at the next output frame: output frames per input
// frame at nominal rates, less 1.
func (r *Resampler) Ratio() aes67.PPB { return r.plan.now() }

// Position returns how many input frames were pushed but not yet consumed, to
// a fraction of a frame: frames pushed since New or Reset, less the read
// position. Every output frame moves the read position by in/out/(1+ratio)
// input frames, the ratio being the mean over that frame. The sum is kept to
// 2^-64 of a frame, so it is as good after days as after one block.
//
// An output frame is made as soon as the input frame at its read position is
// there. So after Process the Position may be negative, by less than the input
// frames of one output frame.
func (r *Resampler) Position() float64 {
	pushed, at := r.input.end(), r.plan.position
	if r.halve {
		return float64(pushed-at.hi) - float64(at.lo)*0x1p-64
	}
	return float64(2*pushed-at.hi)/2 - float64(at.lo)*0x1p-65
}

// Delay returns how many input frames the output lags behind the read position.
// Since input is needed no further than the read position, to within a frame,
// this is the whole latency. It is constant, so any goroutine may ask.
//
// It is exact when the rate is doubled first. When it is halved last (see the
// package comment) it is that at a ratio of 0, and the true one, which At knows,
// differs by less than the ratio's own fraction of it.
func (r *Resampler) Delay() float64 { return r.delayAt(r.plan.nominal.float()) }

// delayAt returns the delay at a rate of the plan.
func (r *Resampler) delayAt(rate float64) float64 {
	if r.halve {
		return bankReach + float64(r.length()-2)*rate
	}
	return float64(r.length()+bankReach) / 2
}

// Needed returns how many input frames must be pushed before Process can give
// the next outFrames frames. It is exact, unless SetRatio is called between.
func (r *Resampler) Needed(outFrames int) int {
	if outFrames < 1 {
		return 0
	}
	last := r.plan.after(uint64(outFrames*r.reads() - 1)).hi
	if !r.halve {
		last >>= 1
	}
	return int(max(0, last+1-r.input.end()))
}

// Push appends whole interleaved frames; samples after the last whole frame
// are ignored. What is not a finite number becomes 0. There is room for what
// MaxBlock output frames need; Push panics on more.
func (r *Resampler) Push(interleaved []float32) {
	channels := len(r.input.data)
	frames := len(interleaved) / channels
	r.input.forget(r.oldest())
	if frames > r.input.room() {
		panic(fmt.Sprintf("resample: push of %d frames: room for %d", frames, r.input.room()))
	}
	for c, data := range r.input.data {
		to := data[r.input.fill:][:frames]
		for i := range to {
			v := interleaved[i*channels+c]
			if math.Float32bits(v)&0x7F80_0000 == 0x7F80_0000 { // NaN or infinite
				v = 0
			}
			to[i] = float64(v)
		}
	}
	r.input.fill += frames
}

// Process fills out[channel][frame] with the next len(out[0]) output frames.
// It panics unless out has a slice of that length for each channel and as
// much input was pushed as Needed asked for.
func (r *Resampler) Process(out [][]float64) {
	if len(out) != len(r.input.data) {
		panic(fmt.Sprintf("resample: output for %d channels: must be %d", len(out), len(r.input.data)))
	}
	frames := len(out[0])
	for _, o := range out {
		if len(o) != frames {
			panic(fmt.Sprintf("resample: output channels of %d and %d frames", frames, len(o)))
		}
	}
	if missing := r.Needed(frames); missing > 0 {
		panic(fmt.Sprintf("resample: %d output frames: %d input frames are missing", frames, missing))
	}
	for from := 0; from < frames; from += chunk {
		to := min(from+chunk, frames)
		if r.halve {
			r.readAndHalve(out, from, to)
		} else {
			r.doubleAndRead(out, from, to)
		}
	}
}

// doubleAndRead makes the output frames from from up to to: the fixed filter
// doubles the rate, then the bank reads between the frames.
func (r *Resampler) doubleAndRead(out [][]float64, from, to int) {
	r.doubled.forget(r.plan.position.hi - (bankTaps - 1))
	first := r.doubled.end()
	last := r.plan.after(uint64(to - from - 1)).hi
	frames := 2 * int(max(0, (last-first+2)>>1)) // whole pairs, up to last
	start := int(first/2 - int64(r.length()-1) - r.input.base)
	for c, data := range r.doubled.data {
		r.math.double(data[r.doubled.fill:][:frames], r.input.data[c][start:], r.odd, r.even, r.fast[c][:])
		r.lanes[c] = lane{out: out[c][from:to], in: data}
	}
	r.read(to-from, r.doubled.base)
	r.doubled.fill += frames
}

// readAndHalve makes the output frames from from up to to: the bank reads two
// frames for each, then the fixed filter halves the rate.
func (r *Resampler) readAndHalve(out [][]float64, from, to int) {
	frames := to - from
	for _, l := range [...]*delayLine{&r.early, &r.late} {
		l.forget(l.end() - int64(r.length()-1))
	}
	fill := r.late.fill
	for c, data := range r.input.data {
		r.lanes[c] = lane{out: r.fast[c][:2*frames], in: data}
	}
	r.read(2*frames, r.input.base)
	for c := range r.lanes {
		fast, early, late := r.fast[c][:2*frames], r.early.data[c], r.late.data[c]
		for i := range frames {
			early[fill+i], late[fill+i] = fast[2*i], fast[2*i+1]
		}
		r.math.halve(out[c][from:to], early[r.length()/2:], late, r.odd)
	}
	r.early.fill += frames
	r.late.fill += frames
}

// read lets the bank read n frames on every lane, from a delay line that starts
// at base, and moves on behind them.
func (r *Resampler) read(n int, base int64) {
	points := r.points[:n]
	for i := range points {
		points[i] = pointAt(r.plan.position, base)
		r.plan.next()
	}
	r.math.sample(r.lanes, r.bank, points, r.with[:])
}

// oldest returns the first input frame that is still needed.
func (r *Resampler) oldest() int64 {
	if r.halve {
		return r.plan.position.hi - int64(r.span()-1)
	}
	return r.doubled.end()/2 - int64(r.span()-1)
}
