package lab

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

// toneOf makes a pure tone.
func toneOf(frames int, rate aes67.Hz, hz, amplitude, phase float64) []float64 {
	x := make([]float64, frames)
	for i := range x {
		// The integer part of the cycles is dropped first: exact for hours.
		cycles := hz * float64(i) / float64(rate)
		x[i] = amplitude * math.Sin(2*math.Pi*(cycles-math.Floor(cycles))+phase)
	}
	return x
}

func noisy(x []float64, sigma float64, seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 3))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + sigma*random.NormFloat64()
	}
	return y
}

func quantised(x []float64, bits int) []float64 {
	full := math.Ldexp(1, bits-1)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.RoundToEven(v*full) / full
	}
	return y
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.9g, want %.9g ± %g", what, got, want, tolerance)
	}
}

func TestSineFitFindsAllFourParameters(t *testing.T) {
	for _, near := range []float64{0, 995, 999.4} {
		t.Run(fmt.Sprintf("told %v Hz", near), func(t *testing.T) {
			x := toneOf(200_000, 48000, 997.123456, 0.37, -1.2)
			for i := range x {
				x[i] += 0.01
			}
			fit := FitSine(noisy(x, 1e-6, 1), 48000, near)
			within(t, "frequency", fit.Hz, 997.123456, 1e-8)
			within(t, "amplitude", fit.Amplitude, 0.37, 1e-7)
			within(t, "phase", fit.Phase, -1.2, 1e-6)
			within(t, "dc", fit.DC, 0.01, 1e-7)
			within(t, "residual", fit.Residual, 1e-6, 2e-8)
		})
	}
}

func TestPitchOverAMinuteIsBetterThanATenthOfAPPB(t *testing.T) {
	const hz = 997 * (1 + 12.345e-6)
	x := quantised(toneOf(60*48000, 48000, hz, 0.5, 0.3), 24)
	for name, got := range map[string]float64{
		"phase": MeasurePitch(x, 48000, 1000).Hz,
		"fit":   FitSine(x, 48000, 0).Hz,
	} {
		if ppb := (got/hz - 1) * 1e9; math.Abs(ppb) > 0.1 {
			t.Errorf("%s: off by %.4f ppb", name, ppb)
		}
	}
}

func TestPitchTellsWander(t *testing.T) {
	// The clock swings by ±2 µs over 4 s.
	x := make([]float64, 48000*20)
	for i := range x {
		s := float64(i) / 48000
		x[i] = 0.5 * math.Sin(2*math.Pi*997*(s+2e-6*math.Cos(2*math.Pi*s/4)))
	}
	p := MeasurePitch(x, 48000, 997)
	within(t, "pitch", p.Hz, 997, 1e-4)
	within(t, "rms of the wander in µs", p.PhaseRMS*1e6, 2/math.Sqrt2, 0.05)
	within(t, "worst of the wander in µs", p.Worst*1e6, 2, 0.1)
}

func TestSINADOfKnownNoise(t *testing.T) {
	const amplitude = 0.5
	signal := 10 * math.Log10(amplitude*amplitude/2)
	// White noise loses the part that lies within ±45 Hz of the tone.
	guard := 10 * math.Log10(1-2*45/24000.0)
	for _, noiseDB := range []float64{-60, -100, -140, -160} {
		x := noisy(toneOf(48000*8, 48000, 997, amplitude, 1), math.Pow(10, noiseDB/20), 5)
		s := MeasureSpectrum(x, 48000)
		within(t, fmt.Sprintf("SINAD with noise at %v dB", noiseDB), s.SINAD(997), signal-noiseDB-guard, 0.2)
	}
	pure := MeasureSpectrum(toneOf(48000*8, 48000, 997, amplitude, 1), 48000)
	if got := pure.SINAD(997); got < 180 {
		t.Errorf("a pure tone shows a SINAD of %.1f dB, want more than 180", got)
	}
	// 24 bits: the error is uniform within ±½ step, -149.3 dB re full scale.
	x := quantised(toneOf(48000*8, 48000, 997.37, amplitude, 1), 24)
	q := MeasureSpectrum(x, 48000)
	within(t, "SINAD of 24 bits", q.SINAD(997.37), signal+20*math.Log10(math.Ldexp(1, 23))+10*math.Log10(12), 0.3)
}

func TestSINADCountsWhatIsOutsideTheGuardBandOnly(t *testing.T) {
	tests := []struct {
		name string
		hz   float64
		want float64
	}{
		{"the second harmonic", 1994, 80},
		{"a hum at 50 Hz", 50, 80},
		{"dc", 0, 80},
		{"60 Hz beside", 1057, 80},
		{"near the Nyquist frequency", 23990, 80},
		{"within the guard band", 1017, 180},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := toneOf(48000*4, 48000, 997, 0.5, 0)
			if tt.hz == 0 {
				for i := range x {
					x[i] += 0.5e-4 / math.Sqrt2
				}
			}
			for i, v := range toneOf(len(x), 48000, tt.hz, 0.5e-4, 1) {
				if tt.hz > 0 {
					x[i] += v
				}
			}
			s := MeasureSpectrum(x, 48000)
			got := s.SINAD(997)
			if tt.want > 100 && got > tt.want {
				return
			}
			within(t, "SINAD", got, tt.want, 0.05)
		})
	}
}

