package ptp

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/quick"
)

// swingSpan is over what time the tests of this file measure, in seconds, and
// swingMessages how many messages each way.
const swingSpan, swingMessages = 32.0, 256

// swinging makes measurements of a clock that swings, and fits a straight line.
func swinging(f *fitter, r *rand.Rand, s swing, noise func(*rand.Rand) float64) (dirs [2]direction, straight curve) {
	dirs = oneWay(r, swingMessages, swingSpan, 0, 2500, noise)
	for i := range dirs {
		for k, x := range dirs[i].x {
			dirs[i].y[k] += s.at(x)
		}
	}
	return dirs, f.centre(&dirs, f.theilSen(&dirs), 0, false, [2]float64{}, 0)
}

// kernelNoise is that of software timestamps: a core, and messages that are late.
func kernelNoise(r *rand.Rand) float64 {
	if r.Float64() < 0.05 {
		return 20_000 * r.ExpFloat64()
	}
	return 200 * r.NormFloat64()
}

func TestASwingIsFoundAndFollowed(t *testing.T) {
	for _, c := range []struct {
		name      string
		period    float64 // s
		amplitude float64 // ns/s, of the rate
	}{
		{"5 ppm over 20 s", 20, 5000},
		{"0.5 ppm over 20 s", 20, 500},
		{"2 ppm over 7 s", 7, 2000},
		{"1 ppm over 30 s", 30, 1000},
	} {
		r := rand.New(rand.NewPCG(5, 1))
		omega := 2 * math.Pi / c.period
		var level, slope, toldLevel, toldSlope float64
		const runs = 50
		for range runs {
			phase := 2 * math.Pi * r.Float64()
			truth := swing{omega: omega, tilt: -50_000, sine: c.amplitude / omega * math.Cos(phase), cosine: c.amplitude / omega * math.Sin(phase)}
			var f fitter
			dirs, straight := swinging(&f, r, truth, kernelNoise)
			got := f.swing(&dirs, f.seekSwing(&dirs, &straight, swingSpan), [2]float64{}, swingSpan)
			if !got.ok {
				t.Fatalf("%s: not found", c.name)
			}
			if e := got.level; math.Abs(e) > 5*got.levelSE {
				t.Errorf("%s: level %.0f ns off, told %.0f", c.name, e, got.levelSE)
			}
			off := got.slope - truth.slope(0)
			if math.Abs(off) > 5*got.slopeSE || math.Abs(got.delay-2500) > 100 {
				t.Errorf("%s: slope %.0f ns/s off, told %.0f; delay %.0f ns, want 2500", c.name, off, got.slopeSE, got.delay)
			}
			level, slope = level+got.level*got.level, slope+off*off
			toldLevel, toldSlope = toldLevel+got.levelSE*got.levelSE, toldSlope+got.slopeSE*got.slopeSE
		}
		level, slope = math.Sqrt(level/toldLevel), math.Sqrt(slope/toldSlope)
		t.Logf("%s: errors are %.2f of what is told of the level, %.2f of the slope", c.name, level, slope)
		if level > 1.5 || level < 0.6 || slope > 1.5 || slope < 0.6 {
			t.Errorf("%s: errors are %.2f of what is told of the level, %.2f of the slope; want about 1", c.name, level, slope)
		}
	}
}

func TestNoSwingIsSeenInNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for range 50 {
		var f fitter
		dirs, straight := swinging(&f, r, swing{tilt: 30_000}, kernelNoise)
		if got := f.swing(&dirs, f.seekSwing(&dirs, &straight, swingSpan), [2]float64{}, swingSpan); got.ok {
			t.Errorf("of a steady clock: %+v", got.swing)
		}
	}
}

func TestASwingIsOneHoweverLateItIsSeen(t *testing.T) {
	property := func(omega, tilt, sine, cosine, by, x float64) bool {
		for _, v := range []*float64{&omega, &tilt, &sine, &cosine, &by, &x} {
			*v *= 10 / math.MaxFloat64
		}
		s := swing{omega, tilt, sine, cosine}
		later := s.moved(by)
		rise := func(s *swing, from, to float64) float64 { return s.at(to) - s.at(from) }
		return math.Abs(rise(&s, by, by+x)-rise(&later, 0, x)) < 1e-9 && math.Abs(s.slope(by+x)-later.slope(x)) < 1e-9
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}
