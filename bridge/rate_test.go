package bridge

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// The clock's rate comes eight times a second, 150 ppb off and on; what the resampler
// gets has no such steps, but a slew is there at once.
func TestTheRateGoesSmoothly(t *testing.T) {
	const block = 48
	r := rate{in: 48000, out: 48000}
	now, last := aes67.PPB(50_000), aes67.PPB(50_000)
	r.forward = now
	for i := range 10 * 1000 {
		if i%125 == 0 {
			now = 50_000 + 150*aes67.PPB(i/125%2*2-1)
		}
		got := r.smooth(now, block)
		if step := math.Abs(float64(got - last)); step > 6.1 {
			t.Fatalf("it steps by %.2f ppb", step)
		}
		last = got
	}
	if got := r.smooth(now-500_000, block); got != now-500_000 {
		t.Errorf("a slew is taken for %v", got)
	}
	for range 5 * int(time.Second/time.Millisecond) {
		last = r.smooth(now-500_900, block)
	}
	if off := math.Abs(float64(last - now + 500_900)); off > 10 {
		t.Errorf("after a second it is off by %.0f ppb", off)
	}
}
