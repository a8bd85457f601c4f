package lab

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"aes67-sink/aes67"
)

const (
	// guardHz is how far from a tone noise begins: what is nearer is slow
	// phase wander, judged as pitch.
	guardHz = 45
	// spectrumSeconds is the least length of one spectrum.
	spectrumSeconds = 1.0
	// kaiserBeta keeps every side lobe below -190 dB (Kaiser and Schafer 1980);
	// the main lobe is ±7 bins wide.
	kaiserBeta  = 21
	kaiserLobes = 8
)

// Spectrum is the mean power of a signal by frequency. Powers are mean squares:
// those of all bins add up to that of the signal.
type Spectrum struct {
	Rate  aes67.Hz
	BinHz float64
	Power []float64 // from 0 Hz to the Nyquist frequency
}

// MeasureSpectrum averages over half-overlapping windows of about a second. A
// signal shorter than one window is its own window.
func MeasureSpectrum(x []float64, rate aes67.Hz) Spectrum {
	n := 1
	for float64(n) < spectrumSeconds*float64(rate) {
		n *= 2
	}
	n = min(n, len(x)&^1)
	s := Spectrum{Rate: rate, BinHz: float64(rate) / float64(max(n, 1)), Power: make([]float64, n/2+1)}
	if n < 2 {
		return s
	}
	count := 0
	segments(x, n, func(power []float64) {
		for i, p := range power {
			s.Power[i] += p
		}
		count++
	})
	for i := range s.Power {
		s.Power[i] /= float64(count)
	}
	return s
}

// segments calls f with the powers of each window of n samples.
func segments(x []float64, n int, f func(power []float64)) {
	window := kaiser(n, kaiserBeta)
	var energy float64
	for _, w := range window {
		energy += w * w
	}
	fft := fourier.NewFFT(n)
	block := make([]float64, n)
	power := make([]float64, n/2+1)
	var bins []complex128
	for at := 0; at+n <= len(x); at += n / 2 {
		for i, w := range window {
			block[i] = w * x[at+i]
		}
		bins = fft.Coefficients(bins, block)
		for i, c := range bins {
			p := 2 * (real(c)*real(c) + imag(c)*imag(c)) / (float64(n) * energy)
			if i == 0 || i == n/2 {
				p /= 2 // has no mirror image
			}
			power[i] = p
		}
		f(power)
	}
}

// Around returns the mean square within ±width of a frequency, and of all else.
func (s *Spectrum) Around(hz, width float64) (inside, outside float64) {
	for i, p := range s.Power {
		if math.Abs(float64(i)*s.BinHz-hz) <= width {
			inside += p
		} else {
			outside += p
		}
	}
	return inside, outside
}

// SINAD returns the tone's power against all that lies more than 45 Hz away
// from it, from 0 Hz to the Nyquist frequency, in dB.
func (s *Spectrum) SINAD(hz float64) float64 {
	tone, noise := s.Around(hz, guardHz)
	return 10 * math.Log10(tone/noise)
}

// ToneDBFS returns the level of a tone from the power within ±width: 0 dBFS is
// a sine that reaches full scale. It sees no lower than the noise there.
func (s *Spectrum) ToneDBFS(hz, width float64) float64 {
	inside, _ := s.Around(hz, max(width, kaiserLobes*s.BinHz))
	return 10 * math.Log10(2*inside)
}

// strongest returns the frequency of the strongest tone, within a fraction of
// a hertz.
func strongest(x []float64, rate aes67.Hz) float64 {
	s := MeasureSpectrum(x[:min(len(x), int(3*rate))], rate)
	best := 0
	for i, p := range s.Power {
		if p > s.Power[best] {
			best = i
		}
	}
	var sum, weighted float64
	for i := max(0, best-3); i <= min(len(s.Power)-1, best+3); i++ {
		sum += s.Power[i]
		weighted += s.Power[i] * float64(i)
	}
	if sum == 0 {
		return 0
	}
	return weighted / sum * s.BinHz
}

// worstSINAD returns the least SINAD of any window.
func worstSINAD(x []float64, rate aes67.Hz, hz float64) float64 {
	worst := math.Inf(1)
	whole := MeasureSpectrum(nil, rate)
	n := 1
	for float64(n) < spectrumSeconds*float64(rate) {
		n *= 2
	}
	n = min(n, len(x)&^1)
	if n < 2 {
		return math.NaN()
	}
	whole.BinHz = float64(rate) / float64(n)
	segments(x, n, func(power []float64) {
		whole.Power = power
		worst = min(worst, whole.SINAD(hz))
	})
	return worst
}

// kaiser returns the window of n samples.
func kaiser(n int, beta float64) []float64 {
	w, whole := make([]float64, n), bessel0(beta)
	for i := range w {
		r := 2*float64(i)/float64(n-1) - 1
		w[i] = bessel0(beta*math.Sqrt(max(0, 1-r*r))) / whole
	}
	return w
}

// bessel0 is the modified Bessel function of order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1; term > 1e-18*sum; k++ {
		f := x / (2 * float64(k))
		term *= f * f
		sum += term
	}
	return sum
}
