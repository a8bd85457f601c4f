package resample_test

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What Pushed gives at the place that At tells is what Process makes of it, but
// for the part of a frame between them.
func TestRawIsWhatTheOutputShows(t *testing.T) {
	for _, p := range []pair{{48000, 48000}, {44100, 44100}, {96000, 96000}, {88200, 88200}} {
		r := newResampler(t, 1, p)
		const block, hz = 48, 1000.
		out, raw := [][]float64{make([]float64, block)}, [][]float64{make([]float64, block)}
		pushed := int64(0)
		step := func() (at int64, part float64) {
			in := make([]float32, r.Needed(block))
			for i := range in {
				in[i] = float32(math.Sin(2 * math.Pi * turns(hz, p.in, pushed)))
				pushed++
			}
			r.Push(in)
			at, part = r.At()
			r.Process(out)
			return at, part
		}
		r.SetRatio(300_000, 0)
		for range 37 {
			step()
		}
		r.SetRatio(0, 0)
		_, before := step()
		for range 30 {
			at, part := step()
			if math.Abs(part-before) > 1e-12 {
				t.Fatalf("%v: at ratio 0 the part moved from %v to %v", p, before, part)
			}
			r.Pushed(raw, at)
			for i := range raw[0] {
				exact := math.Sin(2 * math.Pi * (turns(hz, p.in, at+int64(i)) + hz*part/float64(p.in)))
				if math.Abs(out[0][i]-exact) > 1e-6 {
					t.Fatalf("%v: frame %d is %v, want %v", p, i, out[0][i], exact)
				}
				if want := float64(float32(math.Sin(2 * math.Pi * turns(hz, p.in, at+int64(i))))); raw[0][i] != want {
					t.Fatalf("%v: raw frame %d is %v, want %v", p, i, raw[0][i], want)
				}
			}
		}
	}
}

// Pushed reaches every frame of the latest block, whatever the block's length.
func TestRawReachesTheWholeBlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, p := range []pair{{48000, 48000}, {44100, 44100}, {96000, 96000}} {
		r := newResampler(t, 2, p)
		for range 200 {
			n := 1 + rng.IntN(200)
			out := block(2, n)
			r.Push(make([]float32, 2*r.Needed(n)))
			at, _ := r.At()
			r.Process(out)
			r.Pushed(out, at)
			r.Pushed(out, at+1)
		}
	}
}
