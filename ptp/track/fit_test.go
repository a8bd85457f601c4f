package track

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// oneWay makes samples of a clock that is ahead by slope x + bend x², over span
// seconds up to x = 0.
func oneWay(r *rand.Rand, n int, span, slope, bend, delay float64, noise func(*rand.Rand) float64) (dirs [2]points) {
	for d := range dirs {
		for k := range n {
			x := span * (float64(k)/float64(n) - 1)
			dirs[d].x = append(dirs[d].x, x)
			dirs[d].y = append(dirs[d].y, slope*x+bend*x*x+way[d]*(delay+noise(r)))
		}
	}
	return dirs
}

func gauss(sigma float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return sigma * r.NormFloat64() }
}

// fitted fits as the estimator does.
func fitted(dirs *[2]points, n int, delay float64) curve {
	var f fitter
	return f.fit(dirs, &curve{slope: f.theilSen(dirs)}, n, &[2]float64{}, delay)
}

func TestAFitIgnoresOutliersOnEitherSide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name    string
		outlier func(*rand.Rand) float64
	}{
		{"late by milliseconds", func(r *rand.Rand) float64 { return 5e6 * r.ExpFloat64() }},
		{"early by microseconds", func(r *rand.Rand) float64 { return -2000 - 500*r.Float64() }},
	} {
		dirs := oneWay(r, 64, 8, -50_000, 0, 2500, func(r *rand.Rand) float64 {
			if r.Float64() < 0.2 {
				return c.outlier(r)
			}
			return 100 * r.NormFloat64()
		})
		l := fitted(&dirs, ofBend, 0)
		if !l.ok || math.Abs(l.level) > 60 || math.Abs(l.slope+50_000) > 15 || math.Abs(l.delay-2500) > 40 {
			t.Errorf("%s: level %.0f ns, slope %.1f ns/s, delay %.0f ns; want 0, -50000, 2500", c.name, l.level, l.slope, l.delay)
		}
		if l.levelSE > 40 {
			t.Errorf("%s: calls its level good to %.0f ns, want at most 40 ns", c.name, l.levelSE)
		}
	}
}

func TestASingleLateSyncDoesNotSpoilTheFirstFit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for late := range shortest {
		dirs := oneWay(r, shortest, 0.75, -100_000, 0, 2500, gauss(100))
		dirs[ToUs].y[late] += 5e6
		if l := fitted(&dirs, ofBend, 0); !l.ok || math.Abs(l.level) > 1000 {
			t.Errorf("Sync %d late by 5 ms: level %.0f ns, want within 1000 ns", late, l.level)
		}
	}
}

func TestAFitTellsItsErrors(t *testing.T) {
	for _, c := range []struct {
		name        string
		n, unknowns int
		bend        float64
	}{
		{"straight", 32, ofBend, 0},
		{"bent", 32, unknowns, 750},
		{"long", 256, ofBend, 0},
	} {
		r := rand.New(rand.NewPCG(3, 1))
		var level, slope, toldLevel, toldSlope float64
		const runs = 200
		for range runs {
			dirs := oneWay(r, c.n, float64(c.n)/8, 300, c.bend, 2500, gauss(100))
			l := fitted(&dirs, c.unknowns, 0)
			level, slope = level+l.level*l.level, slope+(l.slope-300)*(l.slope-300)
			toldLevel, toldSlope = toldLevel+l.levelSE*l.levelSE, toldSlope+l.slopeSE*l.slopeSE
		}
		level, slope = math.Sqrt(level/toldLevel), math.Sqrt(slope/toldSlope)
		t.Logf("%s: errors are %.2f of what is told of the level, %.2f of the slope", c.name, level, slope)
		if level > 1.3 || level < 0.6 || slope > 1.3 || slope < 0.6 {
			t.Errorf("%s: errors are %.2f of what is told of the level, %.2f of the slope; want about 1", c.name, level, slope)
		}
	}
}

func TestTheUsualDelayStandsInForSamplesToTheMaster(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	for _, c := range []struct {
		name    string
		replies int
		delay   float64 // the usual one
		want    float64
		within  float64
	}{
		{"none: as it was", 0, 2000, 2000, 0.1},
		{"two: mostly as it was", 2, 2400, 2430, 60},
		{"many: measured", 64, 2400, 2500, 40},
		{"many, and the path has changed", 64, 50_000, 2500, 40},
		{"two, and nothing is known", 2, 0, 2500, 150},
	} {
		dirs := oneWay(r, 64, 8, -50_000, 0, 2500, gauss(100))
		n := len(dirs[ToMaster].x) - c.replies
		dirs[ToMaster] = points{dirs[ToMaster].x[n:], dirs[ToMaster].y[n:]}
		if l := fitted(&dirs, ofBend, c.delay); !l.ok || math.Abs(l.delay-c.want) > c.within {
			t.Errorf("%s: delay %.0f ns, want %.0f ns", c.name, l.delay, c.want)
		}
	}
}

func TestWhatCannotBeToldApartIsNoFit(t *testing.T) {
	same := points{[]float64{-1, -1, -1, -1}, []float64{5, 6, 7, 8}}
	dirs := [2]points{same, same}
	for n := ofBend; n <= unknowns; n++ {
		if l := fitted(&dirs, n, 0); l.ok {
			t.Errorf("%d unknowns of a single instant: %+v", n, l)
		}
	}
	two := points{[]float64{-2, -1, -2, -1}, []float64{5, 6, 7, 8}}
	dirs = [2]points{two, two}
	if l := fitted(&dirs, unknowns, 0); l.ok {
		t.Errorf("a bend of two instants: %+v", l)
	}
}

func TestTheMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{2, 1}, 2}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 3}} {
		if got := median(c.v); got != c.want {
			t.Errorf("of %v: %v, want %v", c.v, got, c.want)
		}
	}
}

// TestMedianIsThatOfSorting holds it to the plain way, ties and all.
func TestMedianIsThatOfSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		v := make([]float64, 1+r.IntN(200))
		for i := range v {
			v[i] = float64(r.IntN(1 + r.IntN(300)))
		}
		sorted := slices.Sorted(slices.Values(v))
		if got := median(v); got != sorted[len(v)/2] {
			t.Fatalf("got %v of %v", got, sorted)
		}
	}
}
