package bridge

import (
	"time"

	"aes67-sink/aes67"
)

const (
	// Moved or renamed for others mostMovings times in movesIn, the sessions stay as they
	// are: a proxy that rewrites announcements, or somebody who means harm, would chase
	// them for ever, and each move is a gap and a lost subscription. Ten bridges of one
	// name that begin together need up to nine: of each round one stays.
	mostMovings = 10
	movesIn     = 10 * time.Minute
	// freeFor is how long nobody must have had the names without a number: four
	// announcements of any sender.
	freeFor = 2 * time.Minute
)

// moves remembers when the sessions last moved, or got another name, for others.
type moves [mostMovings]aes67.MonoTime

func (m *moves) add(now aes67.MonoTime) {
	copy(m[1:], m[:])
	m[0] = now
}

// many reports whether that was too often.
func (m *moves) many(now aes67.MonoTime) bool {
	return m[mostMovings-1] != 0 && now < m.end()
}

// end is when it is not too often any more.
func (m *moves) end() aes67.MonoTime { return m[mostMovings-1].Add(movesIn) }
