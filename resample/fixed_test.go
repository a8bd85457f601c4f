package resample

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

var two64 = new(big.Int).Lsh(big.NewInt(1), 64)

// exact returns a * 2^64.
func exact(a fixed) *big.Int {
	v := new(big.Int).Mul(big.NewInt(a.hi), two64)
	return v.Add(v, new(big.Int).SetUint64(a.lo))
}

func TestFixedAgreesWithBigIntegers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	number := func() fixed {
		return fixed{int64(rng.Uint64()) >> (24 + rng.IntN(40)), rng.Uint64() >> rng.IntN(64)}
	}
	for range 10_000 {
		a, b, n := number(), number(), 1+rng.Uint64N(1<<20)
		for _, c := range []struct {
			name string
			got  fixed
			want *big.Int
		}{
			{"sum", a.add(b), new(big.Int).Add(exact(a), exact(b))},
			{"difference", a.sub(b), new(big.Int).Sub(exact(a), exact(b))},
			{"product", a.times(n), new(big.Int).Mul(exact(a), new(big.Int).SetUint64(n))},
			{"quotient", a.over(n), new(big.Int).Quo(exact(a), new(big.Int).SetUint64(n))},
		} {
			if exact(c.got).Cmp(c.want) != 0 {
				t.Fatalf("%s of %v and %v or %d = %v, want %v / 2^64", c.name, a, b, n, c.got, c.want)
			}
		}
	}
}

func TestFixedKeepsAFloatsPrecision(t *testing.T) {
	for _, x := range []float64{0, 1, -1, 0.1, -0.1, 1.8375, -3e-7, 5e-12, 4.354} {
		if got := fixedOf(x).float(); math.Abs(got-x) > 0x1p-64+1e-16*math.Abs(x) {
			t.Errorf("fixedOf(%v).float() = %v", x, got)
		}
	}
}
