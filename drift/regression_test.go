package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Points come each quarter second; ns.
const quarter = 250e6

func TestLineFollowsAClockThatIsOff(t *testing.T) {
	for _, slope := range []float64{300e-6, -300e-6, 50e-6, -5e-6} {
		random := rand.New(rand.NewPCG(1, 2))
		var l regression
		at := 7e12
		for range 80 {
			at += quarter
			l.add(at, slope*at-2e3*random.ExpFloat64())
		}
		if got := l.slope(); math.Abs(got-slope) > 0.1e-6 {
			t.Errorf("slope %g after 20 s: %g", slope, got)
		}
		if got, want := l.ahead(at), slope*at-2e3; math.Abs(got-want) > 1e3 {
			t.Errorf("slope %g: the line is off by %.0f ns after 20 s", slope, got-want)
		}
	}
}

func TestLineOfAnExactClockStaysLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var l regression
	for i := range 2000 {
		l.add(quarter*float64(i), -30e3*random.ExpFloat64())
		if i > 8 && math.Abs(l.slope()) > 20e-9 {
			t.Fatalf("point %d: slope %g of a clock that is exact", i, l.slope())
		}
	}
}

// steady returns a line that has seen points at height 0 with some noise.
func steady() (l regression, at float64) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		at += quarter
		l.add(at, -1e3*random.Float64())
	}
	return l, at
}

func TestLineIsNotPulledByALatePoint(t *testing.T) {
	for _, late := range []float64{5e3, 100e3, 20e6} {
		l, at := steady()
		before := l.ahead(at)
		l.add(at+quarter, -late)
		if pull := before - l.ahead(at); pull > 50 {
			t.Errorf("a point that is %.0f ns late pulls the line by %.0f ns", late, pull)
		}
	}
}

func TestLineBelievesAnEarlyPoint(t *testing.T) {
	l, at := steady()
	l.add(at+quarter, 5e6)
	if got := l.ahead(at + quarter); got < 4.99e6 {
		t.Errorf("after a point 5 ms ahead the line is at %.0f ns", got)
	}
}

func TestLineTakesThreeGrosslyLatePointsForAStep(t *testing.T) {
	l, at := steady()
	for i, want := range []float64{0, 0, -5.3e6} {
		l.add(at+quarter*float64(i+1), -5.3e6)
		if got := l.ahead(at + quarter*float64(i+1)); math.Abs(got-want) > 2e3 {
			t.Errorf("after %d points the line is at %.0f ns, want %.0f", i+1, got, want)
		}
	}
}

func TestLineKeepsACertainSlopeAcrossAStep(t *testing.T) {
	var l regression
	random := rand.New(rand.NewPCG(7, 8))
	height := func(i int) float64 {
		x := 100e-6*quarter*float64(i) - 1e3*random.Float64()
		if i > 100 {
			x -= 5.3e6
		}
		return x
	}
	for i := range 110 {
		l.add(quarter*float64(i), height(i))
		if i > 20 && math.Abs(l.slope()-100e-6) > 1e-6 {
			t.Fatalf("point %d: slope %g, want 100 ppm", i, l.slope())
		}
	}
}
