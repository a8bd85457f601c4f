package bridge

// Hot: apply runs in the sender context, set in any.

import (
	"math"
	"sync/atomic"

	"aes67-sink/aes67"
)

// balance turns channels down, each by a gain of its own: the sink's volumes have one a
// channel, and where the sound server does not apply them the bridge does.
type balance struct {
	want []atomic.Uint64 // float64 bits, each at most 1
	have []float64       // at the end of the last block
	fade float64         // frames of the stream in which a gain goes from 0 to 1
}

func newBalance(channels int, rate aes67.Hz) balance {
	b := balance{
		want: make([]atomic.Uint64, channels), have: make([]float64, channels),
		fade: float64(aes67.FramesIn(guardRise, rate)),
	}
	for c := range b.have {
		b.have[c] = 1
		b.want[c].Store(math.Float64bits(1))
	}
	return b
}

// set takes a gain for each channel; those that are missing are 1.
func (b *balance) set(gains []float64) {
	for c := range b.want {
		gain := 1.0
		if c < len(gains) {
			gain = min(1, max(0, gains[c]))
		}
		b.want[c].Store(math.Float64bits(gain))
	}
}

// apply puts the gains to a block; it reports whether all were 1, and nothing was touched.
func (b *balance) apply(block [][]float64) (untouched bool) {
	untouched = true
	for c, channel := range block {
		want := math.Float64frombits(b.want[c].Load())
		from := b.have[c]
		if from == 1 && want == 1 {
			continue
		}
		untouched = false
		most := float64(len(channel)) / b.fade
		to := from + max(-most, min(most, want-from))
		step := (to - from) / float64(len(channel))
		for i := range channel {
			channel[i] *= from + step*float64(i+1)
		}
		b.have[c] = to
	}
	return untouched
}
