package mediaclock

// Hot: maps are read by the sender at each packet.

import (
	"sync/atomic"

	"aes67-sink/aes67"
)

// Map is an affine map from CLOCK_MONOTONIC_RAW to PTP time.
type Map struct {
	Raw  aes67.RawTime // where the map is anchored
	PTP  aes67.PTPTime // the PTP time there
	Rate aes67.PPB     // PTP seconds per second of the oscillator, less 1
	// Frequency is Rate without what a servo adds to end an error of phase: what
	// the grandmaster's frequency is believed to be, and so the smoother one.
	Frequency aes67.PPB
	Local     Tie  // how CLOCK_MONOTONIC runs beside the oscillator
	Tied      bool // this clock ticks with CLOCK_MONOTONIC
	// Steps counts the jumps of the time base since the clock was made: maps
	// with equal Steps join.
	Steps uint32
}

// Tie is CLOCK_MONOTONIC, which the sound server ticks with, as it was seen last.
type Tie struct {
	Raw  aes67.RawTime
	Mono aes67.MonoTime // at that instant
	Rate aes67.PPB      // the oscillator against it; plus = CLOCK_MONOTONIC slow
}

// MonoAt returns the instant by CLOCK_MONOTONIC.
func (m Map) MonoAt(t aes67.RawTime) aes67.MonoTime {
	return m.Local.Mono + aes67.MonoTime(slower(int64(t-m.Local.Raw), m.Local.Rate))
}

// OnMono converts a rate against the oscillator to one against CLOCK_MONOTONIC.
func (m Map) OnMono(rate aes67.PPB) aes67.PPB { return rate + m.Local.Rate + rate*m.Local.Rate*1e-9 }

// Sound returns Frequency against CLOCK_MONOTONIC: exactly 0 while Tied.
func (m Map) Sound() aes67.PPB {
	if m.Tied {
		return 0
	}
	return m.OnMono(m.Frequency)
}

// PTPAt returns the PTP time at an instant.
func (m Map) PTPAt(t aes67.RawTime) aes67.PTPTime {
	elapsed := int64(t - m.Raw)
	return m.PTP + aes67.PTPTime(elapsed+round(float64(elapsed)*float64(m.Rate)*1e-9))
}

// RawAt returns the instant of a PTP time.
func (m Map) RawAt(p aes67.PTPTime) aes67.RawTime {
	return m.Raw + aes67.RawTime(slower(int64(p-m.PTP), m.Rate))
}

// slower returns how many ns pass on a clock while so many do on one that runs faster
// by a rate.
func slower(ns int64, by aes67.PPB) int64 {
	rate := float64(by) * 1e-9
	return ns - round(float64(ns)*rate/(1+rate))
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
	local   Tie                 // likewise
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
func (c *Clock) Step(t aes67.RawTime, p aes67.PTPTime, rate aes67.PPB) {
	next := Map{Raw: t, PTP: p, Rate: rate, Frequency: rate, Local: c.local}
	if old := c.current.Load(); old != nil {
		next.Steps = old.Steps + 1
	}
	c.store(next)
}

// Steer changes the rate from instant t on. What has elapsed is folded into
// the anchor first, so the time does not jump. An unset clock stays unset.
func (c *Clock) Steer(t aes67.RawTime, rate aes67.PPB) { c.Pursue(t, rate, rate) }

// Pursue is Steer for a servo whose rate is more than the frequency that it
// believes in.
func (c *Clock) Pursue(t aes67.RawTime, rate, frequency aes67.PPB) {
	old := c.current.Load()
	if old == nil {
		return
	}
	next := *old
	next.Raw, next.PTP, next.Rate, next.Frequency = t, old.PTPAt(t), rate, frequency
	c.store(next)
}

// Tie tells how CLOCK_MONOTONIC runs before the clock is set; later on Set does.
func (c *Clock) Tie(local Tie) { c.local = local }

// Set puts a whole map in force, for a writer that knows the time by another clock.
// With the same Steps it must join the one before it.
func (c *Clock) Set(m Map) {
	c.local = m.Local
	c.store(m)
}
