package port

import "golang.org/x/sys/unix"

// Pair is one clock as it was read between two looks at another. All in ns.
type Pair struct{ Before, Inner, After int64 }

// Took is how long the reading lasted, ns.
func (p Pair) Took() int64 { return p.After - p.Before }

// Middle is the outer clock's instant that fits Inner best, ns.
func (p Pair) Middle() int64 { return p.Before + p.Took()/2 }

// ahead bounds by how much the inner clock is ahead of the outer, ns.
func (p Pair) ahead() bounds { return bounds{low: p.Inner - p.After, high: p.Inner - p.Before} }

// readPair reads the clock inner between two looks at outer.
func readPair(outer, inner int32) (p Pair, ok bool) {
	var before, middle, after unix.Timespec
	if unix.ClockGettime(outer, &before) != nil ||
		unix.ClockGettime(inner, &middle) != nil ||
		unix.ClockGettime(outer, &after) != nil {
		return p, false
	}
	return Pair{before.Nano(), middle.Nano(), after.Nano()}, true
}

// Readings are the kernel's other clocks, each between two looks at
// CLOCK_MONOTONIC.
type Readings struct{ Real, Raw, Boot Pair }

// interrupted, ns, is longer than a reading takes, by system calls even, unless
// the thread was interrupted: then it is taken again.
const interrupted = 4000

// readClocks reads them all.
func readClocks() (r Readings, ok bool) {
	for _, c := range []struct {
		id int32
		to *Pair
	}{{unix.CLOCK_REALTIME, &r.Real}, {unix.CLOCK_BOOTTIME, &r.Boot}, {unix.CLOCK_MONOTONIC_RAW, &r.Raw}} {
		for range 3 {
			if *c.to, ok = readPair(unix.CLOCK_MONOTONIC, c.id); !ok {
				return r, false
			}
			if c.to.Took() <= interrupted {
				break
			}
		}
	}
	return r, true
}
