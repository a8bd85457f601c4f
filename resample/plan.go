package resample

import (
	"math"

	"aes67-sink/aes67"
)

// maxRamp bounds a ramp in bank frames, so that its square fits 64 bits.
const maxRamp = 1 << 31

// plan says where the bank reads: the position of its next frame and the
// positions of all later ones, as far as the ratio is decided. Positions are
// in frames of the bank's input. The rate, which is the distance between
// reads, is a continuous, piecewise-linear function: over a ramp each distance
// is the mean of the rates at its ends, so that n frames into a ramp that
// starts with rate v and gains g a frame the position has advanced by
// n*v + n*n*g/2.
type plan struct {
	position fixed // of the next bank frame
	rate     fixed // there
	half     fixed // half of what the rate gains in a bank frame
	left     uint64
	end      fixed // rate after left more bank frames
	ratio    aes67.PPB
	nominal  fixed // rate at ratio 0
}

func newPlan(numerator, denominator uint64) plan {
	nominal := fixed{hi: int64(numerator)}.over(denominator)
	return plan{rate: nominal, end: nominal, nominal: nominal}
}

// next moves to the next bank frame.
func (p *plan) next() {
	if p.left == 0 {
		p.position = p.position.add(p.rate)
		return
	}
	step := p.rate.add(p.half)
	p.position = p.position.add(step)
	p.rate = step.add(p.half)
	if p.left--; p.left == 0 {
		p.rate = p.end // what the division by the ramp's length has cut off, under 2^-32 ppb
	}
}

// after returns the position n bank frames from now: what n calls of next
// would give, bit for bit.
func (p *plan) after(n uint64) fixed {
	ramp := min(n, p.left)
	at := p.position.add(p.rate.times(ramp)).add(p.half.times(ramp * ramp))
	return at.add(p.end.times(n - ramp))
}

// aim starts a ramp from the present rate that ends at ratio after the given
// number of bank frames; with none the rate changes at once.
func (p *plan) aim(ratio aes67.PPB, frames uint64) {
	p.ratio = ratio
	x := float64(ratio) * 1e-9
	// Only the small difference from nominal passes through a float64.
	p.end = p.nominal.sub(fixedOf(p.nominal.float() * (x / (1 + x))))
	p.left = min(frames, maxRamp)
	if p.left == 0 {
		p.rate = p.end
		return
	}
	p.half = p.end.sub(p.rate).over(2 * p.left)
}

// now returns the ratio at the next bank frame.
func (p *plan) now() aes67.PPB {
	if p.left == 0 {
		return p.ratio
	}
	return aes67.PPB(p.nominal.sub(p.rate).float() / p.rate.float() * 1e9)
}

// sane brings a wanted ratio into ±MaxRatio; NaN gives ok false.
func sane(ratio aes67.PPB) (r aes67.PPB, ok bool) {
	if math.IsNaN(float64(ratio)) {
		return 0, false
	}
	return max(-MaxRatio, min(MaxRatio, ratio)), true
}
