package resample

import "golang.org/x/sys/cpu"

// fastest returns the best arithmetic of this processor: AVX2 and FMA are of
// Intel's since 2013 and AMD's since 2015.
func fastest() arithmetic {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		return arithmetic{"AVX2", foldVector(foldAVX2), sampleAVX2InOne}
	}
	return plain()
}

// all are the arithmetics that this processor can do, the fastest last.
func all() []arithmetic {
	list := []arithmetic{plain()}
	if best := fastest(); best.name != list[0].name {
		list = append(list, best)
	}
	return list
}

//go:noescape
func foldAVX2(dst, in, k *float64, frames, taps, last int)

// sampleAVX2InOne keeps the coefficients of a point in registers for all lanes.
func sampleAVX2InOne(lanes []lane, bank []bankRow, points []point, _ []blended) {
	n := len(points)
	if n == 0 || len(lanes) == 0 {
		return
	}
	_ = bank[phases-1] // a phase has phaseBits bits
	for _, l := range lanes {
		// Positions grow, so the first and the last point bound all of them.
		_, _, _ = l.out[n-1], l.in[points[0].start], l.in[points[n-1].start+bankTaps-1]
	}
	sampleAVX2(&lanes[0], len(lanes), &bank[0], &points[0], n)
}

//go:noescape
func sampleAVX2(lanes *lane, count int, bank *bankRow, points *point, n int)
