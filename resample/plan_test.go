package resample

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"aes67-sink/aes67"
)

// after is what makes Needed exact: it must tell what next will do.
func TestAfterForetellsNext(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		p := newPlan(2*44100, 48000)
		for range 5 {
			p.aim(aes67.PPB(rng.NormFloat64()*1e6), rng.Uint64N(200))
			n := rng.Uint64N(300)
			want := p.after(n)
			for range n {
				p.next()
			}
			if p.position != want {
				t.Fatalf("after %d frames at %v, foretold %v", n, p.position, want)
			}
		}
	}
}

func TestARampConsumesTheMeanOfItsEnds(t *testing.T) {
	p := newPlan(2, 1)
	p.aim(1_000_000, 0)
	p.aim(-1_000_000, 4800)
	at := p.after(4800)
	want := 4800 * (2/1.001 + 2/0.999) / 2
	if got := at.float(); math.Abs(got-want) > 1e-11 {
		t.Errorf("4800 frames of the ramp consume %.15f frames, want %.15f", got, want)
	}
}

func TestTheRatioIsContinuousAndPiecewiseLinear(t *testing.T) {
	p := newPlan(2, 1)
	last, slope := p.now(), aes67.PPB(0)
	move := func(frames int) {
		for range frames {
			p.next()
			now := p.now()
			if math.Abs(float64(now-last-slope)) > 1e-3 {
				t.Fatalf("the ratio goes from %v to %v ppb in one frame, want a slope of %v", last, now, slope)
			}
			last = now
		}
	}
	move(10)
	p.aim(10_000, 1000)
	slope = 10
	move(700)
	p.aim(0, 1000) // from 7000, where the ramp under way had come to
	slope = -7
	move(1000)
	if last != 0 {
		t.Errorf("the ramp ends at %v ppb, want 0", last)
	}
	slope = 0
	move(10)
}

func TestARampEndsExactlyAtItsTarget(t *testing.T) {
	for _, over := range []uint64{0, 1, 7, 48, 48000} {
		p, ramped := newPlan(96000, 88200), newPlan(96000, 88200)
		ramped.aim(-33_333.3, over)
		for range over {
			ramped.next()
		}
		p.aim(-33_333.3, 0)
		if ramped.rate != p.rate || ramped.now() != -33_333.3 {
			t.Errorf("after %d frames the rate is %v (%v ppb), want %v", over, ramped.rate, ramped.now(), p.rate)
		}
	}
}

// Ten days of output: the read position against exact arithmetic.
func TestThePositionDoesNotDriftInTenDays(t *testing.T) {
	const frames = 10 * 24 * 3600 * 48000
	for _, ratio := range []aes67.PPB{0, 37_123.456, -2_000_000} {
		p := newPlan(2*44100, 48000)
		p.aim(ratio, 0)
		p.position = p.after(frames)
		one := new(big.Rat).SetFloat64(1e-9 * float64(ratio))
		want := big.NewRat(2*44100, 48000)
		want.Quo(want, one.Add(one, big.NewRat(1, 1)))
		want.Mul(want, big.NewRat(frames, 1))
		got := new(big.Rat).SetFrac(exact(p.position), two64)
		// The ratio itself is a float64: at 2000 ppm its last place stands for
		// some 1e-8 frames in ten days.
		if off, _ := got.Sub(got, want).Float64(); math.Abs(off) > 5e-8 {
			t.Errorf("at %v ppb the position is off by %v frames", ratio, off)
		}
	}
}

func TestRatiosAreBroughtIntoTheirRange(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want aes67.PPB
		ok       bool
	}{
		{"inside", 2_000_000, 2_000_000, true},
		{"above", 1e12, MaxRatio, true},
		{"below", aes67.PPB(math.Inf(-1)), -MaxRatio, true},
		{"not a number", aes67.PPB(math.NaN()), 0, false},
	} {
		if got, ok := sane(c.in); got != c.want || ok != c.ok {
			t.Errorf("%s: sane(%v) = %v, %v, want %v, %v", c.name, c.in, got, ok, c.want, c.ok)
		}
	}
}
