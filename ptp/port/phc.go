package port

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// This file maps the timestamps of a network card, which are of its own clock
// (PHC), to CLOCK_MONOTONIC_RAW, one quartz to another. The PHC is only ever read.

const (
	// phcReadings are kept: 16 s at one in phcEvery.
	phcReadings = 128
	phcEvery    = aes67.RawTime(125 * time.Millisecond)
	// phcBest readings are enough to begin with.
	phcBest = 4
	// phcSpan is the least time over which readings tell the rate, ns.
	phcSpan = 100_000_000
	// phcStep, ns, off the line of the others, and beyond what the reading itself
	// may be wrong by, is a PHC that somebody has set.
	phcStep = 20_000
)

// PHCMap is a straight line through the latest readings. Cards run freely or are
// steered slowly, so over seconds a line is right.
type PHCMap struct {
	ring [phcReadings]Pair // of the PHC, between two looks at RAW
	n    int

	known bool
	raw   aes67.RawTime // a point of the line
	phc   int64
	slope float64 // ns of RAW per ns of the PHC, less 1
}

// Observe takes a reading of the PHC between two looks at CLOCK_MONOTONIC_RAW.
func (m *PHCMap) Observe(r Pair) {
	if m.known {
		if off := int64(m.At(r.Inner)) - r.Middle(); off > phcStep+r.Took() || off < -phcStep-r.Took() {
			m.n, m.known = 0, false
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
	least := held[0].Took()
	for i := range held {
		least = min(least, held[i].Took())
	}
	last := &m.ring[(m.n-1)%phcReadings]
	var n, x, y, xx, xy float64
	for i := range held {
		r := &held[i]
		w := float64(least+1) / float64(r.Took()+1)
		w *= w
		dx := float64(r.Inner - last.Inner)
		dy := float64(r.Middle()-last.Middle()) - dx // small: what the PHC is fast or slow by
		n, x, y, xx, xy = n+w, x+w*dx, y+w*dy, xx+w*dx*dx, xy+w*dx*dy
	}
	m.slope = 0
	oldest := &held[0]
	if m.n > phcReadings {
		oldest = &m.ring[m.n%phcReadings]
	}
	if d := xx - x*x/n; last.Inner-oldest.Inner >= phcSpan && d > 0 {
		m.slope = (xy - x*y/n) / d
	}
	m.raw, m.phc, m.known = aes67.RawTime(last.Middle()+int64(math.Round((y-m.slope*x)/n))), last.Inner, true
}

// At converts a timestamp of the card to an instant of CLOCK_MONOTONIC_RAW.
func (m *PHCMap) At(phc int64) aes67.RawTime {
	d := phc - m.phc
	return m.raw + aes67.RawTime(d) + aes67.RawTime(m.slope*float64(d))
}
