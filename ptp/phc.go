package ptp

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/track"
)

// This file maps the timestamps of a network card, which are of its own clock
// (PHC), to CLOCK_MONOTONIC. The PHC is only ever read.

const (
	// phcReadings are kept: 16 s at one in phcEvery.
	phcReadings = 128
	phcEvery    = aes67.MonoTime(track.ServoInterval)
	// phcBest readings are enough to begin with.
	phcBest = 4
	// phcSpan is the least time over which readings tell the rate, ns.
	phcSpan = 100_000_000
	// phcStep, ns, off the line of the others, and beyond what the reading itself
	// may be wrong by, is a PHC that somebody has set.
	phcStep = 20_000
)

// phcReading is the PHC as read between two looks at CLOCK_MONOTONIC.
type phcReading struct {
	mono aes67.MonoTime // in the middle
	took int64          // ns
	phc  int64          // ns, of its own epoch
}

// phcMap is a straight line through the latest readings. Cards run freely or are
// steered slowly, so over seconds a line is right.
type phcMap struct {
	ring  [phcReadings]phcReading
	n     int
	steps uint32 // of the PHC, as seen

	known bool
	mono  aes67.MonoTime // a point of the line
	phc   int64
	slope float64 // ns of CLOCK_MONOTONIC per ns of the PHC, less 1
}

// observe takes a reading.
func (m *phcMap) observe(r phcReading) {
	if m.known {
		if off := int64(m.at(r.phc).Sub(r.mono)); off > phcStep+r.took || off < -phcStep-r.took {
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
func (m *phcMap) fit() {
	held := m.ring[:min(m.n, phcReadings)]
	if len(held) < phcBest {
		return
	}
	least := held[0].took
	for i := range held {
		least = min(least, held[i].took)
	}
	last := &m.ring[(m.n-1)%phcReadings]
	var n, x, y, xx, xy float64
	for i := range held {
		r := &held[i]
		w := float64(least+1) / float64(r.took+1)
		w *= w
		dx := float64(r.phc - last.phc)
		dy := float64(int64(r.mono-last.mono)) - dx // small: what the PHC is fast or slow by
		n, x, y, xx, xy = n+w, x+w*dx, y+w*dy, xx+w*dx*dx, xy+w*dx*dy
	}
	m.slope = 0
	oldest := &held[0]
	if m.n > phcReadings {
		oldest = &m.ring[m.n%phcReadings]
	}
	if d := xx - x*x/n; last.phc-oldest.phc >= phcSpan && d > 0 {
		m.slope = (xy - x*y/n) / d
	}
	m.mono, m.phc, m.known = last.mono.Add(time.Duration(math.Round((y-m.slope*x)/n))), last.phc, true
}

// at converts a timestamp of the card.
func (m *phcMap) at(phc int64) aes67.MonoTime {
	d := phc - m.phc
	return m.mono + aes67.MonoTime(d) + aes67.MonoTime(m.slope*float64(d))
}
