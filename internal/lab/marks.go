package lab

import (
	"math"

	"aes67-sink/aes67"
)

// Marks are short pulses over a low tone whose way can be followed by the clock:
// one each MarkEvery frames, of the sign of their number's parity, so that a
// neighbour is not taken for one.
const (
	// MarkEvery is 200 ms at 48 kHz, and prime: marks fall on all places of a
	// server's cycle.
	MarkEvery aes67.Frames = 9613
	// markLength is that of the pulse, a raised cosine: wide enough that no
	// filter of the way changes its shape, and 0.2 ms to its peak.
	markLength = 20
	markPeak   = 0.5
	// markLeast is the least magnitude that is one: -40 dBFS.
	markLeast = 0.01
	// ground is the magnitude of the tone under the marks, -54 dBFS: sound, so that
	// nobody who treats silence in another way does so here.
	ground = 0.002
	// markApart is the least distance of two, in frames: a filter may ring.
	markApart = 2400
)

// MarkSample is the signal at a frame; a mark's peak is at MarkEvery/2 and at
// each MarkEvery frames from there.
func MarkSample(frame aes67.Frames) float64 {
	sign := 1.0
	if frame/MarkEvery%2 == 1 {
		sign = -1
	}
	return MarkAround(frame, frame-frame%MarkEvery+MarkEvery/2, sign)
}

// MarkAround is the signal at a frame in the neighbourhood of one mark, by the frame of
// its peak and its sign.
func MarkAround(frame, peak aes67.Frames, sign float64) float64 {
	from := float64(frame - peak)
	if math.Abs(from) >= markLength/2 {
		return ground * math.Cos(float64(frame)/8)
	}
	return sign * markPeak * (1 + math.Cos(2*math.Pi*from/markLength)) / 2
}

// MarkPeak tells whether the peak of a mark lies in so many frames from a frame
// on: its number and its distance from there.
func MarkPeak(from, frames aes67.Frames) (mark int, after aes67.Frames, ok bool) {
	after = (MarkEvery/2 - from%MarkEvery + MarkEvery) % MarkEvery
	return int((from + after) / MarkEvery), after, after < frames
}

// Mark is a mark that came.
type Mark struct {
	At       aes67.MonoTime // of the block that its peak was in
	Frame    aes67.Frames   // of the peak, counted from the first block
	After    aes67.Frames   // of the peak, counted from its block's first frame
	Block    aes67.Frames   // length of that block
	Negative bool
}

// MarkFinder finds marks in a signal that comes in blocks. Pure: instants are
// arguments.
type MarkFinder struct {
	frames aes67.Frames // taken
	best   float64      // magnitude of the highest since a mark began; 0: none has
	mark   Mark
	last   aes67.Frames // of the last mark's peak
	found  []Mark
}

// Take takes the next frames of one channel, which came at an instant.
func (f *MarkFinder) Take(x []float32, at aes67.MonoTime) {
	for i, v := range x {
		here := f.frames + aes67.Frames(i)
		switch size := math.Abs(float64(v)); {
		case len(f.found) > 0 && here-f.last < markApart:
		case size > max(f.best, markLeast):
			f.best = size
			f.mark = Mark{At: at, Frame: here, After: aes67.Frames(i), Block: aes67.Frames(len(x)), Negative: v < 0}
		case f.best > 0 && size < f.best/2:
			f.found, f.last, f.best = append(f.found, f.mark), f.mark.Frame, 0
		}
	}
	f.frames += aes67.Frames(len(x))
}

// Found returns the marks so far, in their order.
func (f *MarkFinder) Found() []Mark { return f.found }
