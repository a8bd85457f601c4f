package bundle

import (
	"bytes"
	"sync"
	"time"
)

// What is kept of the log.
const (
	keptLines = 500
	lineBytes = 2 << 10 // of each, at most: a megabyte in all
)

// Lines keeps the last 500 lines that were written to it, with the time of each. Each
// Write is one line, as zerolog's are. It may be used by several goroutines.
type Lines struct {
	now func() time.Time

	mu   sync.Mutex
	kept [keptLines][]byte
	next int // where the next one goes
}

// NewLines makes a log of no lines.
func NewLines(now func() time.Time) *Lines { return &Lines{now: now} }

// Write keeps a line; it never fails.
func (l *Lines) Write(line []byte) (int, error) {
	n := len(line)
	line = bytes.TrimRight(line[:min(n, lineBytes)], "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.now().UTC().AppendFormat(l.kept[l.next][:0], "2006-01-02T15:04:05.000Z ")
	l.kept[l.next] = append(append(b, line...), '\n')
	l.next = (l.next + 1) % keptLines
	return n, nil
}

// Text returns the lines, the oldest first.
func (l *Lines) Text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []byte
	for i := range keptLines {
		all = append(all, l.kept[(l.next+i)%keptLines]...)
	}
	return all
}
