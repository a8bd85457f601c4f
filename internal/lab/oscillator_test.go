package lab

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestOscillatorShowsWhatItsFrequencySays(t *testing.T) {
	const start = aes67.RawTime(1_000_000_000_000)
	for _, o := range []Oscillator{
		{Start: start},
		{Start: start, Epoch: 1_800_000_000_000_000_000, Skew: 100_000},
		{Start: start, Skew: -100_000},
		{Start: start, Skew: 50_000, Wander: 5000, Period: 20 * time.Second},
		{Start: start, Skew: 50_000, Noise: 30, Seed: 9},
		{Start: start, Skew: 50_000, Course: WarmUp(2000, time.Minute)},
		{Start: start, Course: RandomWalk(1, 3)},
		{Start: start, Course: Thermostat(100, 30*time.Second)},
		{Start: start, Course: Disciplined(1, 1000, 64*time.Second)},
		{Start: start, Course: NewCourse(10, func(s float64) aes67.PPB { return aes67.PPB(100 * s) })},
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
			r := float64(o.Rate(aes67.RawTime(s) * 10_000_000_000))
			sum, n = sum+r*r, n+1
		}
	}
	if rms := math.Sqrt(sum / float64(n)); rms < 24 || rms > 36 {
		t.Errorf("random wander of %.1f ppb rms, want about 30 ppb", rms)
	}
	a, b := Oscillator{Noise: 30, Seed: 1}, Oscillator{Noise: 30, Seed: 2}
	if at, again := aes67.RawTime(time.Minute), (&Oscillator{Noise: 30, Seed: 1}); a.At(at) == b.At(at) || a.At(at) != again.At(at) {
		t.Error("two seeds show the same, or one seed shows two times")
	}
}

func TestCoursesAreWhatTheyAreCalled(t *testing.T) {
	at := func(c *Course, s float64) float64 {
		o := Oscillator{Course: c}
		return float64(o.Rate(aes67.RawTime(s * 1e9)))
	}
	for _, c := range []struct {
		name   string
		course *Course
		second float64
		want   float64 // ppb
	}{
		{"warm-up after a settling time", WarmUp(2000, time.Minute), 60.5, 2000 / math.E},
		{"warm-up at the end", WarmUp(2000, time.Minute), 3000.5, 0},
		{"thermostat when the heater stops", Thermostat(100, 5*time.Minute), 60, 100},
		{"thermostat halfway down", Thermostat(100, 5*time.Minute), 180, 50},
		{"a course that is over", NewCourse(10, func(s float64) aes67.PPB { return aes67.PPB(s) }), 50, 10},
	} {
		if got := at(c.course, c.second); math.Abs(got-c.want) > 10 {
			t.Errorf("%s: %.1f ppb, want %.1f", c.name, got, c.want)
		}
	}
	disciplined := Disciplined(3, 1000, 64*time.Second)
	if a, b, next := at(disciplined, 10.5), at(disciplined, 50.5), at(disciplined, 70.5); a != b && math.Abs(a-b) > 1e-3 || math.Abs(a-next) < 1 || math.Abs(a) > 1000 {
		t.Errorf("disciplined: %.1f, %.1f, then %.1f ppb; want one rate within 1000 ppb for each poll", a, b, next)
	}
	var square float64
	const walks = 200
	for seed := range uint64(walks) {
		r := at(RandomWalk(seed, 3), 400.5)
		square += r * r / walks
	}
	if rms := math.Sqrt(square); rms < 50 || rms > 70 {
		t.Errorf("random walks of 3 ppb in 1 s are %.1f ppb rms after 400 s, want about 60", rms)
	}
}
