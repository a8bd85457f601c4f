package bridge

// Hot: begins runs in the capture context, holds in the sender context.

import (
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

// wakeLimit is the most by which a sound that begins is held back for a speaker to wake.
const wakeLimit = time.Second

// waking holds a sound that begins back while a speaker of its streams sleeps, until that
// is awake or the limit is over, whatever is told meanwhile. What is held back is not
// heard later: the sound begins, with its fade, where it is by then.
type waking struct {
	asleep atomic.Bool   // a speaker sleeps, and can be woken; of the control context
	until  atomic.Int64  // aes67.MonoTime; of the capture context
	begun  chan struct{} // a sound has begun while one sleeps
}

// set tells whether a speaker sleeps. One that is told to sleep while something plays
// holds nothing back.
func (w *waking) set(yes bool) {
	w.asleep.Store(yes)
	if !yes {
		w.until.Store(0)
	}
}

// begins notes that a sound begins after silence.
func (w *waking) begins(at aes67.MonoTime) {
	if w.asleep.Load() {
		w.until.Store(int64(at.Add(wakeLimit)))
		wake.Signal(w.begun)
	}
}

// holds reports whether nothing may be heard at an instant.
func (w *waking) holds(due aes67.MonoTime) bool {
	return due < aes67.MonoTime(w.until.Load()) && w.asleep.Load()
}
