package resample

import (
	"math"
	"testing"

	"aes67-sink/aes67"
)

func designs(t *testing.T, check func(t *testing.T, in, out aes67.Hz, d design)) {
	t.Helper()
	for _, in := range aes67.Rates {
		for _, out := range aes67.Rates {
			d, err := designOf(in, out)
			if err != nil {
				t.Fatal(err)
			}
			check(t, in, out, d)
		}
	}
}

func TestEveryPhaseSumsUpToOne(t *testing.T) {
	designs(t, func(t *testing.T, in, out aes67.Hz, d design) {
		for _, branch := range [][]float64{d.odd, d.even} {
			var sum float64
			for _, k := range branch {
				sum += 2 * k
			}
			if len(d.even) > 0 && &branch[0] == &d.even[0] {
				sum -= d.even[len(d.even)-1]
			}
			if branch != nil && math.Abs(sum-1) > 1e-14 {
				t.Errorf("%d to %d: a branch of the fixed filter sums up to %v", in, out, sum)
			}
		}
		with := make([]blended, 1)
		for phase := range phases {
			for _, rest := range []float64{0, 0.2, 0.5, 0.999} {
				blendPlain(with, d.bank, []point{{phase: phase, rest: rest}})
				var sum float64
				for _, k := range with[0] {
					sum += k
				}
				if math.Abs(sum-1) > 1e-14 {
					t.Fatalf("%d to %d: phase %d + %v sums up to %v", in, out, phase, rest, sum)
				}
			}
		}
	})
}

// The fixed filter's response, in dB at f times its slow rate.
func response(d design, f float64) float64 {
	half := len(d.odd)
	sum := 1.0
	if d.even != nil {
		sum = -d.even[half-1]
		for i, k := range d.even {
			sum += 2 * k * math.Cos(2*math.Pi*f*float64(half-1-i))
		}
	}
	for i, k := range d.odd {
		sum += 2 * k * math.Cos(2*math.Pi*f*(float64(half-i)-0.5))
	}
	return 20 * math.Log10(math.Abs(sum)/2)
}

func TestTheFixedFilterPassesAndStops(t *testing.T) {
	designs(t, func(t *testing.T, in, out aes67.Hz, d design) {
		slow := in
		if d.halve {
			slow = out
		}
		b, err := bandOf(slow)
		if err != nil {
			t.Fatal(err)
		}
		pass, stop := b.pass, float64(slow)-b.pass
		if !d.halve && out < in {
			shift := float64(in-out) / 2
			pass, stop = pass-shift, stop-shift
		}
		for f := 0.0; f <= pass; f += 50 {
			if got := response(d, f/float64(slow)); math.Abs(got) > 1e-6 {
				t.Fatalf("%d to %d: %v dB at %v Hz", in, out, got, f)
			}
		}
		for f := stop; f <= float64(slow); f += 50 {
			if got := response(d, f/float64(slow)); got > -150 {
				t.Fatalf("%d to %d: %v dB at %v Hz", in, out, got, f)
			}
		}
	})
}

func TestTheCoefficientsStaySmall(t *testing.T) {
	designs(t, func(t *testing.T, in, out aes67.Hz, d design) {
		if n := 8 * (len(d.bank)*len(d.bank[0]) + len(d.odd) + len(d.even)); n > 64_000 {
			t.Errorf("%d to %d: %d bytes of coefficients", in, out, n)
		}
	})
}
