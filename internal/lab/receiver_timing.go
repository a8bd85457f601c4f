package lab

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// Distribution gathers durations of either sign in bounded memory. Quantiles
// are right within 1 %; least and greatest are exact.
type Distribution struct {
	count    uint64
	min, max time.Duration
	sum      float64
	buckets  [2][distributionBuckets]uint64 // negative, positive
}

const (
	distributionSub     = 64 // to an octave; below 64 ns each value has its own
	distributionOctaves = 34 // up to 2^40 ns, 18 minutes
	distributionBuckets = distributionSub * (1 + distributionOctaves)
)

// Add counts one value.
func (d *Distribution) Add(v time.Duration) {
	if d.count == 0 || v < d.min {
		d.min = v
	}
	if d.count == 0 || v > d.max {
		d.max = v
	}
	d.count++
	d.sum += float64(v)
	sign, size := 1, uint64(v)
	if v < 0 {
		sign, size = 0, uint64(-v)
	}
	d.buckets[sign][distributionBucket(size)]++
}

func distributionBucket(v uint64) int {
	if v < distributionSub {
		return int(v)
	}
	octave := bits.Len64(v) - 7 // 0 for 64 to 127
	if octave >= distributionOctaves {
		return distributionBuckets - 1
	}
	return distributionSub*(1+octave) + int(v>>octave)&(distributionSub-1)
}

// bucketMiddle is the value that stands for a bucket.
func bucketMiddle(i int) time.Duration {
	if i < distributionSub {
		return time.Duration(i)
	}
	octave := i/distributionSub - 1
	low := uint64(distributionSub+i%distributionSub) << octave
	return time.Duration(low + 1<<octave/2)
}

// Quantile returns the value below which the given share lies.
func (d *Distribution) Quantile(share float64) time.Duration {
	var sum uint64
	wanted := uint64(math.Ceil(share * float64(d.count)))
	for i := len(d.buckets[0]) - 1; i >= 0; i-- {
		if sum += d.buckets[0][i]; sum >= wanted && d.buckets[0][i] > 0 {
			return max(d.min, min(d.max, -bucketMiddle(i)))
		}
	}
	for i, n := range d.buckets[1] {
		if sum += n; sum >= wanted && n > 0 {
			return max(d.min, min(d.max, bucketMiddle(i)))
		}
	}
	return d.max
}

// DistributionReport is a Distribution in microseconds.
type DistributionReport struct {
	Count uint64  `json:"count"`
	Min   float64 `json:"min_us"`
	P1    float64 `json:"p1_us"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p99_9_us"`
	Max   float64 `json:"max_us"`
	Mean  float64 `json:"mean_us"`
}

// Report returns the figures, nil if nothing was counted.
func (d *Distribution) Report() *DistributionReport {
	if d.count == 0 {
		return nil
	}
	us := func(v time.Duration) float64 { return float64(v) / 1e3 }
	return &DistributionReport{
		Count: d.count, Min: us(d.min), P1: us(d.Quantile(0.01)), P50: us(d.Quantile(0.5)),
		P99: us(d.Quantile(0.99)), P999: us(d.Quantile(0.999)), Max: us(d.max), Mean: d.sum / float64(d.count) / 1e3,
	}
}

// envelope keeps the least delay of each second: packets may be late by any
// amount, but none is early, so the least ones show the clocks alone.
type envelope struct {
	least []LeastDelay
}

// LeastDelay is that of one second's packets.
type LeastDelay struct {
	At    aes67.MonoTime // of the packet that had it
	Delay time.Duration  // arrival less RTP instant
}

func (l LeastDelay) second() int64 { return int64(l.At) / int64(time.Second) }

// envelopeSeconds bounds the memory: the oldest seconds are dropped.
const envelopeSeconds = 4096

func (e *envelope) add(at aes67.MonoTime, delay time.Duration) {
	second := int64(at) / int64(time.Second)
	if n := len(e.least); n > 0 && e.least[n-1].second() == second {
		if delay < e.least[n-1].Delay {
			e.least[n-1].At, e.least[n-1].Delay = at, delay
		}
		return
	}
	if len(e.least) == envelopeSeconds {
		e.least = slices.Delete(e.least, 0, 1)
	}
	e.least = append(e.least, LeastDelay{at, delay})
}

// slope returns how fast the least delay grows over the last window of time
// (0: all), in ppm, and over how many seconds it was measured. It is the median
// slope of all pairs (Theil and Sen), which up to a quarter of spoilt seconds
// does not move. ok is false for less than three seconds.
func (e *envelope) slope(window time.Duration) (ppm, seconds float64, ok bool) {
	points := e.least
	if len(points) > 2 {
		points = points[1 : len(points)-1] // the first and last second are parts
	}
	if window > 0 && len(points) > 0 {
		end := points[len(points)-1].At
		for len(points) > 0 && end.Sub(points[0].At) > window {
			points = points[1:]
		}
	}
	points = thinned(points, 256)
	if len(points) < 3 {
		return 0, 0, false
	}
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, a := range points {
		for _, b := range points[i+1:] {
			slopes = append(slopes, float64(b.Delay-a.Delay)/float64(b.At-a.At))
		}
	}
	slices.Sort(slopes)
	middle := slopes[len(slopes)/2]
	return middle * 1e6, points[len(points)-1].At.Sub(points[0].At).Seconds(), true
}

// thinned joins neighbours, keeping the least, until there are few enough.
func thinned(points []LeastDelay, limit int) []LeastDelay {
	for len(points) > limit {
		var fewer []LeastDelay
		for i := 0; i+1 < len(points); i += 2 {
			if points[i].Delay <= points[i+1].Delay {
				fewer = append(fewer, points[i])
			} else {
				fewer = append(fewer, points[i+1])
			}
		}
		points = fewer
	}
	return points
}
