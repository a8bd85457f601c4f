package bridge

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// What is told of the latency is what a frame waits, on average, from the arrival
// of its message to the packet it leaves in.
func TestTheLatencyThatIsToldIsTrue(t *testing.T) {
	plainOnly(t)
	for _, skew := range []aes67.PPB{0, 50_000} { // untouched, and resampled
		r := newRig(t, PipelineConfig{}, skew)
		const every = 4801 // frames from peak to peak: at all places of cycle and packet
		r.program = func(n aes67.Frames) (left, right float64) {
			from := float64(n%every) - every/2
			if math.Abs(from) < 10 {
				return 0.5 + 0.5*math.Cos(2*math.Pi*from/20), 0
			}
			return 0.001, 0
		}
		r.SetConfirmed(true)
		r.pullFor(2*time.Second, nil)
		arrived := map[aes67.Frames]aes67.MonoTime{} // of each peak's message, by its number
		waited, peaks := time.Duration(0), 0
		best, bestAt := 0.0, aes67.MonoTime(0)
		for range 30_000 {
			sent, at := r.sent, r.next
			r.pull()
			for n := sent; n < r.sent; n++ {
				if n%every == every/2 {
					arrived[n/every] = at.Add(((n - sent) / message * message).Duration(testRate))
				}
			}
			for _, x := range r.out[0] {
				switch {
				case x > max(best, 0.5):
					best, bestAt = x, r.now
				case best > 0 && x < 0.1:
					latest := (r.sent - 1) / every
					for ; arrived[latest] == 0 || arrived[latest] > bestAt; latest-- {
					}
					waited += bestAt.Sub(arrived[latest])
					peaks++
					best = 0
				}
			}
		}
		s := r.Snapshot()
		told := s.Waits + s.Resampler + lessThan1/2
		if off := told - waited/time.Duration(peaks); off.Abs() > 200*time.Microsecond {
			t.Errorf("skew %v: told are %v, %d peaks waited for %v", skew, told, peaks, waited/time.Duration(peaks))
		}
	}
}

// A cycle of the server that changes the least latency that can be kept wakes who tells of
// it: nothing else may.
func TestALeastLatencyThatChangesIsTold(t *testing.T) {
	r := newRig(t, PipelineConfig{Latency: 10 * time.Millisecond}, 0)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	for len(r.Changed()) > 0 {
		<-r.Changed()
	}
	before := r.Snapshot().Least
	r.feed.cycle.Store(2048)
	r.pull()
	if after := r.Snapshot().Least; after == before || len(r.Changed()) == 0 {
		t.Errorf("least %d, then %d frames; %d were woken", before, after, len(r.Changed()))
	}
}

// While nothing is read there is no fill: what the server would have written since says
// nothing of the latency.
func TestNoFillIsToldWhileNothingIsRead(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	r.stopped = true
	r.pullFor(80*time.Millisecond, nil)
	if s := r.Snapshot(); s.Reads() || s.Phase != Flowing || s.Fill != float64(s.Target) {
		t.Errorf("80 ms after the last message: reads %v, phase %d, fill %.0f, want the target, %d", s.Reads(), s.Phase, s.Fill, s.Target)
	}
	r.stopped = false
	r.pullFor(time.Second, nil)
	if s := r.Snapshot(); !s.Reads() || math.Abs(s.Fill-float64(s.Target)) > message/2 {
		t.Errorf("a second later: reads %v, fill %.0f, target %d", s.Reads(), s.Fill, s.Target)
	}
}
