package bridge

import (
	"time"

	"aes67-sink/aes67"
)

// RestPolicy says when streams leave the wire because nothing sounds.
type RestPolicy struct {
	Rests bool          // false: they are always on the wire
	After time.Duration // silence after which they rest; 0: none is long enough
}

// resting tells whether streams rest at an instant, and when that will change by
// itself, 0: it will not. sounded is when there was last any sound; before the
// first one they rest.
func (p RestPolicy) resting(now, sounded aes67.MonoTime) (rests bool, until aes67.MonoTime) {
	switch {
	case !p.Rests:
		return false, 0
	case sounded == never:
		return true, 0
	case p.After == 0:
		return false, 0
	}
	end := sounded.Add(p.After)
	if now >= end {
		return true, 0
	}
	return false, end
}
