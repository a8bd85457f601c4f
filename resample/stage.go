package resample

// Hot: nothing here allocates.

import "fmt"

// The arithmetic of the resampler, one batch of frames for one channel at a
// time. Every result is computed in
// the same order of operations wherever it stands in a batch, so the output
// does not depend on how a run is cut into blocks, on any one processor.

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

// arithmetic is the inner loops for one kind of processor. All kinds do the
// same operations in orders of their own, so they agree to within rounding:
// 1e-12 of the sum of |coefficient * sample| (TestEveryArithmeticAgrees).
type arithmetic struct {
	name string
	// fold applies a symmetric filter, given by the half of its coefficients:
	// dst[j] = sum of k[i] * (in[j+i] + in[j+last-i]).
	fold func(dst, in, k []float64, last int)
	// sample reads the bank at the points, on every lane; scratch has room for as
	// many blended as there are points.
	sample func(lanes []lane, bank []bankRow, points []point, scratch []blended)
}

// lane is one channel: what the bank reads, and where the frames go.
type lane struct{ out, in []float64 }

// inTwo is a sample of two loops: one works out the coefficients of every point
// from their cubics, the other computes a lane's signal with them.
func inTwo(blend func(out []blended, bank []bankRow, points []point),
	read func(out, in []float64, points []point, with []blended),
) func(lanes []lane, bank []bankRow, points []point, scratch []blended) {
	return func(lanes []lane, bank []bankRow, points []point, scratch []blended) {
		with := scratch[:len(points)]
		blend(with, bank, points)
		for _, l := range lanes {
			read(l.out, l.in, points, with)
		}
	}
}

// plain is the arithmetic in Go, for every processor.
func plain() arithmetic { return arithmetic{"plain Go", foldPlain, inTwo(blendPlain, readPlain)} }

// Arithmetics names the ways in which this processor can compute, the fastest,
// which New takes, last.
func Arithmetics() (names []string) {
	for _, a := range all() {
		names = append(names, a.name)
	}
	return names
}

// Use lets r compute in another way, for comparisons; the error is that of a
// name that is not one of Arithmetics.
func (r *Resampler) Use(name string) error {
	for _, a := range all() {
		if a.name == name {
			r.math = a
			return nil
		}
	}
	return fmt.Errorf("resample: arithmetic %q: must be one of %q", name, Arithmetics())
}

func blendPlain(out []blended, bank []bankRow, points []point) {
	for i, p := range points {
		row, to, x := &bank[p.phase], &out[i], p.rest
		for t := range to {
			to[t] = ((row[3*bankTaps+t]*x+row[2*bankTaps+t])*x+row[bankTaps+t])*x + row[t]
		}
	}
}

func readPlain(out, in []float64, points []point, with []blended) {
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

func foldPlain(dst, in, k []float64, last int) {
	n := len(k)
	for j := range dst {
		a, b := in[j:][:n], in[j+last-n+1:][:n]
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
		dst[j] = (s0 + s1) + (s2 + s3)
	}
}

// double fills out with pairs of frames at twice the rate of in, which starts
// taps-1 frames before the first. The pair of frame k is the signal half a
// filter earlier: at k - taps/2 and half a frame later.
// scratch has room for half of out.
func (a *arithmetic) double(out, in, odd, even, scratch []float64) {
	half := len(odd)
	b := scratch[:len(out)/2]
	a.fold(b, in, odd, 2*half-1)
	for k := range b {
		out[2*k], out[2*k+1] = in[k+half-1], b[k]
	}
	if even == nil {
		return
	}
	a.fold(b, in, even[:half-1], 2*half-2)
	for k := range b {
		out[2*k] = b[k] + even[half-1]*in[k+half-1]
	}
}

// halve fills out from every other frame of a signal at twice the rate: those
// in late are one (fast) frame later than those in early. late starts taps-1
// frames before the first output's, and early taps/2-1.
func (a *arithmetic) halve(out, early, late, odd []float64) {
	a.fold(out, late, odd, 2*len(odd)-1)
	for k := range out {
		out[k] = 0.5 * (early[k] + out[k])
	}
}
