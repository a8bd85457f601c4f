package resample

// Push64 is Push of one channel of float64, whose own noise is far below any
// figure.
func (r *Resampler) Push64(samples []float64) {
	r.Push(make([]float32, len(samples)))
	copy(r.input.data[0][r.input.fill-len(samples):], samples)
}
