package resample

import (
	"math"
	"math/bits"
)

// fixed is a signed number with 64 bits before the binary point and 64 after
// it: its value is hi + lo/2^64. Sums are exact, so a position never drifts,
// whatever the number of days and however a run is cut into blocks.
type fixed struct {
	hi int64
	lo uint64
}

func (a fixed) add(b fixed) fixed {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(uint64(a.hi), uint64(b.hi), carry)
	return fixed{int64(hi), lo}
}

func (a fixed) sub(b fixed) fixed {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(uint64(a.hi), uint64(b.hi), borrow)
	return fixed{int64(hi), lo}
}

func (a fixed) neg() fixed { return fixed{}.sub(a) }

// times returns a*n. The product must fit.
func (a fixed) times(n uint64) fixed {
	carry, lo := bits.Mul64(a.lo, n)
	return fixed{int64(uint64(a.hi)*n + carry), lo}
}

// over returns a/n, truncated towards zero.
func (a fixed) over(n uint64) fixed {
	if a.hi < 0 {
		return a.neg().over(n).neg()
	}
	hi, rest := bits.Div64(0, uint64(a.hi), n)
	lo, _ := bits.Div64(rest, a.lo, n)
	return fixed{int64(hi), lo}
}

// float returns the nearest value, relative to a's size also when a is
// negative and small.
func (a fixed) float() float64 {
	if a.hi < 0 {
		return -a.neg().float()
	}
	return float64(a.hi) + float64(a.lo)*0x1p-64
}

// fixedOf returns x, which must be well inside ±2^63.
func fixedOf(x float64) fixed {
	if x < 0 {
		return fixedOf(-x).neg()
	}
	whole, part := math.Modf(x)
	return fixed{int64(whole), uint64(part * 0x1p64)}
}
