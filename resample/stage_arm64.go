package resample

// fastest returns the best arithmetic of this processor: Advanced SIMD (NEON) is
// part of every arm64.
func fastest() arithmetic {
	return arithmetic{"NEON", foldVector(foldNEON), inTwo(blendVector(blendNEON), readVector(readNEON))}
}

// all are the arithmetics that this processor can do, the fastest last.
func all() []arithmetic { return []arithmetic{plain(), fastest()} }

//go:noescape
func foldNEON(dst, in, k *float64, frames, taps, last int)

//go:noescape
func blendNEON(out *blended, bank *bankRow, points *point, n int)

//go:noescape
func readNEON(out, in *float64, points *point, with *blended, n int)

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
