package lab

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestOscillatorShowsWhatItsFrequencySays(t *testing.T) {
	const start = aes67.MonoTime(1_000_000_000_000)
	for _, o := range []Oscillator{
		{Start: start},
		{Start: start, Epoch: 1_800_000_000_000_000_000, Skew: 100_000},
		{Start: start, Skew: -100_000},
		{Start: start, Skew: 50_000, Wander: 5000, Period: 20 * time.Second},
		{Start: start, Skew: 50_000, Noise: 30, Seed: 9},
	} {
		if got := o.At(start); got != o.Epoch {
			t.Errorf("%+v: shows %d at its start, want %d", o, got, o.Epoch)
		}
		// The sum of its rates is what it has gained.
		var gained float64
		const step = 50 * time.Millisecond
		now := start
		for range 2000 {
			gained += float64(o.Rate(now.Add(step/2))) * step.Seconds()
			now = now.Add(step)
		}
		got := float64(o.At(now).Sub(o.Epoch) - now.Sub(start))
		if math.Abs(got-gained) > 20 {
			t.Errorf("%+v: gained %.0f ns in %v, its rates say %.0f ns", o, got, now.Sub(start), gained)
		}
	}
}

func TestOscillatorNoiseHasItsStrengthAndSeed(t *testing.T) {
	sum, n := 0.0, 0
	for seed := range uint64(40) {
		o := Oscillator{Noise: 30, Seed: seed}
		for s := range 200 {
			r := float64(o.Rate(aes67.MonoTime(s) * 10_000_000_000))
			sum, n = sum+r*r, n+1
		}
	}
	if rms := math.Sqrt(sum / float64(n)); rms < 24 || rms > 36 {
		t.Errorf("random wander of %.1f ppb rms, want about 30 ppb", rms)
	}
	a, b := Oscillator{Noise: 30, Seed: 1}, Oscillator{Noise: 30, Seed: 2}
	if at, again := aes67.MonoTime(time.Minute), (&Oscillator{Noise: 30, Seed: 1}); a.At(at) == b.At(at) || a.At(at) != again.At(at) {
		t.Error("two seeds show the same, or one seed shows two times")
	}
}
