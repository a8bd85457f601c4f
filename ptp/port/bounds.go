package port

// bounds are what the difference of two clocks lies within, ns. A reading of both
// bounds it from both sides, however long it took, and the bounds of many readings
// together narrow it down to a few tens of nanoseconds.
type bounds struct{ low, high int64 }

func (b bounds) middle() int64 { return b.low + (b.high-b.low)/2 }
func (b bounds) half() int64   { return (b.high - b.low) / 2 }

// narrow takes the bounds of one more reading. Those that contradict, by more
// than slack, take the place of what was known.
func (b *bounds) narrow(next bounds, slack int64) (contradicted bool) {
	if max(b.low, next.low) > min(b.high, next.high)+slack {
		*b = next
		return true
	}
	b.low, b.high = max(b.low, next.low), min(b.high, next.high)
	if b.low > b.high {
		b.low, b.high = b.high, b.low
	}
	return false
}
