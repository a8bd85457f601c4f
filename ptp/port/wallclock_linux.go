package port

import (
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// wallClock maps kernel timestamps, which are CLOCK_REALTIME, to
// CLOCK_MONOTONIC. The kernel slews both clocks as one, so their difference is
// constant but for steps of the date. Each reading of the three instants
// monotonic, realtime, monotonic bounds it from both sides, and the bounds of
// all readings together narrow it down to a few tens of nanoseconds. Bounds
// that contradict each other mean that the date was set.
type wallClock struct {
	low, high int64 // ns, realtime less monotonic
	known     bool
	looked    aes67.MonoTime // when the clocks were read last
}

// slack allows for the rounding of each reading to a nanosecond.
const slack = 2

// observe takes one reading and reports whether the date was set since the
// reading before.
func (c *wallClock) observe(before, real, after int64) (stepped bool) {
	c.looked = aes67.MonoTime(after)
	low, high := real-after, real-before
	if !c.known {
		c.low, c.high, c.known = low, high, true
		return false
	}
	if max(c.low, low) > min(c.high, high)+slack {
		c.low, c.high = low, high
		return true
	}
	c.low, c.high = max(c.low, low), min(c.high, high)
	if c.low > c.high {
		c.low, c.high = c.high, c.low
	}
	return false
}

// read takes a reading from the kernel.
func (c *wallClock) read() (stepped bool) {
	var before, real, after unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil ||
		unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
		return false
	}
	return c.observe(before.Nano(), real.Nano(), after.Nano())
}

func (c *wallClock) offset() int64 { return c.low + (c.high-c.low)/2 }

// mono converts a kernel timestamp.
func (c *wallClock) mono(real int64) aes67.MonoTime { return aes67.MonoTime(real - c.offset()) }

// plausible reports whether a converted timestamp is of about now.
func (c *wallClock) plausible(at aes67.MonoTime) bool {
	age := c.looked.Sub(at)
	return age <= oldest && age >= -soonest
}

// rawBracket is how long a reading of two clocks may take to be believed.
const rawBracket = 1000 // ns

// readRaw reads CLOCK_MONOTONIC_RAW and the instant of CLOCK_MONOTONIC when it
// was read. A reading during which the thread was interrupted is of no use.
func readRaw() (mono, raw aes67.MonoTime, ok bool) {
	var before, middle, after unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &before) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &middle) != nil ||
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &after) != nil {
		return 0, 0, false
	}
	took := after.Nano() - before.Nano()
	return aes67.MonoTime(before.Nano() + took/2), aes67.MonoTime(middle.Nano()), took <= rawBracket
}
