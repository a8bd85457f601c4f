package recorder

import (
	"math"
	"sync"
	"testing"
	"time"
	"unsafe"

	"aes67-sink/aes67"
)

const ms = aes67.RawTime(time.Millisecond)

func TestARecordHas32Bytes(t *testing.T) {
	if size := unsafe.Sizeof(Record{}); size != 32 {
		t.Errorf("%d bytes", size)
	}
}

func TestWhatIsRecordedIsRead(t *testing.T) {
	r := NewRing(time.Second) // holds 61
	r.Pulled(1040.5, -1250, 0.5, 12340*time.Microsecond, true, false, true)
	r.Sent(5*ms, 5*ms+30_000, 5*ms+80_000, 5*ms+95_000, false, true)
	r.Sent(6*ms, 6*ms-5, 9000*ms, 6*ms, true, false)
	got, first := r.From(0, nil)
	want := []Record{
		{Due: 5 * ms, Woke: 30_000, Ready: 80_000, Sent: 95_000, Fill: 1040.5, Ratio: -1250, Pause: 123, Peak: 12, Marks: Starved | Flows | Refused},
		{Due: 6 * ms, Woke: -5, Ready: math.MaxInt32, Fill: 1040.5, Ratio: -1250, Peak: 255, Marks: Muted | Jumped},
	}
	if first != 0 || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("from %d: %+v\nwant %+v", first, got, want)
	}
	if loud, silent := got[0].PeakDBFS(), got[1].PeakDBFS(); loud != -6 || !math.IsInf(silent, -1) {
		t.Errorf("peaks %v, %v", loud, silent)
	}
}

func TestARingHoldsTheLatest(t *testing.T) {
	r := NewRing(time.Second)
	for i := range aes67.RawTime(200) {
		r.Sent(i, i, i, i, false, false)
	}
	got, first := r.From(7, nil)
	// One fewer than fit: the oldest may be written over while it is read.
	if first != 140 || len(got) != 60 || got[0].Due != 140 || got[59].Due != 199 {
		t.Errorf("%d from %d: %v to %v", len(got), first, got[0].Due, got[len(got)-1].Due)
	}
	if got, first := r.From(200, nil); len(got) != 0 || first != 200 {
		t.Errorf("nothing new, and yet %d from %d", len(got), first)
	}
}

// TestReadersSeeWholeRecords lets a reader look while they are written.
func TestReadersSeeWholeRecords(t *testing.T) {
	r := NewRing(10 * time.Second) // holds 7: overtaken at once
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for i := range aes67.RawTime(100_000) {
			r.Pulled(float64(i), 0, 0, 0, false, false, false)
			r.Sent(i, i+i, i+i, i+i, false, false)
		}
	})
	var buffer []Record
	for seen := 0; ; seen++ {
		buffer, _ = r.From(0, buffer[:0])
		for i := range buffer {
			if s := &buffer[i]; int32(s.Due) != s.Woke || s.Woke != s.Sent || aes67.RawTime(s.Fill) != s.Due {
				t.Fatalf("torn: %+v", s)
			}
		}
		select {
		case <-done:
			writer.Wait()
			return
		default:
		}
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	r := NewRing(time.Millisecond)
	due := aes67.RawTime(0)
	if n := testing.AllocsPerRun(1000, func() {
		due += ms
		r.Pulled(1000, 1200, 0.5, time.Millisecond, false, false, true)
		r.Sent(due, due+30_000, due+90_000, due+100_000, false, false)
	}); n != 0 {
		t.Errorf("%v allocations a packet time", n)
	}
}

// BenchmarkRecord is what a packet time costs: 1000 ns are 0.1 % of a core at 1 ms.
func BenchmarkRecord(b *testing.B) {
	r := NewRing(time.Millisecond)
	b.ReportAllocs()
	due := aes67.RawTime(0)
	for b.Loop() {
		due += ms
		r.Pulled(1000, 1200, 0.5, time.Millisecond, false, false, true)
		r.Sent(due, due+30_000, due+90_000, due+100_000, false, false)
	}
}
