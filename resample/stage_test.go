package resample

import (
	"math"
	"math/rand/v2"
	"testing"
)

// agree is how far two arithmetics may be apart, of the sum of |coefficient *
// sample|.
const agree = 1e-12

// Every arithmetic gives what the plain one gives, whatever the length of a
// batch, and the same wherever a batch is cut.
func TestEveryArithmeticAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	random := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	bank := bankOf(0.23, 0.27)
	want := plain()
	for _, a := range all() {
		t.Run(a.name, func(t *testing.T) {
			for frames := range 75 {
				for _, taps := range []int{1, 31, 32, 63, 64, 72} {
					for _, last := range []int{2*taps - 1, 2*taps - 2} {
						in, k := random(frames+last), random(taps)
						got, wanted, cut := make([]float64, frames), make([]float64, frames), make([]float64, frames)
						a.fold(got, in, k, last)
						want.fold(wanted, in, k, last)
						for j := range got {
							var sum float64
							for i := range k {
								sum += math.Abs(k[i]) * (math.Abs(in[j+i]) + math.Abs(in[j+last-i]))
							}
							if math.Abs(got[j]-wanted[j]) > agree*sum {
								t.Fatalf("fold of %d frames by %d taps, frame %d: %v, want %v", frames, taps, j, got[j], wanted[j])
							}
							a.fold(cut[j:j+1], in[j:], k, last)
							if cut[j] != got[j] {
								t.Fatalf("fold, frame %d: %v alone, %v in a batch of %d", j, cut[j], got[j], frames)
							}
						}
					}
				}
				points := make([]point, frames)
				for i := range points {
					points[i] = point{start: i * 3 / 2, phase: rng.IntN(phases), rest: rng.Float64()}
				}
				in := random(2*frames + bankTaps)
				other := random(len(in))
				got, wanted := lanesOf(frames, in, other), lanesOf(frames, in, other)
				a.sample(got, bank, points, make([]blended, frames))
				want.sample(wanted, bank, points, make([]blended, frames))
				for c := range got {
					for i, p := range points {
						var sum float64
						for tap := range bankTaps {
							sum += math.Abs(got[c].in[p.start+tap])
						}
						if math.Abs(got[c].out[i]-wanted[c].out[i]) > agree*sum {
							t.Fatalf("sample, lane %d, point %d: %v, want %v", c, i, got[c].out[i], wanted[c].out[i])
						}
					}
				}
			}
		})
	}
}

// What is outside of a batch is never written.
func TestNoArithmeticWritesBeyondItsBatch(t *testing.T) {
	for _, a := range all() {
		for frames := range 40 {
			dst := make([]float64, frames+8)
			for i := range dst {
				dst[i] = 12345
			}
			a.fold(dst[:frames], make([]float64, frames+8), []float64{1, 2, 3, 4}, 7)
			for i, v := range dst[frames:] {
				if v != 12345 {
					t.Fatalf("%s: fold of %d frames wrote frame %d", a.name, frames, frames+i)
				}
			}
		}
	}
}

func lanesOf(frames int, ins ...[]float64) (lanes []lane) {
	for _, in := range ins {
		lanes = append(lanes, lane{out: make([]float64, frames), in: in})
	}
	return lanes
}
