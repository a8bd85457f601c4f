package port

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// This file maps the timestamps of a network card, which are of its own clock
// (PHC), to CLOCK_MONOTONIC. The PHC is only ever read.

const (
	// PHCReadings are kept: 16 s at one in phcEvery.
	phcReadings = 128
	phcEvery    = aes67.MonoTime(125 * time.Millisecond)
	// phcBest readings are enough to begin with.
	phcBest = 4
	// phcSpan is the least time over which readings tell the rate, ns.
	phcSpan = 100_000_000
	// phcStep, ns, off the line of the others, and beyond what the reading itself
	// may be wrong by, is a PHC that somebody has set.
	phcStep = 20_000
)

// PHCReading is the PHC as read between two looks at CLOCK_MONOTONIC.
type PHCReading struct {
	Mono aes67.MonoTime // in the middle
	Took int64          // ns
	PHC  int64          // ns, of its own epoch
}

// PHCMap is a straight line through the latest readings. Cards run freely or are
// steered slowly, so over seconds a line is right.
type PHCMap struct {
	ring  [phcReadings]PHCReading
	n     int
	steps uint32 // of the PHC, as seen

	known bool
	mono  aes67.MonoTime // a point of the line
	phc   int64
	slope float64 // ns of CLOCK_MONOTONIC per ns of the PHC, less 1
}

// Observe takes a reading.
func (m *PHCMap) Observe(r PHCReading) {
	if m.known {
		if off := int64(m.At(r.PHC).Sub(r.Mono)); off > phcStep+r.Took || off < -phcStep-r.Took {
			m.n, m.known = 0, false
			m.steps++
		}
	}
	m.ring[m.n%phcReadings] = r
	m.n++
	m.fit()
}

// fit is least squares. A reading is wrong by up to half of what it took, so that
// is what it is weighed by: one during which the thread was interrupted counts
// for nothing.
func (m *PHCMap) fit() {
	held := m.ring[:min(m.n, phcReadings)]
	if len(held) < phcBest {
		return
	}
	least := held[0].Took
	for i := range held {
		least = min(least, held[i].Took)
	}
	last := &m.ring[(m.n-1)%phcReadings]
	var n, x, y, xx, xy float64
	for i := range held {
		r := &held[i]
		w := float64(least+1) / float64(r.Took+1)
		w *= w
		dx := float64(r.PHC - last.PHC)
		dy := float64(int64(r.Mono-last.Mono)) - dx // small: what the PHC is fast or slow by
		n, x, y, xx, xy = n+w, x+w*dx, y+w*dy, xx+w*dx*dx, xy+w*dx*dy
	}
	m.slope = 0
	oldest := &held[0]
	if m.n > phcReadings {
		oldest = &m.ring[m.n%phcReadings]
	}
	if d := xx - x*x/n; last.PHC-oldest.PHC >= phcSpan && d > 0 {
		m.slope = (xy - x*y/n) / d
	}
	m.mono, m.phc, m.known = last.Mono.Add(time.Duration(math.Round((y-m.slope*x)/n))), last.PHC, true
}

// At converts a timestamp of the card.
func (m *PHCMap) At(phc int64) aes67.MonoTime {
	d := phc - m.phc
	return m.mono + aes67.MonoTime(d) + aes67.MonoTime(m.slope*float64(d))
}
