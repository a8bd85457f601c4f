package safety

// Hot file: Process runs once a packet in the sender context. No allocation,
// lock, log, channel or map.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// FadeTime is how long opening and closing take, at least. 5 ms of raised
// cosine keep the spectrum of the edge below some hundred hertz: no click.
const FadeTime = 5 * time.Millisecond

// FadeFrames returns how many frames a fade takes at the given rate: what a
// caller must have in reserve to fade out its sound and not silence.
func FadeFrames(rate aes67.Hz) aes67.Frames { return aes67.FramesIn(FadeTime, rate) }

// Stage applies fades and the ceiling. One goroutine may call Process; any may
// read Peak.
type Stage struct {
	fade     []float64 // gain at each position, exactly 0 at the first, 1 at the last
	position int

	limiter limiter

	meters  []meter
	window  int // frames
	metered int // frames of the present window
}

// New makes a closed stage.
func New(channels int, rate aes67.Hz, ceilingDBFS float64) *Stage {
	return &Stage{
		fade:    FadeIn(int(FadeFrames(rate))),
		limiter: newLimiter(rate, ceilingDBFS),
		meters:  make([]meter, channels),
		window:  int(aes67.FramesIn(meterTime, rate)),
	}
}

// FadeIn returns the gains of a raised cosine of that many steps, one more than
// steps: exactly 0 at first, exactly 1 at last.
func FadeIn(frames int) []float64 {
	gains := make([]float64, frames+1)
	for i := range gains {
		gains[i] = 0.5 - 0.5*math.Cos(math.Pi*float64(i)/float64(frames))
	}
	gains[frames] = 1
	return gains
}

// Process works on one block in place, block[channel][frame], all channels of
// one length. With open false it fades to exact zeros and stays there. silent
// reports that it has arrived there at the block's end.
func (s *Stage) Process(block [][]float64, open bool) (silent bool) {
	for i := range block[0] {
		s.move(open)
		if s.position == 0 {
			s.limiter.let() // nothing is heard of what it was holding
			for _, channel := range block {
				channel[i] = 0
			}
			continue
		}
		s.limiter.follow(peak(block, i))
		fade := s.fade[s.position]
		for c, channel := range block {
			x := s.limiter.clip(channel[i] * s.limiter.gain * fade)
			channel[i] = x
			s.meters[c].add(math.Abs(x))
		}
	}
	s.meter(len(block[0]))
	return s.position == 0
}

// Cut closes the stage at once, for sound that has broken off already: what
// comes next begins at zero and not in the middle of a wave.
func (s *Stage) Cut() { s.position = 0 }

// move goes one frame along the fade.
func (s *Stage) move(open bool) {
	switch {
	case open && s.position < len(s.fade)-1:
		s.position++
	case !open && s.position > 0:
		s.position--
	}
}

// peak returns the largest sample of frame i. What is no number becomes 0.
func peak(block [][]float64, i int) float64 {
	most := 0.0
	for _, channel := range block {
		x := math.Abs(channel[i])
		if !(x <= math.MaxFloat64) { // NaN or infinite
			channel[i], x = 0, 0
		}
		most = max(most, x)
	}
	return most
}
