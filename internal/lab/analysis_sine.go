package lab

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"aes67-sink/aes67"
)

// Sine is a tone a·sin(2π·f·n/rate + phase) + dc, n counted from the first
// sample.
type Sine struct {
	Hz        float64
	Amplitude float64 // peak, full scale 1
	Phase     float64 // radians, -π to π
	DC        float64
	Residual  float64 // rms of what the tone does not explain
}

// FitSine finds the tone that leaves the least residual power, by the
// four-parameter fit of IEEE 1057-2017, annex B. near is its frequency roughly;
// 0 looks for the strongest tone. The stretch grows step by step, so that near
// may be wrong by a few hertz whatever the length.
func FitSine(x []float64, rate aes67.Hz, near float64) Sine {
	if near <= 0 {
		near = strongest(x, rate)
	}
	n := min(len(x), 4096)
	omega := 2 * math.Pi * near / float64(rate)
	for {
		omega = fitFrequency(x[:n], omega)
		if n == len(x) {
			break
		}
		n = min(4*n, len(x))
	}
	return fitAt(x, omega, rate)
}

// fitFrequency refines omega (radians per sample) over all of x.
func fitFrequency(x []float64, omega float64) float64 {
	n := float64(len(x))
	middle := (n - 1) / 2
	for range 12 {
		fit := fitAt(x, omega, 1)
		// Linearised about the present fit: x ≈ a·sin + b·cos + c + d·(n-middle)·slope.
		normal := mat.NewSymDense(4, nil)
		right := mat.NewVecDense(4, nil)
		var row [4]float64
		var sums [10]float64
		var rights [4]float64
		for i, v := range x {
			s, c := math.Sincos(omega*(float64(i)-middle) + fit.Phase + omega*middle)
			row = [4]float64{s, c, 1, (float64(i) - middle) / n * fit.Amplitude * c}
			at := 0
			for j := range 4 {
				for k := j; k < 4; k++ {
					sums[at] += row[j] * row[k]
					at++
				}
				rights[j] += row[j] * v
			}
		}
		at := 0
		for j := range 4 {
			for k := j; k < 4; k++ {
				normal.SetSym(j, k, sums[at])
				at++
			}
			right.SetVec(j, rights[j])
		}
		var solved mat.VecDense
		if err := solved.SolveVec(normal, right); err != nil {
			return omega
		}
		step := solved.AtVec(3) / n
		if math.IsNaN(step) || math.Abs(step) > 20/n {
			return omega // diverges: there is no such tone
		}
		omega += step
		if math.Abs(step)*n < 1e-10 {
			break
		}
	}
	return omega
}

// fitAt is the three-parameter fit at a known frequency in radians per sample.
func fitAt(x []float64, omega float64, rate aes67.Hz) Sine {
	var ss, cc, sc, s1, c1, xs, xc, x1, power float64
	for i, v := range x {
		s, c := math.Sincos(omega * float64(i))
		ss += s * s
		cc += c * c
		sc += s * c
		s1 += s
		c1 += c
		xs += v * s
		xc += v * c
		x1 += v
		power += v * v
	}
	n := float64(len(x))
	normal := mat.NewSymDense(3, []float64{ss, sc, s1, sc, cc, c1, s1, c1, n})
	var solved mat.VecDense
	if len(x) < 3 || solved.SolveVec(normal, mat.NewVecDense(3, []float64{xs, xc, x1})) != nil {
		return Sine{Hz: omega * float64(rate) / (2 * math.Pi)}
	}
	a, b, dc := solved.AtVec(0), solved.AtVec(1), solved.AtVec(2)
	var residual float64
	for i, v := range x {
		s, c := math.Sincos(omega * float64(i))
		e := v - a*s - b*c - dc
		residual += e * e
	}
	return Sine{
		Hz:        omega * float64(rate) / (2 * math.Pi),
		Amplitude: math.Hypot(a, b),
		Phase:     math.Atan2(b, a),
		DC:        dc,
		Residual:  math.Sqrt(residual / n),
	}
}

// Pitch is a tone's frequency over a long stretch, found from its phase.
type Pitch struct {
	Hz float64
	// PhaseRMS is how far the phase strays from that of Hz, as a time: a slow
	// wander of the clock, or noise.
	PhaseRMS float64 // seconds
	Worst    float64 // seconds
}

// pitchStep is the spacing of the phase readings in seconds.
const pitchStep = 0.05

// MeasurePitch reads the tone's phase every 50 ms, with a window twice as
// long, and fits a line. near must be right within 5 Hz; 0 looks for the
// strongest tone.
func MeasurePitch(x []float64, rate aes67.Hz, near float64) Pitch {
	if near <= 0 {
		near = strongest(x, rate)
	}
	near = FitSine(x[:min(len(x), int(rate))], rate, near).Hz
	step := int(pitchStep * float64(rate))
	window := kaiser(2*step, 12)
	omega := 2 * math.Pi * near / float64(rate)
	var phases []float64
	for at := 0; at+2*step <= len(x); at += step {
		var re, im float64
		for i, w := range window {
			s, c := math.Sincos(omega * float64(at+i))
			re += w * x[at+i] * c
			im -= w * x[at+i] * s
		}
		phase := math.Atan2(im, re)
		if k := len(phases); k > 0 {
			phase -= 2 * math.Pi * math.Round((phase-phases[k-1])/(2*math.Pi))
		}
		phases = append(phases, phase)
	}
	if len(phases) < 2 {
		return Pitch{Hz: near}
	}
	slope, at0 := line(phases)
	p := Pitch{Hz: near + slope/(2*math.Pi*float64(step)/float64(rate))}
	for i, phase := range phases {
		e := (phase - at0 - slope*float64(i)) / (2 * math.Pi * p.Hz)
		p.PhaseRMS += e * e
		p.Worst = max(p.Worst, math.Abs(e))
	}
	p.PhaseRMS = math.Sqrt(p.PhaseRMS / float64(len(phases)))
	return p
}

// line fits y = at0 + slope·i.
func line(y []float64) (slope, at0 float64) {
	n := float64(len(y))
	middle := (n - 1) / 2
	var sum, cross, square float64
	for i, v := range y {
		d := float64(i) - middle
		sum += v
		cross += d * v
		square += d * d
	}
	slope = cross / square
	return slope, sum/n - slope*middle
}
