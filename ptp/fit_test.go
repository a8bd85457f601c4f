package ptp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
)

// oneWay makes measurements of a clock that is ahead by slope x, over span
// seconds up to x = 0.
func oneWay(r *rand.Rand, n int, span, slope, delay float64, noise func(*rand.Rand) float64) [2]direction {
	var dirs [2]direction
	for i := range dirs {
		sign := 1.0
		if i == toMaster {
			sign = -1
		}
		for k := range n {
			x := span * (float64(k)/float64(n) - 1)
			dirs[i].x = append(dirs[i].x, x)
			dirs[i].y = append(dirs[i].y, slope*x+sign*(delay+noise(r)))
		}
	}
	return dirs
}

func TestQuickselectFindsWhatSortingFinds(t *testing.T) {
	property := func(v []float64, at uint) bool {
		for i, x := range v {
			if math.IsNaN(x) {
				v[i] = 0
			}
		}
		if len(v) == 0 {
			return true
		}
		k := int(at % uint(len(v)))
		sorted := slices.Sorted(slices.Values(v))
		return quickselect(v, k) == sorted[k]
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestCentreIgnoresOutliersOnEitherSide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name    string
		outlier func(*rand.Rand) float64
	}{
		{"late by milliseconds", func(r *rand.Rand) float64 { return 5e6 * r.ExpFloat64() }},
		{"early by microseconds", func(r *rand.Rand) float64 { return -2000 - 500*r.Float64() }},
	} {
		dirs := oneWay(r, 64, 8, -50_000, 2500, func(r *rand.Rand) float64 {
			if r.Float64() < 0.2 {
				return c.outlier(r)
			}
			return 100 * r.NormFloat64()
		})
		var f fitter
		l := f.centre(&dirs, f.theilSen(&dirs), 0, false, [2]float64{}, 0)
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
	for late := range readySyncs {
		dirs := oneWay(r, readySyncs, 0.75, -100_000, 2500, func(r *rand.Rand) float64 { return 100 * r.NormFloat64() })
		dirs[toUs].y[late] += 5e6
		var f fitter
		l := f.centre(&dirs, f.theilSen(&dirs), 0, false, [2]float64{}, 0)
		if !l.ok || math.Abs(l.level) > 1000 {
			t.Errorf("Sync %d late by 5 ms: level %.0f ns, want within 1000 ns", late, l.level)
		}
	}
}

func TestBentFitFollowsAClockThatWanders(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	dirs := oneWay(r, 32, 4, 0, 2500, func(r *rand.Rand) float64 { return 100 * r.NormFloat64() })
	for i := range dirs {
		for k, x := range dirs[i].x {
			dirs[i].y[k] += 300*x + 750*x*x
		}
	}
	var f fitter
	l := f.centre(&dirs, f.theilSen(&dirs), 0, true, [2]float64{}, 0)
	if !l.ok || math.Abs(l.level) > 4*l.levelSE || math.Abs(l.slope-300) > 4*l.slopeSE || math.Abs(l.bend-750) > 4*l.bendSE {
		t.Errorf("got %+v, want level 0, slope 300, bend 750 within four errors", l)
	}
}

func TestEdgeTellsItsError(t *testing.T) {
	for _, c := range []struct {
		name  string
		noise func(*rand.Rand) float64
	}{
		{"uniform", func(r *rand.Rand) float64 { return 50_000 * r.Float64() }},
		{"exponential", func(r *rand.Rand) float64 { return 20_000 * r.ExpFloat64() }},
	} {
		r := rand.New(rand.NewPCG(4, 1))
		var level, slope, toldLevel, toldSlope float64
		const runs = 100
		for range runs {
			dirs := oneWay(r, 256, 32, -50_000, 2500, c.noise)
			var f fitter
			centre := f.centre(&dirs, f.theilSen(&dirs), 0, false, [2]float64{}, 0)
			l := f.edge(&dirs, &centre, math.Inf(1))
			level, slope = level+l.level*l.level, slope+(l.slope+50_000)*(l.slope+50_000)
			toldLevel, toldSlope = toldLevel+l.levelSE, toldSlope+l.slopeSE
		}
		level, slope, toldLevel, toldSlope = math.Sqrt(level/runs), math.Sqrt(slope/runs), toldLevel/runs, toldSlope/runs
		t.Logf("%s: level error %.0f ns, told %.0f; slope error %.1f ns/s, told %.1f", c.name, level, toldLevel, slope, toldSlope)
		if level > 2*toldLevel || level < toldLevel/2 || slope > 2*toldSlope || slope < toldSlope/2 {
			t.Errorf("%s: level error %.0f ns, told %.0f; slope error %.1f ns/s, told %.1f; want within a factor of 2", c.name, level, toldLevel, slope, toldSlope)
		}
	}
}
