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
