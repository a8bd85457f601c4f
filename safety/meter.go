package safety

import (
	"math"
	"sync/atomic"
	"time"
)

// meterTime is the window of a meter: long enough for an eye, and for a program
// that asks once a second to miss little.
const meterTime = 500 * time.Millisecond

// meter holds the largest sample of the block, and of the present and the last window.
// Process writes, any goroutine may read.
type meter struct {
	block, present, last float64
	told                 atomic.Uint64 // float64 bits
}

func (m *meter) add(x float64) {
	if x > m.block {
		m.block = x
	}
}

// tell ends a block, returns its largest sample and tells readers the largest so far;
// over ends the window.
func (m *meter) tell(over bool) (block float64) {
	block, m.block = m.block, 0
	m.present = max(m.present, block)
	m.told.Store(math.Float64bits(max(m.present, m.last)))
	if over {
		m.last, m.present = m.present, 0
	}
	return block
}

func (m *meter) value() float64 { return math.Float64frombits(m.told.Load()) }

// meter tells readers the peaks after a block of so many frames.
func (s *Stage) meter(frames int) {
	s.metered += frames
	over := s.metered >= s.window
	if over {
		s.metered = 0
	}
	s.peak = 0
	for c := range s.meters {
		s.peak = max(s.peak, s.meters[c].tell(over))
	}
	s.reduction.tell(over)
}

// BlockPeak returns the largest sample of all channels of the latest block, as Peak.
func (s *Stage) BlockPeak() float64 { return s.peak }

// Peak returns the largest sample that left the channel, limited and faded, in
// the last half to whole second, as an amplitude: full scale is 1. Reading does
// not reset it. Any goroutine may ask.
func (s *Stage) Peak(channel int) float64 { return s.meters[channel].value() }

// GainReduction returns by how many decibels the limiter turned the sound down
// at most in the last half to whole second; 0 is not at all. Reading does not
// reset it. Any goroutine may ask.
func (s *Stage) GainReduction() float64 { return 20 * math.Log10(1/max(1-s.reduction.value(), 1e-10)) }
