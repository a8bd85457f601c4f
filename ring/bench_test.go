package ring_test

import (
	"testing"

	"aes67-sink/ring"
)

// A stereo message of 5 ms at 48 kHz goes in, and five packets come out.
func BenchmarkMessage(b *testing.B) {
	r, in := ring.New(2, 4096), make([]float32, 2*240)
	var sum float32
	for b.Loop() {
		r.Write(in)
		for range 5 {
			x, _ := r.View(48)
			sum += x[0]
			r.Commit(48)
		}
	}
	_ = sum
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/240, "ns/frame")
}

func BenchmarkQueue(b *testing.B) {
	q := ring.NewQueue[[2]int64](64)
	for b.Loop() {
		q.Push([2]int64{1, 2})
		q.Pop()
	}
}
