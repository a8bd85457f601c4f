package resample

// The arithmetic of the resampler, one batch of frames for one channel at a
// time. This file is hot: nothing in it allocates. Every result is computed in
// the same order of operations wherever it stands in a batch, so the output
// does not depend on how a run is cut into blocks.

// point is one read of the bank: where its taps start in the delay line, in
// which phase it is and how far into it, from 0 to 1.
type point struct {
	start int
	phase int
	rest  float64
}

// pointAt returns the read at a position of a delay line that starts at base.
// The latest tap is the frame at or just before the position.
func pointAt(at fixed, base int64) point {
	return point{
		start: int(at.hi - base - (bankTaps - 1)),
		phase: int(at.lo >> (64 - phaseBits)),
		rest:  float64(at.lo<<phaseBits>>11) * 0x1p-53,
	}
}

// blended holds the bank's coefficients at one point.
type blended [bankTaps]float64

// blend works out the coefficients of every point from their cubics.
func blend(out []blended, bank []bankRow, points []point) {
	for i, p := range points {
		row, to, x := &bank[p.phase], &out[i], p.rest
		for t := range to {
			to[t] = ((row[3*bankTaps+t]*x+row[2*bankTaps+t])*x+row[bankTaps+t])*x + row[t]
		}
	}
}

// read computes the signal at the given points.
func read(out, in []float64, points []point, with []blended) {
	for i, p := range points {
		k, x := &with[i], (*blended)(in[p.start:])
		var a, b, c, d float64
		for t := 0; t < bankTaps; t += 4 {
			a += k[t] * x[t]
			b += k[t+1] * x[t+1]
			c += k[t+2] * x[t+2]
			d += k[t+3] * x[t+3]
		}
		out[i] = (a + b) + (c + d)
	}
}

// double fills out with pairs of frames at twice the rate of in, which starts
// taps-1 frames before the first. The pair of frame k is the signal half a
// filter earlier: at k - taps/2 and half a frame later.
func double(out, in, odd, even []float64) {
	half := len(odd)
	for k := range len(out) / 2 {
		window := in[k : k+2*half]
		out[2*k] = window[half-1]
		if even != nil {
			out[2*k] = folded(even[:half-1], window[:half-1], window[half:2*half-1]) +
				even[half-1]*window[half-1]
		}
		out[2*k+1] = folded(odd, window[:half], window[half:])
	}
}

// halve fills out from every other frame of a signal at twice the rate: those
// in late are one (fast) frame later than those in early. late starts taps-1
// frames before the first output's, and early taps/2-1.
func halve(out, early, late, odd []float64) {
	half := len(odd)
	for k := range out {
		window := late[k : k+2*half]
		out[k] = 0.5 * (early[k] + folded(odd, window[:half], window[half:]))
	}
}

// folded returns the sum of k[i] * (a[i] + b[n-1-i]): one half of a symmetric
// filter applied to both sides of a window.
func folded(k, a, b []float64) float64 {
	n := len(k)
	a, b = a[:n], b[:n]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= n; i += 4 {
		k4, a4, b4 := (*[4]float64)(k[i:]), (*[4]float64)(a[i:]), (*[4]float64)(b[n-4-i:])
		s0 += k4[0] * (a4[0] + b4[3])
		s1 += k4[1] * (a4[1] + b4[2])
		s2 += k4[2] * (a4[2] + b4[1])
		s3 += k4[3] * (a4[3] + b4[0])
	}
	for ; i < n; i++ {
		s0 += k[i] * (a[i] + b[n-1-i])
	}
	return (s0 + s1) + (s2 + s3)
}
