package ring

// Hot: nothing but NewQueue allocates.

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// Queue is a bounded queue of small values for one writer and one reader.
type Queue[T any] struct {
	data   []T
	mask   int64
	pushed atomic.Int64 // stored by the writer only
	popped atomic.Int64 // stored by the reader only
}

// NewQueue makes a queue for at least capacity values, rounded up to a power
// of two. It panics unless capacity is positive.
func NewQueue[T any](capacity int) *Queue[T] {
	if capacity < 1 {
		panic(fmt.Sprintf("ring: queue of %d values: must be positive", capacity))
	}
	size := int64(1) << bits.Len64(uint64(capacity-1))
	return &Queue[T]{data: make([]T, size), mask: size - 1}
}

// Push adds v, or returns false and drops it if the queue is full. Writer
// only.
func (q *Queue[T]) Push(v T) bool {
	at := q.pushed.Load()
	if at-q.popped.Load() > q.mask {
		return false
	}
	q.data[at&q.mask] = v
	q.pushed.Store(at + 1)
	return true
}

// Pop takes the oldest value; ok is false if there is none. Reader only.
func (q *Queue[T]) Pop() (v T, ok bool) {
	at := q.popped.Load()
	if at == q.pushed.Load() {
		return v, false
	}
	slot := &q.data[at&q.mask]
	v = *slot
	var zero T
	*slot = zero // what v refers to must not be kept alive from here
	q.popped.Store(at + 1)
	return v, true
}
