package resample_test

import (
	"math"
	"testing"

	"aes67-sink/aes67"
)

// Every tone keeps its purity, its level and, with Delay taken off, its place
// in time. A float32 sine has 153 dB itself.
func TestTonesStayPureAtAnyConstantRatio(t *testing.T) {
	t.Parallel()
	for i, p := range pairs() {
		t.Run(p.String(), func(t *testing.T) {
			for j, hz := range []float64{20, 997, 10_000, 18_000, 20_000} {
				ratio := []aes67.PPB{0, 37_000, -500_000, 2_000_000, -2_000_000}[(i+j)%5]
				r := newResampler(t, 1, p)
				r.SetRatio(ratio, 0)
				whole, part := r.At()
				out := tone(r, p, hz, 0, settle+4096, 256, nil)[settle:]
				omega := 2 * math.Pi * hz / float64(p.in)
				amplitude, phase, sinad := fit(out, omega*p.step(ratio))
				if sinad < 152 {
					t.Errorf("%v Hz at %v ppb: SINAD %.1f dB, want 152", hz, ratio, sinad)
				}
				if gain := 20 * math.Log10(amplitude/level); math.Abs(gain) > 1e-6 {
					t.Errorf("%v Hz at %v ppb: gain %v dB", hz, ratio, gain)
				}
				off := math.Remainder(phase-omega*(settle*p.step(ratio)+float64(whole)+part), 2*math.Pi) / omega
				if math.Abs(off) > 1e-6 {
					t.Errorf("%v Hz at %v ppb: %v input frames early", hz, ratio, off)
				}
			}
		})
	}
}

// What the filters themselves do shows with tones of float64.
func TestTheFiltersThemselvesReach160dB(t *testing.T) {
	t.Parallel()
	for _, p := range []pair{{48000, 48000}, {44100, 48000}, {44100, 96000}, {48000, 96000}, {96000, 48000}} {
		for _, ratio := range []aes67.PPB{0, 50_000, -50_000, 500_000, -500_000} {
			for _, hz := range []float64{997, 10_000, 18_000, 20_000} {
				r := newResampler(t, 1, p)
				r.SetRatio(ratio, 0)
				const frames = settle + 8192
				out := make([]float64, frames)
				in := make([]float64, r.Needed(frames-4096))
				pushed := int64(0)
				for at := 0; at < frames; at += 256 {
					n := min(256, frames-at)
					in = in[:r.Needed(n)]
					for i := range in {
						in[i] = level * math.Sin(2*math.Pi*turns(hz, p.in, pushed))
						pushed++
					}
					r.Push64(in)
					r.Process([][]float64{out[at : at+n]})
				}
				if _, _, sinad := fit(out[settle:], 2*math.Pi*hz/float64(p.in)*p.step(ratio)); sinad < 160 {
					t.Errorf("%v, %v Hz at %v ppb: %.1f dB, want 160", p, hz, ratio, sinad)
				}
			}
		}
	}
}

func TestTonesStayPureWhileTheRatioWanders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pair
		hz    float64
		block int
		least float64
	}{
		{pair{48000, 48000}, 10_000, 48, 152},
		{pair{48000, 48000}, 10_000, 256, 150},
		{pair{48000, 48000}, 18_000, 256, 147},
		{pair{44100, 48000}, 18_000, 48, 152},
		{pair{48000, 44100}, 18_000, 48, 152},
		{pair{96000, 48000}, 18_000, 48, 152},
		{pair{96000, 96000}, 18_000, 48, 152},
	} {
		r := newResampler(t, 1, c.pair)
		out := tone(r, c.pair, c.hz, 0, settle+1<<16, c.block, func(at int) {
			wander := math.Sin(2 * math.Pi * 0.5 * float64(at+c.block) / float64(c.out))
			r.SetRatio(aes67.PPB(50_000*wander), c.block)
		})
		if got := apart(out[settle:], float64(c.out), c.hz, 45); got < c.least {
			t.Errorf("%v, %v Hz, blocks of %d: %.1f dB, want %v", c.pair, c.hz, c.block, got, c.least)
		}
	}
}

// What lies above the pass edge may be lost, but leaves nothing below 20 kHz.
func TestImagesAndAliasesStayAboveTwentyKilohertz(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pair
		hz []float64
	}{
		{pair{44100, 44100}, []float64{21_000, 22_000}},
		{pair{44100, 48000}, []float64{21_000, 22_000}},
		{pair{44100, 96000}, []float64{21_000, 22_000}},
		{pair{48000, 44100}, []float64{21_000, 22_000, 23_000, 23_900}},
		{pair{48000, 48000}, []float64{21_000, 22_000, 23_900}},
		{pair{88200, 44100}, []float64{22_000, 23_500, 26_000, 35_000, 44_000}},
		{pair{88200, 48000}, []float64{22_000, 25_500, 30_000, 44_000}},
		{pair{96000, 44100}, []float64{22_000, 23_500, 26_000, 35_000, 47_000}},
		{pair{96000, 48000}, []float64{22_000, 25_500, 30_000, 47_000}},
	} {
		for _, hz := range c.hz {
			r := newResampler(t, 1, c.pair)
			r.SetRatio(-37_000, 0)
			out := tone(r, c.pair, hz, 0, settle+1<<13, 256, nil)
			var audible float64
			for k, power := range spectrum(out[settle:]) {
				if float64(k)*float64(c.out)/(1<<13) <= 20_000 {
					audible += power
				}
			}
			if got := 10 * math.Log10(2*audible/(level*level)); got > -150 {
				t.Errorf("%v: a tone of %v Hz leaves %.1f dB below 20 kHz, want -150", c.pair, hz, got)
			}
		}
	}
}
