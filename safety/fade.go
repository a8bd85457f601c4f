package safety

// Hot: move runs once a frame while a fade lasts.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// FadeTime is how long opening and closing take, at least. 5 ms of raised
// cosine keep the spectrum of the edge below some hundred hertz: no click.
const FadeTime = 5 * time.Millisecond

// FadeFrames returns how many frames a fade takes at the given rate.
func FadeFrames(rate aes67.Hz) aes67.Frames { return aes67.FramesIn(FadeTime, rate) }

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

// move goes one frame along the fade.
func (s *Stage) move(open bool) {
	switch {
	case open && s.position < len(s.fade)-1:
		s.position++
	case !open && s.position > 0:
		s.position--
	}
}
