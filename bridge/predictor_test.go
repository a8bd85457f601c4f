package bridge

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/safety"
)

// A sound is continued as it would have gone on, for as long as a fade takes: what
// is heard of the error is what the fade lets through.
func TestThePredictorContinuesASound(t *testing.T) {
	const ahead = 300 // frames: a fade, and what the resampler needs beyond
	tests := []struct {
		name  string
		sound func(at float64) float64
		most  float64 // error against the sound, dB
	}{
		{"50 Hz", func(at float64) float64 { return 0.9 * math.Sin(2*math.Pi*50*at) }, -35},
		{"997 Hz", func(at float64) float64 { return 0.9 * math.Sin(2*math.Pi*997*at+1) }, -50},
		{"a chord", func(at float64) float64 {
			return 0.2*math.Sin(2*math.Pi*220*at) + 0.2*math.Sin(2*math.Pi*277.2*at) + 0.2*math.Sin(2*math.Pi*329.6*at) + 0.1*math.Sin(2*math.Pi*3000*at)
		}, -14.9},
		{"silence", func(float64) float64 { return 0 }, -400},
	}
	for _, test := range tests {
		for _, rate := range []aes67.Hz{44100, 48000, 96000} {
			p := newPredictor(2, rate)
			samples := make([]float32, 2*2000)
			for i := range 2000 {
				x := float32(test.sound(float64(i) / float64(rate)))
				samples[2*i], samples[2*i+1] = x, -x
			}
			for from := 0; from < len(samples); from += 96 {
				p.heard(samples[from:min(from+96, len(samples))])
			}
			sum, off := 1e-30, 0.0
			for i := 0; i < ahead; {
				for j, x := range p.next(min(48, ahead-i)) {
					want := test.sound(float64(2000+i+j/2) / float64(rate))
					if j%2 == 1 {
						want = -want
					}
					gain := 0.5 + 0.5*math.Cos(math.Pi*min(1, float64(i+j/2)/float64(rate)/safety.FadeTime.Seconds()))
					sum += 0.25
					off += gain * gain * (float64(x) - want) * (float64(x) - want)
				}
				i += min(48, ahead-i)
			}
			if got := 10 * math.Log10(off/sum+1e-50); got > test.most {
				t.Errorf("%s at %d Hz: error of %.1f dB, want %.0f at most", test.name, rate, got, test.most)
			}
		}
	}
}

// A tone may break off in any phase: while the fade lets it through, it goes on as
// it was. The noise is that of 16 bits, of 24, and of the arithmetic.
func TestThePredictorContinuesATonePhaseByPhase(t *testing.T) {
	plainOnly(t)
	fade := int(aes67.FramesIn(safety.FadeTime, 48000))
	for _, hz := range []float64{60, 440, 997, 3000, 10007} {
		for _, full := range []float64{1 << 15, 1 << 23, 1 << 52} {
			worst := 0.0
			for phase := 0.0; phase < 2*math.Pi; phase += 0.01 {
				sound := func(frame int) float64 { return 0.5 * math.Sin(2*math.Pi*hz*float64(frame)/48000+phase) }
				p := newPredictor(1, 48000)
				samples := make([]float32, 1000)
				for i := range samples {
					samples[i] = float32(math.Round(sound(i)*full) / full)
				}
				p.heard(samples)
				for i := 0; i < fade; {
					for _, x := range p.next(min(48, fade-i)) {
						gain := 0.5 + 0.5*math.Cos(math.Pi*float64(i)/float64(fade))
						worst = max(worst, gain*math.Abs(float64(x)-sound(len(samples)+i)))
						i++
					}
				}
			}
			if worst > 0.05 {
				t.Errorf("%v Hz at a resolution of 1/%v: off by %.3f at most, want a tenth of the tone", hz, full, worst)
			}
		}
	}
}

// Whatever the past was, what follows is finite and no larger.
func TestThePredictorIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		p := newPredictor(1, 48000)
		samples := make([]float32, 1+random.IntN(3000))
		most := 0.0
		for i := range samples {
			switch random.IntN(20) {
			case 0:
				samples[i] = float32(math.Inf(1))
			case 1:
				samples[i] = float32(math.NaN())
			default:
				samples[i] = float32(random.NormFloat64())
				most = max(most, math.Abs(float64(samples[i])))
			}
		}
		p.heard(samples)
		for range 10 {
			for _, x := range p.next(1 + random.IntN(500)) {
				if !(math.Abs(float64(x)) <= most+1e-6) {
					t.Fatalf("predicts %v where the past is %v at most", x, most)
				}
			}
		}
	}
}

func TestThePredictorDoesNotAllocate(t *testing.T) {
	p := newPredictor(2, 48000)
	samples := make([]float32, 96)
	if n := testing.AllocsPerRun(100, func() { p.heard(samples); p.next(48); p.next(300) }); n != 0 {
		t.Fatalf("allocates %v times, want 0", n)
	}
}

func BenchmarkPredictorFit(b *testing.B) {
	p := newPredictor(2, 48000)
	samples := make([]float32, 2*480)
	for i := range samples {
		samples[i] = float32(math.Sin(float64(i) * 0.1))
	}
	for b.Loop() {
		p.heard(samples)
		p.next(48)
	}
}

// What a fade goes on with is fitted once, at its beginning.
func TestNothingHeardIsNoReasonToFitAnew(t *testing.T) {
	p := newPredictor(1, 48000)
	x := make([]float32, p.reach)
	for i := range x {
		x[i] = float32(0.5*math.Sin(2*math.Pi*997*float64(i)/48000) + 0.1*math.Sin(2*math.Pi*3011*float64(i)/48000))
	}
	p.heard(x)
	p.next(48)
	before := slices.Clone(p.ahead[0])
	p.heard(nil)
	p.next(48)
	if !slices.Equal(p.ahead[0], before) {
		t.Error("fitted to its own prediction")
	}
}
