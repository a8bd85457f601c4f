package rtpsend

// Hot: deadline runs once a packet time. What happens when the clock steps, or
// the sender was held up for so long that it goes on elsewhere.

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// skip moves on to the first packet that can still be sent at its instant.
func (p *pacer) skip(now aes67.RawTime) (due aes67.RawTime) {
	from := p.next
	p.restart(now)
	p.skipped += aes67.Frames(p.next - from)
	return p.deadline(p.base, p.next)
}

// adopt changes to the time base of clock. Media times of the two bases cannot
// be compared: skipped is how many frame periods lie between the packet that
// was expected at due and the first of the new base.
func (p *pacer) adopt(clock mediaclock.Map, now, due aes67.RawTime) (next aes67.RawTime) {
	p.base = clock
	p.restart(now)
	next = p.deadline(p.base, p.next)
	const second = int64(time.Second)
	gap := max(0, int64(next.Sub(due)))
	whole, rest := gap/second, gap%second
	p.skipped += aes67.Frames(whole*int64(p.rate) + (rest*int64(p.rate)+second/2)/second)
	return next
}

func (p *pacer) restart(now aes67.RawTime) {
	p.next = p.firstFrom(p.base, now)
	p.jumped = p.flowing
	p.backlog, p.gap, p.notTill = 0, 0, 0
}

// deadline is when the packet that begins with m is sent.
func (p *pacer) deadline(base mediaclock.Map, m aes67.MediaTime) aes67.RawTime {
	return base.RawAt(m.PTP(p.rate).Add(p.offset))
}

// firstFrom returns the first packet whose deadline is not before now.
func (p *pacer) firstFrom(base mediaclock.Map, now aes67.RawTime) aes67.MediaTime {
	n := aes67.MediaTime(p.frames)
	m := aes67.MediaAt(base.PTPAt(now).Add(-p.offset), p.rate)
	m = (m + n - 1) / n * n
	// The map rounds to nanoseconds, so the packet may lie just before now.
	for range 2 {
		if p.deadline(base, m) >= now {
			break
		}
		m += n
	}
	return m
}
