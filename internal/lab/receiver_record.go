package lab

import (
	"slices"

	"aes67-sink/aes67"
)

// maxGap is the longest silence in seconds that a recording keeps in the place
// of what was lost; a longer jump of the timestamps is a new time line.
const maxGap = 10

// Recording is what a receiver kept, in the order of the timestamps. Sample
// values are exact: 24 bits fit a float32.
type Recording struct {
	Rate     aes67.Hz
	Start    aes67.RTPTime // timestamp of the first frame
	Channels [][]float32
	Gaps     []Run // frames that never came; they are zeros
	Splices  []int // frames at which a new time line was joined
}

// recording grows as packets come, up to its limit.
type recording struct {
	limit    int64
	channels [][]float32
	length   int64
	gaps     []Run
	splices  []int
}

func newRecording(channels int, limit aes67.Frames) recording {
	return recording{limit: int64(limit), channels: make([][]float32, channels)}
}

// open makes room for a packet at a position; what lies between is a gap.
func (r *recording) open(position int64, frames int) {
	if r.limit == 0 || position < 0 || position+int64(frames) > r.limit {
		return
	}
	switch {
	case position > r.length:
		r.gaps = append(r.gaps, Run{int(r.length), int(position - r.length)})
	case position < r.length:
		r.fillGap(Run{int(position), frames})
		return
	}
	for c := range r.channels {
		r.channels[c] = append(r.channels[c], make([]float32, position+int64(frames)-r.length)...)
	}
	r.length = position + int64(frames)
}

// put stores one sample of the packet at position.
func (r *recording) put(channel int, position int64, frame int, v float32) {
	if at := position + int64(frame); at >= 0 && at < r.length {
		r.channels[channel][at] = v
	}
}

func (r *recording) splice(position int64) {
	if position < r.limit {
		r.splices = append(r.splices, int(position))
	}
}

// fillGap cuts what came after all out of the gaps.
func (r *recording) fillGap(came Run) {
	var left []Run
	for _, g := range r.gaps {
		from, to := max(g.Frame, came.Frame), min(g.Frame+g.Length, came.Frame+came.Length)
		if from >= to {
			left = append(left, g)
			continue
		}
		if g.Frame < from {
			left = append(left, Run{g.Frame, from - g.Frame})
		}
		if to < g.Frame+g.Length {
			left = append(left, Run{to, g.Frame + g.Length - to})
		}
	}
	r.gaps = left
}

// Recording returns a copy of what was kept so far.
func (s *stream) copyRecording() Recording {
	r := Recording{
		Rate: s.subscription.Stream.Rate, Start: s.firstTimestamp,
		Gaps: slices.Clone(s.recording.gaps), Splices: slices.Clone(s.recording.splices),
	}
	for _, c := range s.recording.channels {
		r.Channels = append(r.Channels, slices.Clone(c))
	}
	return r
}

// WAV returns the recording as a sound file.
func (r *Recording) WAV() *WAV {
	w := &WAV{Rate: r.Rate, Channels: make([][]float64, len(r.Channels))}
	for c, samples := range r.Channels {
		w.Channels[c] = make([]float64, len(samples))
		for i, v := range samples {
			w.Channels[c][i] = float64(v)
		}
	}
	return w
}
