package safety

// Hot: peaks runs once a packet in the sender context.

import "math"

const (
	// reach is how many frames on each side the interpolation between two frames
	// looks at: 12 taps at four times the rate, as in ITU-R BS.1770-5 Annex 2.
	reach = 6
	// chunk is how many frames are looked at together.
	chunk = 64
)

// between holds the coefficients for a half and for a quarter of the way between
// two frames, nearest frames first. Those of three quarters are those of a
// quarter mirrored, so both come from the sums and the differences of the frames
// on either side: even plus odd, and even less odd.
type between struct {
	half, even, odd [reach]float64
	most            float64 // no value between is larger than this times the largest frame
}

// lanczos is the kernel of C. Lanczos with 6 lobes: sinc(t) sinc(t/6). It is flat
// to within 0.1 dB up to 0.4 of the rate, where music ends at 48 kHz; beyond,
// peaks are read too low, which leaves work for the clip.
var lanczos = newBetween()

func newBetween() (k between) {
	kernel := func(t float64) float64 {
		return math.Sin(math.Pi*t) * math.Sin(math.Pi*t/reach) / (math.Pi * math.Pi * t * t / reach)
	}
	var halves, quarters, halvesMost, quartersMost float64
	for j := range reach {
		d := float64(j)
		halves += 2 * kernel(d+0.5)
		quarters += kernel(d+0.25) + kernel(d+0.75)
	}
	for j := range reach {
		d := float64(j)
		near, far := kernel(d+0.25)/quarters, kernel(d+0.75)/quarters
		k.half[j], k.even[j], k.odd[j] = kernel(d+0.5)/halves, (near+far)/2, (near-far)/2
		halvesMost += 2 * math.Abs(k.half[j])
		quartersMost += math.Abs(near) + math.Abs(far)
	}
	k.most = max(halvesMost, quartersMost, 1)
	return k
}

// peak returns the largest value between the frames x[reach-1] and x[reach].
func (k *between) peak(x *[2 * reach]float64) float64 {
	var half, even, odd float64
	for j := range reach {
		before, after := x[reach-1-j], x[reach+j]
		sum := before + after
		half += k.half[j] * sum
		even += k.even[j] * sum
		odd += k.odd[j] * (before - after)
	}
	return max(math.Abs(half), math.Abs(even)+math.Abs(odd))
}

// detector finds the peaks of a signal of several channels.
type detector struct {
	lines [][]float64 // each channel's last 2*reach-1 frames, then those of a chunk
	last  float64     // the peak before the first of the next
	found [chunk]float64
}

func newDetector(channels int) detector {
	d := detector{lines: make([][]float64, channels)}
	for c := range d.lines {
		d.lines[c] = make([]float64, 2*reach-1+chunk)
	}
	return d
}

func (d *detector) reset() {
	d.last = 0
	for _, line := range d.lines {
		clear(line)
	}
}

// take takes the next frames, a chunk at most, and returns the largest sample
// among them and those before that peaks will look at. What is not a finite
// number counts as 0, as it does for resample.
func (d *detector) take(interleaved []float32, frames int) (most float64) {
	channels := len(d.lines)
	for c, line := range d.lines {
		line = line[:2*reach-1+frames]
		for i := range frames {
			x := interleaved[i*channels+c]
			if math.Float32bits(x)&0x7F80_0000 == 0x7F80_0000 { // NaN or infinite
				x = 0
			}
			line[2*reach-1+i] = float64(x)
		}
		for _, x := range line {
			if x = math.Abs(x); x > most {
				most = x
			}
		}
	}
	return most
}

// peaks returns, for each of the frames taken but reach earlier, the largest
// value from the frame before it to the one behind it, in any channel; between
// them too, unless only samples count.
func (d *detector) peaks(frames int, samples bool) []float64 {
	found := d.found[:frames]
	clear(found)
	for _, line := range d.lines {
		for i := range found {
			x := (*[2 * reach]float64)(line[i:])
			p := max(math.Abs(x[reach-1]), math.Abs(x[reach]))
			if !samples {
				p = max(p, lanczos.peak(x))
			}
			if p > found[i] {
				found[i] = p
			}
		}
	}
	for i, p := range found { // of the interval behind a frame; now of both sides
		found[i], d.last = max(p, d.last), p
	}
	return found
}

// pass is peaks for frames of which none is wanted: all are low enough.
func (d *detector) pass() { d.last = 0 }

// forget makes room for the next frames.
func (d *detector) forget(frames int) {
	for _, line := range d.lines {
		copy(line[:2*reach-1], line[frames:])
	}
}
