package bridge

// Hot: all but newBalance runs in the sender context.

import "aes67-sink/aes67"

// balance turns channels down, each by a gain of its own: the sink's volumes have one a
// channel, and where the sound server does not apply them the bridge does.
type balance struct {
	want []float64 // each at most 1
	have []float64 // at the end of the last block
	fade float64   // frames of the stream in which a gain goes from 0 to 1

	holds bool // nothing rises: the gain for all channels still falls
}

func newBalance(channels int, rate aes67.Hz) balance {
	b := balance{
		want: make([]float64, channels), have: make([]float64, channels),
		fade: float64(aes67.FramesIn(guardRise, rate)),
	}
	for c := range b.have {
		b.have[c], b.want[c] = 1, 1
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
		b.want[c] = gain
	}
}

// arrive has all channels where they are wanted: nothing is heard meanwhile.
func (b *balance) arrive() { copy(b.have, b.want) }

// falls reports whether a channel is still to be turned down further.
func (b *balance) falls() bool {
	for c, want := range b.want {
		if want < b.have[c] {
			return true
		}
	}
	return false
}

// apply puts the gains to a block; it reports whether all were 1, and nothing was touched.
func (b *balance) apply(block [][]float64) (untouched bool) {
	untouched = true
	for c, channel := range block {
		want := b.want[c]
		if b.holds {
			want = min(want, b.have[c])
		}
		untouched = turn(channel, &b.have[c], want, b.fade) && untouched
	}
	return untouched
}

// turn moves a channel's gain towards another over a block, by all of it in so many frames
// at most, and puts it to the block; untouched: it was 1 and stays so.
func turn(channel []float64, gain *float64, want, fade float64) (untouched bool) {
	from := *gain
	if from == 1 && want == 1 {
		return true
	}
	most := float64(len(channel)) / fade
	*gain = max(from-most, min(want, from+most))
	step := (*gain - from) / float64(len(channel))
	for i := range channel {
		channel[i] *= from + step*float64(i+1)
	}
	return false
}
