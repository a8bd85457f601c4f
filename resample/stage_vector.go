//go:build amd64 || arm64

package resample

// These check bounds once a batch, which assembly does not.

// leastTaps is how long a filter must be for assembly: it may look at four
// samples beyond those of a tap, which a longer one has anyhow.
const leastTaps = 8

func foldVector(f func(dst, in, k *float64, frames, taps, last int)) func(dst, in, k []float64, last int) {
	return func(dst, in, k []float64, last int) {
		if len(dst) == 0 {
			return
		}
		if len(k) < leastTaps {
			foldPlain(dst, in, k, last)
			return
		}
		_, _, _ = in[len(dst)-1+last], k[0], in[last-len(k)+1]
		f(&dst[0], &in[0], &k[0], len(dst), len(k), last)
	}
}

func blendVector(f func(out *blended, bank *bankRow, points *point, n int)) func(out []blended, bank []bankRow, points []point) {
	return func(out []blended, bank []bankRow, points []point) {
		if len(points) == 0 {
			return
		}
		_, _ = out[len(points)-1], bank[phases-1] // a phase has phaseBits bits
		f(&out[0], &bank[0], &points[0], len(points))
	}
}

func readVector(f func(out, in *float64, points *point, with *blended, n int)) func(out, in []float64, points []point, with []blended) {
	return func(out, in []float64, points []point, with []blended) {
		n := len(points)
		if n == 0 {
			return
		}
		// Positions grow, so the first and the last point bound all of them.
		_, _, _, _ = out[n-1], with[n-1], in[points[0].start], in[points[n-1].start+bankTaps-1]
		f(&out[0], &in[0], &points[0], &with[0], n)
	}
}
