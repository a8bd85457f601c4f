package port

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// readings lets RAW run at a rate against CLOCK_MONOTONIC, and be read in so many
// ns.
func observeFor(b *TimeBase, from, until aes67.MonoTime, rate float64, took int64) {
	r := rand.New(rand.NewPCG(1, 1))
	for now := from; now < until; now = max(b.due(0), now+1) {
		b.Observe(Pair{Before: int64(now), Inner: int64(now) + int64(float64(now)*rate) + r.Int64N(took), After: int64(now) + took})
	}
}

// A machine without a vDSO for its clocks reads them by system calls, in
// microseconds: the rate is known all the same.
func TestTimeBaseNarrowsSlowReadingsDown(t *testing.T) {
	for _, took := range []int64{60, 3000, 100_000} {
		var b TimeBase
		const until = 5010 * aes67.MonoTime(time.Second)
		observeFor(&b, 5000*aes67.MonoTime(time.Second), until, 30e-6, took)
		at := b.last.mono.Add(100 * time.Millisecond)
		want := float64(at) * (1 + 30e-6)
		off := math.Abs(float64(b.Raw(at)) - want)
		if limit := float64(took)/2 + 50; off > limit {
			t.Errorf("read in %d ns: an instant is %.0f ns off, want at most %.0f", took, off, limit)
		}
	}
}

func TestTimeBaseBelievesNoShortMoves(t *testing.T) {
	var b TimeBase
	for i := range 1000 {
		now := int64(i) * int64(readEvery)
		inner := now + int64(i%2)*900
		if b.Observe(Pair{Before: now, Inner: inner, After: now + 1000}) || b.Target() != -b.usual/(1+b.usual*1e-9) || b.away {
			t.Fatalf("reading %d: a slew of %v ppb", i, b.rate)
		}
	}
}

// A virtual machine's CLOCK_MONOTONIC may be off for good: that is no slew, and not
// looked at 100 times a second for ever.
func TestAClockThatIsOffForGoodIsReadAsUsual(t *testing.T) {
	var b TimeBase
	readings, now := 0, int64(1e12)
	for end := now + int64(30*time.Second); now < end; now = max(int64(b.due(0)), now+1) {
		b.Observe(Pair{Before: now, Inner: now + int64(float64(now)*100e-6), After: now + 100})
		if now > end-int64(10*time.Second) {
			readings++
		}
	}
	if !b.away || readings > 100 {
		t.Errorf("away %v, %d readings in ten seconds; want to be away, and 9 a second", b.away, readings)
	}
}
