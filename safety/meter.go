package safety

import (
	"math"
	"sync/atomic"
	"time"
)

// meterTime is the window of a meter: long enough for an eye, and for a program
// that asks once a second to miss little.
const meterTime = 500 * time.Millisecond

// meter holds the largest sample of the present and the last window. Process
// writes, any goroutine may read.
type meter struct {
	present, last float64
	told          atomic.Uint64 // float64 bits
}

func (m *meter) add(x float64) { m.present = max(m.present, x) }

// meter tells readers the peaks after a block of so many frames.
func (s *Stage) meter(frames int) {
	s.metered += frames
	over := s.metered >= s.window
	if over {
		s.metered = 0
	}
	for c := range s.meters {
		m := &s.meters[c]
		m.told.Store(math.Float64bits(max(m.present, m.last)))
		if over {
			m.last, m.present = m.present, 0
		}
	}
}

// Peak returns the largest sample that left the channel, limited and faded, in
// the last half to whole second, as an amplitude: full scale is 1. Reading does
// not reset it. Any goroutine may ask.
func (s *Stage) Peak(channel int) float64 { return math.Float64frombits(s.meters[channel].told.Load()) }
