package resample

import "math"

// Size of the polyphase bank: 64 phases with a cubic between them leave an
// interpolation error below -190 dB for all the band; 24 taps give 180 dB in
// a transition band half as wide as the sample rate. It takes 48 KiB.
const (
	bankTaps  = 24
	phaseBits = 6
	phases    = 1 << phaseBits
	// bankReach is how far the bank's output lies behind its read position, in
	// frames of its input.
	bankReach = bankTaps / 2
)

// bankRow holds the coefficients of one phase: for each tap a cubic in the
// rest of the phase, which runs from 0 to 1. The powers 0 to 3 follow each
// other so that every one is a plain vector of taps.
type bankRow [4 * bankTaps]float64

// bankOf designs a bank that passes up to pass and stops from stop on, both
// in units of its input's rate.
//
// The cubic of each tap runs through the kernel's values at 0, 1/3, 2/3 and 1
// of the phase. At each of these points the taps are first made to sum up to
// exactly 1, so the cubics of a phase do so everywhere: constant input gives
// constant output.
func bankOf(pass, stop float64) []bankRow {
	window := kaiserOf(bankTaps, stop-pass)
	const nodes = 3 * phases
	kernel := make([]float64, bankReach*nodes+1) // one side, nodes to a frame
	for i := range kernel {
		t := float64(i) / nodes
		kernel[i] = sinc((pass+stop)*t) * window.at(t/bankReach)
	}
	rows := make([]bankRow, phases)
	var at [4][bankTaps]float64
	for p := range rows {
		for n := range at {
			var sum float64
			for tap := range bankTaps {
				// The read point lies between the taps bankReach-1 and bankReach.
				distance := nodes*(tap-bankReach+1) - (3*p + n)
				at[n][tap] = kernel[max(distance, -distance)]
				sum += at[n][tap]
			}
			for tap := range bankTaps {
				at[n][tap] /= sum
			}
		}
		for tap := range bankTaps {
			a, b, c, d := at[0][tap], at[1][tap], at[2][tap], at[3][tap]
			rows[p][tap] = a
			rows[p][bankTaps+tap] = (-11*a + 18*b - 9*c + 2*d) / 2
			rows[p][2*bankTaps+tap] = (18*a - 45*b + 36*c - 9*d) / 2
			rows[p][3*bankTaps+tap] = (-9*a + 27*b - 27*c + 9*d) / 2
		}
	}
	return rows
}

// branchesOf designs the two branches of a filter at twice a low rate, with
// its cut-off in the middle of pass and stop, all in units of the low rate.
//
// Its taps lie at whole multiples of half a low-rate frame from its centre.
// odd holds those at 1/2, 3/2 ... from the outside in, one side only; even
// those at 0, 1, 2 ... likewise, the centre last. Both are made to sum up to
// 1 over both sides. If the cut-off is at half the low rate, all of even but
// its centre is 0 and a nil stands for it (half-band filter).
func branchesOf(taps int, pass, stop float64) (odd, even []float64) {
	window := kaiserOf(float64(taps), stop-pass)
	at := func(t float64) float64 { return sinc((pass+stop)*t) * window.at(2*t/float64(taps)) }
	half := taps / 2
	odd = make([]float64, half)
	var sum float64
	for i := range odd {
		odd[i] = at(float64(half-i) - 0.5)
		sum += 2 * odd[i]
	}
	for i := range odd {
		odd[i] /= sum
	}
	if math.Abs(pass+stop-1) < 1e-12 {
		return odd, nil
	}
	even = make([]float64, half)
	sum = -1 // the centre is on both sides
	for i := range even {
		even[i] = at(float64(half - 1 - i))
		sum += 2 * even[i]
	}
	for i := range even {
		even[i] /= sum
	}
	return odd, even
}

// kaiser is the window of J. F. Kaiser.
type kaiser struct{ beta, peak float64 }

// kaiserOf makes the window for a filter of the given length in input frames
// and transition width in units of their rate. The attenuation that it can
// have follows from both.
//
// Source: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh
// window function", ISCAS 1974: A = 7.95 + 14.36 * length * width dB and
// beta = 0.1102 (A - 8.7) for A > 50.
func kaiserOf(length, width float64) kaiser {
	beta := 0.1102 * (7.95 + 14.36*length*width - 8.7)
	return kaiser{beta, besselI0(beta)}
}

// at returns the window at x of its half-width.
func (k kaiser) at(x float64) float64 {
	return besselI0(k.beta*math.Sqrt(max(0, 1-x*x))) / k.peak
}

// besselI0 is the modified Bessel function of order 0, by its power series.
func besselI0(x float64) float64 {
	q := x * x / 4
	sum, term := 1.0, 1.0
	for n := 1.0; term > 1e-17*sum; n++ {
		term *= q / (n * n)
		sum += term
	}
	return sum
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}
