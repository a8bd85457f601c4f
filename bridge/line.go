package bridge

// Hot: through runs once a channel and packet time.

import "aes67-sink/aes67"

// line delays one channel by whole frames, zeros first.
type line struct {
	held []float64 // as many as the delay; the oldest at next
	next int
}

func newLine(delay aes67.Frames) line { return line{held: make([]float64, delay)} }

// through puts a block in and leaves what comes out in its place.
func (l *line) through(block []float64) {
	held, next := l.held, l.next
	for rest := block; len(held) > 0 && len(rest) > 0; {
		part := held[next:]
		n := min(len(part), len(rest))
		for i := range n {
			part[i], rest[i] = rest[i], part[i]
		}
		rest = rest[n:]
		if next += n; next == len(held) {
			next = 0
		}
	}
	l.next = next
}

// clear forgets what is held.
func (l *line) clear() { clear(l.held) }
