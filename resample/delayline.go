package resample

// Hot: nothing but newDelayLine allocates.

// delayLine holds for each channel the latest frames of a signal, which
// are numbered from the start of the run. Frames before the first are zeros.
type delayLine struct {
	data [][]float64
	base int64 // number of data[c][0]
	fill int   // frames held
}

func newDelayLine(channels, capacity int) delayLine {
	l := delayLine{data: make([][]float64, channels)}
	all := make([]float64, channels*capacity)
	for c := range l.data {
		l.data[c] = all[c*capacity : (c+1)*capacity : (c+1)*capacity]
	}
	return l
}

// reset empties it and fills it with the given number of zeros before
// frame 0.
func (l *delayLine) reset(zeros int) {
	l.base, l.fill = int64(-zeros), zeros
	for _, data := range l.data {
		clear(data)
	}
}

// end returns the number of the next frame to come.
func (l *delayLine) end() int64 { return l.base + int64(l.fill) }

// room returns how many frames can be added.
func (l *delayLine) room() int { return len(l.data[0]) - l.fill }

// forget drops the frames before the given one, which may lie beyond the end:
// then all are dropped.
func (l *delayLine) forget(before int64) {
	n := int(min(before-l.base, int64(l.fill)))
	if n <= 0 {
		return
	}
	for _, data := range l.data {
		copy(data, data[n:l.fill])
	}
	l.base += int64(n)
	l.fill -= n
}