func TestToneLevelsFarApartAreToldApart(t *testing.T) {
	x := toneOf(48000*6, 48000, 997, 0.5, 0)
	for i, v := range toneOf(len(x), 48000, 1499, 0.5e-7, 2) {
		x[i] += v
	}
	s := MeasureSpectrum(x, 48000)
	within(t, "level", s.ToneDBFS(997, guardHz), -6.0206, 1e-4)
	within(t, "crosstalk", s.ToneDBFS(1499, otherWidth)-s.ToneDBFS(997, guardHz), -140, 0.05)
}

func TestDefectsAreFoundWhereTheyAre(t *testing.T) {
	const hz = 997
	tone := func() []float64 { return noisy(toneOf(48000*2, 48000, hz, 0.5, 0), 1e-6, 9) }
	const at = 50_123
	tests := []struct {
		name   string
		spoil  func(x []float64) []float64
		want   bool
		frames float64 // that the phase jumped
	}{
		{"nothing", func(x []float64) []float64 { return x }, false, 0},
		{"one frame missing", func(x []float64) []float64 { return append(x[:at:at], x[at+1:]...) }, true, 1},
		{"one frame repeated", func(x []float64) []float64 { return append(x[:at:at], x[at-1:]...) }, true, -1},
		{"a packet missing", func(x []float64) []float64 { return append(x[:at:at], x[at+48:]...) }, true, 48 - 48000.0/hz},
		{"a tenth of a frame", func(x []float64) []float64 {
			return append(x[:at:at], noisy(toneOf(40_000, 48000, hz, 0.5, 2*math.Pi*hz*(at+0.1)/48000), 1e-6, 8)...)
		}, true, 0.1},
		{"a click of -60 dBFS", func(x []float64) []float64 { x[at] += 1e-3; return x }, true, 0},
		{"a step of 0.1 dB", func(x []float64) []float64 {
			for i := at; i < len(x); i++ {
				x[i] *= 0.99
			}
			return x
		}, true, 0},
		{"a fade of 5 ms to silence", func(x []float64) []float64 {
			for i := at; i < len(x); i++ {
				gain := 0.0
				if i < at+240 {
					gain = 0.5 + 0.5*math.Cos(math.Pi*float64(i-at)/240)
				}
				x[i] *= gain
			}
			return x
		}, false, 0},
		{"a pitch that is 300 ppm off", func(x []float64) []float64 { return toneOf(len(x), 48000, hz*1.0003, 0.5, 0) }, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defects := FindDefects(tt.spoil(tone()), 48000, hz)
			if !tt.want {
				if len(defects) != 0 {
					t.Fatalf("found %+v, want none", defects)
				}
				return
			}
			if len(defects) != 1 {
				t.Fatalf("found %+v, want one", defects)
			}
			if d := defects[0]; d.Frame < at-1 || d.Frame > at+1 {
				t.Errorf("found at frame %d, want %d", d.Frame, at)
			}
			within(t, "phase jump in frames", defects[0].Frames, tt.frames, 0.02)
		})
	}
}

func TestAGapIsMeasuredToTheFrame(t *testing.T) {
	x := toneOf(48000, 48000, 997, 0.5, 0.1)
	clear(x[10_007 : 10_007+96])
	clear(x[30_000 : 30_000+3]) // too short to count
	clear(x[len(x)-48:])
	want := []Run{{10_007, 96}, {len(x) - 48, 48}}
	if diff := cmp.Diff(want, ZeroRuns(x, silentGap)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReportOfACleanToneAndOfSilence(t *testing.T) {
	x := quantised(toneOf(48000*5, 48000, 997, 0.5, 0), 24)
	r := AnalyseTone(x, 48000, ToneOptions{OtherHz: 1499})
	within(t, "frequency", r.ToneHz, 997, 1e-6)
	within(t, "level", r.ToneDBFS, -6.0206, 1e-3)
	if r.SINADdB < 140 || r.WorstdB < 139 || r.CrosstalkDB > -160 || len(r.Defects) != 0 || len(r.ZeroRuns) != 0 {
		t.Errorf("a clean tone reads %+v", r)
	}
	silent := AnalyseTone(make([]float64, 48000), 48000, ToneOptions{})
	if silent.PeakDBFS != floorDBFS || silent.ToneDBFS != floorDBFS {
		t.Errorf("silence reads %+v", silent)
	}
}

func TestSteadyLeavesTheEdgesOut(t *testing.T) {
	x := make([]float64, 1000, 60_000)
	x = append(x, toneOf(50_000, 48000, 997, 0.5, 0)...)
	x = append(x, make([]float64, 2000)...)
	from, to := Steady(x, 480)
	if from < 1480 || from > 1484 || to > 50_520 || to < 50_516 {
		t.Errorf("steady from %d to %d", from, to)
	}
	if from, to = Steady(make([]float64, 100), 10); from != to {
		t.Errorf("silence is steady from %d to %d", from, to)
	}
}
