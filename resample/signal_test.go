package resample_test

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"

	"aes67-sink/aes67"
	"aes67-sink/resample"
)

// pair is one way through the resampler.
type pair struct{ in, out aes67.Hz }

func (p pair) String() string { return fmt.Sprintf("%d to %d", p.in, p.out) }

// step returns the input frames to an output frame.
func (p pair) step(ratio aes67.PPB) float64 {
	return float64(p.in) / float64(p.out) / ratio.Factor()
}

func pairs() []pair {
	var all []pair
	for _, in := range aes67.Rates {
		for _, out := range aes67.Rates {
			all = append(all, pair{in, out})
		}
	}
	return all
}

func newResampler(t testing.TB, channels int, p pair) *resample.Resampler {
	t.Helper()
	r, err := resample.New(channels, p.in, p.out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// level is 1 dB below full scale.
var level = math.Pow(10, -1.0/20)

// tone feeds r with a sine that starts as input frame first, and returns the
// next frames of its output, made in blocks; before runs ahead of each.
func tone(r *resample.Resampler, p pair, hz float64, first int64, frames, block int, before func(at int)) []float64 {
	out := make([]float64, frames)
	pushed := first
	for at := 0; at < frames; at += block {
		if before != nil {
			before(at)
		}
		n := min(block, frames-at)
		in := make([]float32, r.Needed(n))
		for i := range in {
			in[i] = float32(level * math.Sin(2*math.Pi*turns(hz, p.in, pushed)))
			pushed++
		}
		r.Push(in)
		r.Process([][]float64{out[at : at+n]})
	}
	return out
}

// turns returns the phase of a frame, whole turns left out for precision.
func turns(hz float64, rate aes67.Hz, frame int64) float64 {
	return math.Mod(math.Mod(hz, float64(rate))*float64(frame), float64(rate)) / float64(rate)
}

// fit returns the sine of a known frequency (radians a frame) that lies
// closest to x, as amplitude and phase at x[0], and how far the rest lies
// below it in dB. Whatever is not the sine, offset and all, counts as rest.
func fit(x []float64, omega float64) (amplitude, phase, sinad float64) {
	var ss, sc, cc, xs, xc float64
	for n, v := range x {
		s, c := math.Sincos(omega * float64(n))
		ss, sc, cc, xs, xc = ss+s*s, sc+s*c, cc+c*c, xs+v*s, xc+v*c
	}
	det := ss*cc - sc*sc
	a, b := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
	var signal, rest float64
	for n, v := range x {
		s, c := math.Sincos(omega * float64(n))
		y := a*s + b*c
		signal += y * y
		rest += (v - y) * (v - y)
	}
	return math.Hypot(a, b), math.Atan2(b, a), 10 * math.Log10(signal/rest)
}

// spectrum returns the mean square of x by frequency: bin k is at k*rate/len(x)
// Hz, and the bins of any band sum up to what x has there.
func spectrum(x []float64) []float64 {
	// Seven-term Blackman-Harris: side lobes at -180 dB (H. H. Albrecht, "A
	// family of cosine-sum windows for high-resolution measurements", ICASSP
	// 2001). Its main lobe reaches 7 bins to each side.
	cosines := [...]float64{
		0.27105140069342, -0.43329793923448, 0.21812299954311, -0.06592544638803,
		0.01081174209837, -0.00077658482522, 0.00001388721735,
	}
	windowed := make([]float64, len(x))
	var weight float64
	for i, v := range x {
		c := math.Cos(2 * math.Pi * float64(i) / float64(len(x)))
		// The cosines of the multiples, by their recurrence.
		w, last, next := cosines[0], 1.0, c
		for _, a := range cosines[1:] {
			w += a * next
			last, next = next, 2*c*next-last
		}
		windowed[i] = v * w
		weight += w * w
	}
	power := make([]float64, len(x)/2+1)
	for k, c := range fourier.NewFFT(len(x)).Coefficients(nil, windowed) {
		power[k] = 2 * (real(c)*real(c) + imag(c)*imag(c)) / (weight * float64(len(x)))
	}
	return power
}

// apart returns how far everything outside ±width Hz of the tone lies below
// what is inside, in dB, from 0 Hz to half the rate.
func apart(x []float64, rate, hz, width float64) float64 {
	var inside, outside float64
	for k, power := range spectrum(x) {
		if math.Abs(float64(k)*rate/float64(len(x))-hz) <= width {
			inside += power
		} else {
			outside += power
		}
	}
	return 10 * math.Log10(inside/outside)
}

// settle is more than the history of any pair, in output frames.
const settle = 400
