package resample

import "golang.org/x/sys/cpu"

// fastest returns the best arithmetic of this processor. SSE2 is part of every
// amd64; AVX2 and FMA are of Intel's since 2013 and AMD's since 2015.
func fastest() arithmetic {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		return arithmetic{"AVX2", foldVector(foldAVX2), blendVector(blendAVX2), readVector(readAVX2)}
	}
	return sse2()
}

func sse2() arithmetic {
	return arithmetic{"SSE2", foldVector(foldSSE2), blendVector(blendSSE2), readVector(readSSE2)}
}

// all are the arithmetics that this processor can do, the fastest last.
func all() []arithmetic {
	list := []arithmetic{plain(), sse2()}
	if best := fastest(); best.name != list[1].name {
		list = append(list, best)
	}
	return list
}

//go:noescape
func foldAVX2(dst, in, k *float64, frames, taps, last int)

//go:noescape
func blendAVX2(out *blended, bank *bankRow, points *point, n int)

//go:noescape
func readAVX2(out, in *float64, points *point, with *blended, n int)

//go:noescape
func foldSSE2(dst, in, k *float64, frames, taps, last int)

//go:noescape
func blendSSE2(out *blended, bank *bankRow, points *point, n int)

//go:noescape
func readSSE2(out, in *float64, points *point, with *blended, n int)
