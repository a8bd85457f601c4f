package ring_test

import (
	"testing"

	"aes67-sink/ring"
)

func TestQueueKeepsOrderAndRefusesWhenFull(t *testing.T) {
	q := ring.NewQueue[int](3) // rounded up to 4
	if _, ok := q.Pop(); ok {
		t.Error("Pop of an empty queue gave a value")
	}
	for round := range 5 {
		for i := range 4 {
			if !q.Push(10*round + i) {
				t.Fatalf("round %d: Push %d was refused", round, i)
			}
		}
		if q.Push(99) {
			t.Fatalf("round %d: Push into a full queue was accepted", round)
		}
		for i := range 4 {
			if v, ok := q.Pop(); !ok || v != 10*round+i {
				t.Fatalf("round %d: Pop = %d, %v, want %d", round, v, ok, 10*round+i)
			}
		}
	}
}

func TestQueueDoesNotAllocate(t *testing.T) {
	q := ring.NewQueue[[2]int64](16)
	if n := testing.AllocsPerRun(1000, func() {
		q.Push([2]int64{1, 2})
		q.Pop()
	}); n != 0 {
		t.Fatalf("a round allocates %v times, want 0", n)
	}
}
