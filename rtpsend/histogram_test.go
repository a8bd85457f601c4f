package rtpsend

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsHoldTheirValuesAndAscend(t *testing.T) {
	last := time.Duration(0)
	for i := range bucketCount {
		if end := bucketEnd(i); end <= last {
			t.Fatalf("bucket %d ends at %v, after %v", i, end, last)
		} else {
			last = end
		}
	}
	for us := range 1 << topBits {
		d := time.Duration(us) * time.Microsecond
		i := bucketOf(d)
		if end := bucketEnd(i); d >= end || i > 0 && d < bucketEnd(i-1) {
			t.Fatalf("%v falls into bucket %d, which ends at %v", d, i, end)
		}
	}
	if bucketOf(-time.Second) != 0 || bucketOf(time.Hour) != bucketCount-1 {
		t.Error("values outside the range do not fall into the end buckets")
	}
}

func TestQuantilesAreWithinABucketOfTheTruth(t *testing.T) {
	h := &histogram{window: 1 << 30}
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(random.ExpFloat64() * 100_000)
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	got := h.quantiles(0.5, 0.99)
	for i, share := range []float64{0.5, 0.99} {
		want := all[int(share*float64(len(all)))-1]
		if got[i] < want || got[i] > want+want/8+time.Microsecond {
			t.Errorf("quantile %v = %v, want %v", share, got[i], want)
		}
	}
}

func TestOldCountsAreForgotten(t *testing.T) {
	h := &histogram{window: 100}
	if got := h.quantiles(0.5)[0]; got != 0 {
		t.Errorf("median of nothing = %v, want 0", got)
	}
	for range 150 {
		h.add(10 * time.Millisecond)
	}
	for range 200 {
		h.add(5 * time.Microsecond)
	}
	if got := h.quantiles(1)[0]; got > 6*time.Microsecond {
		t.Errorf("two windows later the largest is still %v", got)
	}
}
