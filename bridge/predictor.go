package bridge

// Hot: as pipeline.go.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// predictor continues a sound whose next frames are missing, for as long as a
// fade takes: linear prediction from the last milliseconds, by Burg's method
// (Burg, Maximum entropy spectral analysis, 1975), which never grows. Its errors
// are tapered: without that the frequency found depends on the phase in which a
// tone breaks off (Swingler, Frequency errors in MEM processing, 1980), and what
// follows may be noise at full level. So no frame is held in reserve for a fade.
type predictor struct {
	channels int
	reach    int       // frames that are looked at
	past     []float32 // interleaved: the latest, reach frames or more
	fill     int       // samples in past
	whole    bool      // the coefficients are of the present past

	ahead    [][]float64 // [channel][order]: x[n] = sum of ahead[k]·x[n-1-k]
	most     []float64   // [channel] the largest sample of past
	taper    []float64   // weights of the errors
	forward  []float64
	backward []float64
	lower    [predictorOrder]float64
}

const (
	// predictorOrder coefficients follow sixteen partials.
	predictorOrder = 32
	// predictorReach is how much of the past is looked at.
	predictorReach = 15 * time.Millisecond
	// predictorNoise is the share of the power that is not looked at any more, -80
	// dB: to follow it takes poles in pairs, which grow.
	predictorNoise = 1e-8
)

func newPredictor(channels int, rate aes67.Hz) predictor {
	reach := int(aes67.FramesIn(predictorReach, rate))
	p := predictor{
		channels: channels, reach: reach,
		past:  make([]float32, 4*reach*channels),
		ahead: make([][]float64, channels), most: make([]float64, channels),
		taper: make([]float64, reach), forward: make([]float64, reach), backward: make([]float64, reach),
	}
	for i := range p.taper { // steeper than half a sine, wider than a Hann window
		p.taper[i] = math.Pow(math.Sin(math.Pi*(float64(i)+0.5)/float64(reach)), 1.5)
	}
	for c := range p.ahead {
		p.ahead[c] = make([]float64, predictorOrder)
	}
	p.reset()
	return p
}

// reset forgets the past: it was silent.
func (p *predictor) reset() {
	p.fill, p.whole = p.reach*p.channels, false
	clear(p.past[:p.fill])
}

// heard takes what was pushed.
func (p *predictor) heard(samples []float32) {
	if len(samples) == 0 {
		return
	}
	p.whole = false
	p.add(samples)
}

func (p *predictor) add(samples []float32) {
	keep := p.reach * p.channels
	if len(samples) > len(p.past)-keep { // longer than anybody looks back
		samples = samples[len(samples)-(len(p.past)-keep):]
	}
	if p.fill+len(samples) > len(p.past) {
		copy(p.past, p.past[p.fill-keep:p.fill])
		p.fill = keep
	}
	p.fill += copy(p.past[p.fill:], samples)
}

// next returns up to so many frames of what would have come, interleaved; valid
// until the next call.
func (p *predictor) next(frames int) []float32 {
	if !p.whole {
		p.whole = true
		for c := range p.ahead {
			p.fit(c)
		}
	}
	frames = min(frames, p.reach)
	keep := p.reach * p.channels
	if p.fill+frames*p.channels > len(p.past) {
		copy(p.past, p.past[p.fill-keep:p.fill])
		p.fill = keep
	}
	from := p.fill
	for range frames {
		for c, ahead := range p.ahead {
			x := 0.0
			for k, a := range ahead {
				x += a * float64(p.past[p.fill+c-(k+1)*p.channels])
			}
			p.past[p.fill+c] = float32(max(-p.most[c], min(x, p.most[c])))
		}
		p.fill += p.channels
	}
	return p.past[from:p.fill]
}

// fit finds the coefficients of a channel.
func (p *predictor) fit(c int) {
	f, b, a := p.forward, p.backward, p.ahead[c]
	from := p.fill - p.reach*p.channels + c
	p.most[c] = 0
	for i := range f {
		at := &p.past[from+i*p.channels]
		if !(math.Abs(float64(*at)) <= math.MaxFloat32) { // no number: as the resampler takes it
			*at = 0
		}
		x := float64(*at)
		f[i], b[i] = x, x
		p.most[c] = max(p.most[c], math.Abs(x))
	}
	clear(a)
	least := 0.0
	for m := range predictorOrder {
		// f[i] and b[i-1] are the errors forward and backward of order m.
		num, den := 0.0, 0.0
		for i := m + 1; i < len(f); i++ {
			num += p.taper[i] * f[i] * b[i-1]
			den += p.taper[i] * (f[i]*f[i] + b[i-1]*b[i-1])
		}
		if m == 0 {
			least = den * predictorNoise
		}
		if den <= least { // all is explained: what is left is rounding
			return
		}
		k := 2 * num / den
		for i := len(f) - 1; i > m; i-- {
			f[i], b[i] = f[i]-k*b[i-1], b[i-1]-k*f[i]
		}
		copy(p.lower[:m], a[:m])
		for i := range m {
			a[i] -= k * p.lower[m-1-i]
		}
		a[m] = k
	}
}
