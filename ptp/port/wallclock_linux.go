package port

import "aes67-sink/aes67"

// wallClock maps kernel timestamps, which are CLOCK_REALTIME, to
// CLOCK_MONOTONIC. The kernel slews both clocks as one, so their difference is
// constant but for steps of the date. Bounds that contradict each other mean that
// the date was set.
type wallClock struct {
	ahead bounds // CLOCK_REALTIME less CLOCK_MONOTONIC
	known bool
}

// slack, ns, allows for the rounding of each reading to a nanosecond.
const slack = 2

// observe takes one reading and reports whether the date was set since the
// reading before.
func (c *wallClock) observe(p Pair) (stepped bool) {
	if !c.known {
		c.ahead, c.known = p.ahead(), true
		return false
	}
	return c.ahead.narrow(p.ahead(), slack)
}

func (c *wallClock) offset() int64 { return c.ahead.middle() }

// mono converts a kernel timestamp.
func (c *wallClock) mono(real int64) aes67.MonoTime { return aes67.MonoTime(real - c.offset()) }

// sleepClock notices that the computer has slept: CLOCK_BOOTTIME runs on
// meanwhile, CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW stand still.
type sleepClock struct {
	ahead bounds // CLOCK_BOOTTIME less CLOCK_MONOTONIC
	known bool
}

// sleepLeast, ns, is more than any rounding of the two clocks.
const sleepLeast = 1_000_000

// observe takes one reading and reports whether the computer has slept since the
// one before.
func (c *sleepClock) observe(p Pair) (slept bool) {
	if !c.known {
		c.ahead, c.known = p.ahead(), true
		return false
	}
	return c.ahead.narrow(p.ahead(), sleepLeast)
}
