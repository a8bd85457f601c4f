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
