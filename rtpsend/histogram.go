package rtpsend

// Hot: add runs once a packet time. One writer; any may read.

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// Lateness is counted in whole microseconds: one bucket each below 32 µs,
	// then 16 to an octave (6 % wide) up to about one second.
	linearBuckets = 32
	subBits       = 4
	topBits       = 20
	bucketCount   = linearBuckets + (topBits-5)<<subBits
)

// histogram counts lateness over the last one to two windows: percentiles of a
// bridge that has run for weeks should speak of now.
type histogram struct {
	window  uint64 // in counts
	added   uint64 // in the present window; the writer's own
	present atomic.Uint32
	counts  [2][bucketCount]atomic.Uint64
}

// add counts one value. Only the loop may call it.
func (h *histogram) add(d time.Duration) {
	if h.added == h.window {
		h.added = 0
		next := 1 - h.present.Load()
		for i := range h.counts[next] {
			h.counts[next][i].Store(0)
		}
		h.present.Store(next)
	}
	h.added++
	h.counts[h.present.Load()][bucketOf(d)].Add(1)
}

// quantiles returns the values below which the given shares of all counts lie,
// rounded up to the bucket's end. Shares must ascend; without counts all are 0.
func (h *histogram) quantiles(shares ...float64) []time.Duration {
	var counts [bucketCount]uint64
	var total uint64
	for i := range counts {
		counts[i] = h.counts[0][i].Load() + h.counts[1][i].Load()
		total += counts[i]
	}
	values := make([]time.Duration, len(shares))
	if total == 0 {
		return values
	}
	var sum uint64
	next := 0
	for i, count := range counts {
		sum += count
		for next < len(shares) && float64(sum) >= shares[next]*float64(total) {
			values[next] = bucketEnd(i)
			next++
		}
	}
	return values
}

func bucketOf(d time.Duration) int {
	us := uint64(max(0, d) / time.Microsecond)
	if us < linearBuckets {
		return int(us)
	}
	if us >= 1<<topBits {
		return bucketCount - 1
	}
	octave := bits.Len64(us) - 1 // 5 to topBits-1
	sub := int(us>>(octave-subBits)) & (1<<subBits - 1)
	return linearBuckets + (octave-5)<<subBits + sub
}

func bucketEnd(i int) time.Duration {
	if i < linearBuckets {
		return time.Duration(i+1) * time.Microsecond
	}
	octave := (i-linearBuckets)>>subBits + 5
	sub := (i-linearBuckets)&(1<<subBits-1) + 1
	return (1<<octave + time.Duration(sub)<<(octave-subBits)) * time.Microsecond
}
