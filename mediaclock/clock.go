package mediaclock

// Hot: maps are read by the sender at each packet.

import (
	"sync/atomic"

	"aes67-sink/aes67"
)

// Map is an affine map from CLOCK_MONOTONIC to PTP time.
type Map struct {
	Mono aes67.MonoTime // where the map is anchored
	PTP  aes67.PTPTime  // the PTP time there
	Rate aes67.PPB      // PTP seconds per monotonic second, less 1
	// Frequency is Rate without what a servo adds to end an error of phase: what
	// the grandmaster's frequency is believed to be, and so the smoother one.
	Frequency aes67.PPB
	// Steps counts the jumps of the time base since the clock was made: maps
	// with equal Steps join, but for what a slew of CLOCK_MONOTONIC gained
	// until it was seen (ptp/port, timebase.go).
	Steps uint32
}

// PTPAt returns the PTP time at a monotonic instant.
func (m Map) PTPAt(t aes67.MonoTime) aes67.PTPTime {
	elapsed := int64(t - m.Mono)
	return m.PTP + aes67.PTPTime(elapsed+round(float64(elapsed)*float64(m.Rate)*1e-9))
}

// MonoAt returns the monotonic instant of a PTP time.
func (m Map) MonoAt(p aes67.PTPTime) aes67.MonoTime {
	elapsed := int64(p - m.PTP)
	rate := float64(m.Rate) * 1e-9
	return m.Mono + aes67.MonoTime(elapsed-round(float64(elapsed)*rate/(1+rate)))
}

func round(x float64) int64 {
	if x < 0 {
		return int64(x - 0.5)
	}
	return int64(x + 0.5)
}

// Clock is the virtual PTP clock. The zero Clock is unset. One goroutine may
// write; any may read.
type Clock struct {
	current atomic.Pointer[Map] // immutable once stored
	blank   []Map               // for what is stored next; the writer's
}

// store puts a map in force. The collector's pauses reach the threads that send,
// so maps are made by the dozen.
func (c *Clock) store(m Map) {
	if len(c.blank) == 0 {
		c.blank = make([]Map, 64)
	}
	next := &c.blank[0]
	c.blank = c.blank[1:]
	*next = m
	c.current.Store(next)
}

// Load returns the map in force; ok is false while the clock is unset.
func (c *Clock) Load() (m Map, ok bool) {
	p := c.current.Load()
	if p == nil {
		return Map{}, false
	}
	return *p, true
}

// Step sets the clock to p at instant t with the given rate. It counts as a
// jump unless the clock was unset.
func (c *Clock) Step(t aes67.MonoTime, p aes67.PTPTime, rate aes67.PPB) {
	next := Map{Mono: t, PTP: p, Rate: rate, Frequency: rate}
	if old := c.current.Load(); old != nil {
		next.Steps = old.Steps + 1
	}
	c.store(next)
}

// Steer changes the rate from instant t on. What has elapsed is folded into
// the anchor first, so the time does not jump. An unset clock stays unset.
func (c *Clock) Steer(t aes67.MonoTime, rate aes67.PPB) { c.Pursue(t, rate, rate) }

// Pursue is Steer for a servo whose rate is more than the frequency that it
// believes in.
func (c *Clock) Pursue(t aes67.MonoTime, rate, frequency aes67.PPB) {
	old := c.current.Load()
	if old == nil {
		return
	}
	c.store(Map{Mono: t, PTP: old.PTPAt(t), Rate: rate, Frequency: frequency, Steps: old.Steps})
}

// Set puts a whole map in force, for a writer that keeps the time elsewhere. With
// the same Steps it must join the one before it, but for what a slew gained.
func (c *Clock) Set(m Map) { c.store(m) }
