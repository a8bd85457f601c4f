package resample_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/resample"
)

// Needed is enough, one frame fewer is not, and Position tells to a fraction
// of a frame what was consumed.
func TestNeededIsExact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, p := range pairs() {
		r := newResampler(t, 1, p)
		for range 100 {
			if rng.IntN(3) == 0 {
				r.SetRatio(aes67.PPB(2e6*(2*rng.Float64()-1)), rng.IntN(300))
			}
			n := rng.IntN(100)
			need, before := r.Needed(n), r.Position()
			out := block(1, n)
			if need > 0 {
				r.Push(make([]float32, need-1))
				if !panics(func() { r.Process(out) }) {
					t.Fatalf("%v: %d frames came of %d input frames, one fewer than Needed", p, n, need-1)
				}
				if got := r.Needed(n); got != 1 {
					t.Fatalf("%v: Needed(%d) = %d after all but one were pushed", p, n, got)
				}
				r.Push(make([]float32, 1))
			}
			r.Process(out)
			if extra := rng.IntN(50); rng.IntN(4) == 0 { // more than needed is no fault
				r.Push(make([]float32, extra))
				need += extra
			}
			consumed := before + float64(need) - r.Position()
			if least, most := float64(n)*p.step(2_000_000), float64(n)*p.step(-2_000_000); consumed < least-1e-9 || consumed > most+1e-9 {
				t.Fatalf("%v: %d frames consumed %v input frames, want %v to %v", p, n, consumed, least, most)
			}
			if r.Position() <= -p.step(-2_000_000) {
				t.Fatalf("%v: Position %v", p, r.Position())
			}
		}
	}
}

func TestThePositionIsExactOverALongRun(t *testing.T) {
	for _, p := range []pair{{48000, 48000}, {44100, 48000}, {96000, 44100}} {
		r, out := newResampler(t, 1, p), block(1, resample.MaxBlock)
		const ratio, blocks = 123_456.789, 15
		r.SetRatio(ratio, 0)
		pushed := 0
		for range blocks {
			need := r.Needed(resample.MaxBlock)
			r.Push(make([]float32, need))
			r.Process(out)
			pushed += need
		}
		want := blocks * resample.MaxBlock * p.step(ratio)
		if got := float64(pushed) - r.Position(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: consumed %.12f, want %.12f", p, got, want)
		}
	}
}

func TestTheLargestBlockFits(t *testing.T) {
	for _, p := range pairs() {
		r, out := newResampler(t, 1, p), block(1, resample.MaxBlock)
		r.SetRatio(-resample.MaxRatio, 0)
		for range 3 {
			r.Push(make([]float32, r.Needed(resample.MaxBlock)))
			r.Process(out)
		}
	}
}

func TestBrokenContractsPanic(t *testing.T) {
	r := newResampler(t, 2, pair{48000, 48000})
	for name, f := range map[string]func(){
		"too little input":          func() { r.Process(block(2, 1)) },
		"too few channels":          func() { r.Process(block(1, 0)) },
		"channels of unequal sizes": func() { r.Process([][]float64{make([]float64, 2), make([]float64, 3)}) },
		"more input than fits":      func() { r.Push(make([]float32, 2*3*resample.MaxBlock)) },
	} {
		if !panics(f) {
			t.Errorf("%s: no panic", name)
		}
	}
}
