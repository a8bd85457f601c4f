package drift

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func newController() *controller {
	return &controller{rate: 48000, goal: 720, target: 720}
}

// settle lets the controller stand at a feed-forward.
func settle(c *controller, forward float64) {
	for range 1000 {
		c.update(time.Millisecond, Acquire, 720, 0, forward)
	}
}

func TestSignsOfTheRatio(t *testing.T) {
	tests := []struct {
		name                string
		fill, fast, forward float64
		want                float64
	}{
		{"all at rest", 720, 0, 0, 0},
		{"a fast grandmaster raises it", 720, 0, 100e-6, 100e-6},
		{"a fast server lowers it", 720, 100e-6, 0, 1/1.0001 - 1},
		{"a full ring lowers it", 720 + 48, 0, 0, -pushLimit},
		{"an empty ring raises it", 720 - 48, 0, 0, pushLimit},
		{"half a dead zone changes nothing", 720 + 3.6, 0, 0, 0},
		{"both fast by as much cancel out", 720, 100e-6, 100e-6, 0},
	}
	for _, test := range tests {
		c := newController()
		for range 30_000 {
			c.update(time.Millisecond, Coarse, test.fill, test.fast, test.forward)
		}
		if math.Abs(c.ratio-test.want) > 0.01e-6 {
			t.Errorf("%s: ratio %.3f ppm, want %.3f", test.name, c.ratio*1e6, test.want*1e6)
		}
	}
}

func TestRatioIsBoundedInSlopeAndSize(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	c := newController()
	slopes := map[State]float64{Acquire: acquireSlope, Coarse: coarseSlope, Fine: fineSlope, Holding: 0}
	for range 200_000 {
		state := State(random.IntN(4))
		dt := time.Duration(random.Int64N(int64(20 * time.Millisecond)))
		before, trimmed := c.ratio, c.trim
		forward := 1e-3 * (random.Float64() - 0.5)
		c.goal = 4800 * random.Float64()
		c.update(dt, state, 9600*random.Float64(), 1e-3*(random.Float64()-0.5), forward)
		moved := c.trim - trimmed // the grandmaster's own moves are followed as they are
		if state == Acquire || state == Holding {
			moved = c.ratio - before
		}
		if most := slopes[state] * dt.Seconds(); math.Abs(moved) > most*1.000001+1e-18 {
			t.Fatalf("%v: moved by %g in %v, must be %g at most", state, moved, dt, most)
		}
		if state != Holding && math.Abs(c.wanted-c.forward()) > trimLimit*1.000001 {
			t.Fatalf("%v: trim %g", state, c.wanted-c.forward())
		}
	}
}

func TestFinePushIsSmallForSmallErrors(t *testing.T) {
	tests := []struct{ frames, ppm float64 }{
		{0, 0}, {1, 0.009}, {3, 0.03}, {7.2, 0.1}, {24, 2.1}, {-24, -2.1}, {240, 1250},
	}
	for _, test := range tests {
		c := newController()
		got := c.fine(720+test.frames) * 1e6
		if math.Abs(got) > math.Abs(test.ppm) || got*test.ppm < 0 || math.Abs(got) < 0.6*math.Abs(test.ppm) {
			t.Errorf("%g frames: push %.3f ppm, want some less than %g", test.frames, got, test.ppm)
		}
	}
}

func TestSmoothingDoesNotMoveTheFill(t *testing.T) {
	c := newController()
	settle(c, 0)
	const dt = time.Millisecond
	var missing float64 // ns
	for range 60_000 {
		c.smooth(dt, Fine, 100e-6)
		missing += (100e-6 - c.forward()) * float64(dt)
	}
	// What the bound of its slope costs: a sixth of a frame.
	if math.Abs(missing) > 4000 {
		t.Errorf("after a step of 100 ppm %.0f ns are missing, want 4000 at most", missing)
	}
}

func TestSmoothingDoesNotLagBehindARamp(t *testing.T) {
	c := newController()
	settle(c, 0)
	forward := 0.
	for range 60_000 {
		forward += 1e-9
		c.smooth(time.Millisecond, Fine, forward)
	}
	if got := c.forward(); math.Abs(got-forward) > 2e-9 {
		t.Errorf("%g behind a ramp", forward-got)
	}
}

func TestTargetMovesAtARateThatIsNotHeard(t *testing.T) {
	c := newController()
	c.goal = 960
	var took time.Duration
	for c.target != c.goal {
		before := c.target
		share := c.ramp(time.Millisecond)
		if math.Abs(share) > rampLimit*1.000001 {
			t.Fatalf("push %g", share)
		}
		if moved := share * 48; math.Abs(c.target-before-moved) > 1e-9 {
			t.Fatalf("the target moved by %g, the push by %g frames", c.target-before, moved)
		}
		if took += time.Millisecond; took > time.Minute {
			t.Fatal("the target does not arrive")
		}
	}
	if took != 50*time.Second {
		t.Errorf("240 frames took %v, want 50 s", took)
	}
}
