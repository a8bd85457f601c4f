package ring

// Hot: nothing but New allocates.

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"aes67-sink/aes67"
)

// Ring is a bounded buffer of interleaved frames for one writer and one
// reader.
type Ring struct {
	data     []float32
	channels int
	mask     int64 // capacity in frames, less 1

	written  atomic.Int64  // frames accepted; stored by the writer only
	read     atomic.Int64  // frames given back; stored by the reader only
	overruns atomic.Uint64 // frames dropped; stored by the writer only
}

// New makes a ring for at least capacity frames, rounded up to a power of
// two. It panics unless both arguments are positive.
func New(channels int, capacity aes67.Frames) *Ring {
	if channels < 1 || capacity < 1 {
		panic(fmt.Sprintf("ring: %d channels, %d frames: must be positive", channels, capacity))
	}
	size := int64(1) << bits.Len64(uint64(capacity-1))
	return &Ring{data: make([]float32, size*int64(channels)), channels: channels, mask: size - 1}
}

// Capacity returns how many frames fit, a power of two.
func (r *Ring) Capacity() aes67.Frames { return aes67.Frames(r.mask + 1) }

// Write copies whole frames in and returns how many were accepted. Frames for
// which there is no room, the newest ones, are dropped and counted as
// overruns. Samples after the last whole frame are ignored. Writer only.
func (r *Ring) Write(samples []float32) (written aes67.Frames) {
	frames := int64(len(samples) / r.channels)
	at := r.written.Load()
	room := r.mask + 1 - (at - r.read.Load())
	if frames > room {
		r.overruns.Add(uint64(frames - room))
		frames = room
	}
	a, b := r.parts(at, frames)
	n := copy(a, samples)
	copy(b, samples[n:])
	r.written.Store(at + frames)
	return aes67.Frames(frames)
}

// Written returns the total of accepted frames. Any goroutine may ask.
func (r *Ring) Written() aes67.Frames { return aes67.Frames(r.written.Load()) }

// Overruns returns the total of dropped frames. Any goroutine may ask.
func (r *Ring) Overruns() uint64 { return r.overruns.Load() }

// Available returns how many frames can be read now. To the reader it is a
// lower bound, since the writer may be adding to it.
func (r *Ring) Available() aes67.Frames {
	read := r.read.Load() // before written, so that the difference is never negative
	return aes67.Frames(r.written.Load() - read)
}

// View returns the n oldest frames, or all there are if fewer, in two parts of
// which the second is empty unless the data wraps. A frame is never divided
// between the parts. They are valid until Commit. Reader only.
func (r *Ring) View(n aes67.Frames) (a, b []float32) {
	return r.parts(r.read.Load(), int64(max(0, min(n, r.Available()))))
}

// Commit gives the n oldest frames back to the writer. It panics if there are
// fewer. Reader only.
func (r *Ring) Commit(n aes67.Frames) {
	if n < 0 || n > r.Available() {
		panic(fmt.Sprintf("ring: commit of %d frames: %d are available", n, r.Available()))
	}
	r.read.Store(r.read.Load() + int64(n))
}

// parts returns the storage of the given frames, counted from the first ever.
func (r *Ring) parts(from, frames int64) (a, b []float32) {
	start := from & r.mask
	first := min(frames, r.mask+1-start)
	width := int64(r.channels)
	return r.data[start*width : (start+first)*width], r.data[:(frames-first)*width]
}
