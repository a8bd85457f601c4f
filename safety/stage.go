package safety

// Hot file: Process runs once a packet in the sender context. No allocation,
// lock, log, channel or map.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// FadeTime is how long opening and closing take. 5 ms of raised cosine keep
	// the spectrum of the edge below some hundred hertz: no click.
	FadeTime = 5 * time.Millisecond
	// holdTime keeps the limiter's gain over a whole period of 100 Hz, so that
	// it does not follow the wave itself.
	holdTime = 10 * time.Millisecond
	// releaseTime is how long the limiter takes from no gain to full gain.
	releaseTime = 500 * time.Millisecond
)

// FadeFrames returns how many frames a fade takes at the given rate.
func FadeFrames(rate aes67.Hz) aes67.Frames { return aes67.FramesIn(FadeTime, rate) }

// Stage applies fades and the ceiling. One goroutine may call Process; any may
// read Peak.
type Stage struct {
	ceiling float64 // amplitude; full scale is 1

	fade     []float64 // gain at each position, 0 at the first, 1 at the last
	position int

	gain     float64 // the limiter's
	held     int     // frames until it may rise
	hold     int
	recovery float64 // rise of the gain each frame

	meters []meter
	window int // frames
	metred int
}

// New makes a closed stage.
func New(channels int, rate aes67.Hz, ceilingDBFS float64) *Stage {
	frames := int(FadeFrames(rate))
	s := &Stage{
		ceiling:  math.Pow(10, ceilingDBFS/20),
		fade:     make([]float64, frames+1),
		gain:     1,
		hold:     int(aes67.FramesIn(holdTime, rate)),
		recovery: 1 / (releaseTime.Seconds() * float64(rate)),
		meters:   make([]meter, channels),
		window:   int(aes67.FramesIn(meterTime, rate)),
	}
	for i := range s.fade {
		s.fade[i] = 0.5 - 0.5*math.Cos(math.Pi*float64(i)/float64(frames))
	}
	s.fade[frames] = 1
	return s
}

// Process works on one block in place, block[channel][frame], all channels of
// one length. With open false it fades to exact zeros and stays there. silent
// reports that it has arrived there at the block's end.
func (s *Stage) Process(block [][]float64, open bool) (silent bool) {
	for i := range block[0] {
		s.move(open)
		fade := s.fade[s.position]
		if fade == 0 {
			for _, channel := range block {
				channel[i] = 0
			}
			continue
		}
		s.limit(block, i)
		for c, channel := range block {
			x := channel[i] * s.gain * fade
			x = max(-s.ceiling, min(s.ceiling, x)) // the last word, against rounding
			channel[i] = x
			s.meters[c].add(math.Abs(x))
		}
	}
	s.meter(len(block[0]))
	return s.position == 0
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

// limit replaces what is no number in frame i by 0, and sets the gain.
func (s *Stage) limit(block [][]float64, i int) {
	peak := 0.0
	for _, channel := range block {
		x := math.Abs(channel[i])
		if !(x <= math.MaxFloat64) { // NaN or infinite
			channel[i], x = 0, 0
		}
		peak = max(peak, x)
	}
	switch {
	case peak*s.gain > s.ceiling:
		s.gain, s.held = s.ceiling/peak, s.hold
	case s.held > 0:
		s.held--
	case s.gain < 1:
		s.gain = min(1, s.gain+s.recovery)
	}
}
