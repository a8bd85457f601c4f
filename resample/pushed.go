package resample

// Hot: nothing here allocates.

// At returns which input frame the next output frame shows, the first frame
// pushed being number 0: a whole number and the part between that one and the
// next. It lies Delay before the read position, which is frames pushed less
// Position. With a ratio of exactly 0 and equal rates the part stays what it is.
func (r *Resampler) At() (whole int64, part float64) {
	at := r.plan.position
	if r.halve {
		shown := float64(at.lo)*0x1p-64 - r.delayAt(r.plan.rate.float())
		floor := floorOf(shown)
		return at.hi + floor, shown - float64(floor)
	}
	shown := float64(at.hi&1)/2 + float64(at.lo)*0x1p-65 - r.delayAt(0)
	floor := floorOf(shown)
	return at.hi>>1 + floor, shown - float64(floor)
}

func floorOf(x float64) int64 {
	n := int64(x)
	if float64(n) > x {
		n--
	}
	return n
}

// Pushed fills out[channel][frame] with input frames as they were pushed, from
// number first on. They must be among those that the output of the latest
// Process was made of; it panics otherwise.
func (r *Resampler) Pushed(out [][]float64, first int64) {
	start := int(first - r.input.base)
	for c, o := range out {
		copy(o, r.input.data[c][start:r.input.fill][:len(o)])
	}
}
