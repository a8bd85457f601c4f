package ring_test

import (
	"runtime"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ring"
)

// One goroutine writes and another reads, as capture and sender do; the race
// detector watches, and the frames tell whether any was lost or torn.
func TestWriterAndReaderShareARing(t *testing.T) {
	const frames, channels = 100_000, 3
	r := ring.New(channels, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sent := 0; sent < frames && t.Context().Err() == nil; {
			n := min(1+sent%37, frames-sent)
			sent += int(r.Write(ramp(sent, n, channels)))
			runtime.Gosched()
		}
	}()
	next := 0
	for next < frames*channels {
		a, b := r.View(aes67.Frames(1 + next%41))
		for _, part := range [][]float32{a, b} {
			for _, v := range part {
				if v != float32(next) {
					t.Fatalf("sample %d = %v", next, v)
				}
				next++
			}
		}
		r.Commit(aes67.Frames((len(a) + len(b)) / channels))
		if len(a) == 0 {
			runtime.Gosched()
		}
	}
	<-done
	if r.Written() != frames || r.Available() != 0 {
		t.Errorf("Written() = %d, Available() = %d, want %d and 0", r.Written(), r.Available(), frames)
	}
}

func TestWriterAndReaderShareAQueue(t *testing.T) {
	const values = 100_000
	q := ring.NewQueue[*int](16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range values {
			v := i
			for !q.Push(&v) && t.Context().Err() == nil {
				runtime.Gosched()
			}
		}
	}()
	for i := 0; i < values; {
		v, ok := q.Pop()
		if !ok {
			runtime.Gosched()
			continue
		}
		if *v != i {
			t.Fatalf("value %d = %d", i, *v)
		}
		i++
	}
	<-done
}
