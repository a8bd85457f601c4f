package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/sdp"
)

const (
	// mostSessions bounds what a speaker takes.
	mostSessions = 32
	// barCells and barFloor make the level bar.
	barCells = 12
	barFloor = -60.0
	// nameCells is the widest a channel's name may be, leastName the narrowest.
	nameCells = 42
	leastName = 8
)

// sessionKey tells sessions apart, whatever their version (RFC 8866, 5.2).
type sessionKey struct {
	address netip.Addr
	user    string
	id      uint64
}

// session is one that is received.
type session struct {
	text     []byte
	name     string
	channels int
	receiver *lab.Receiver
	stop     context.CancelFunc
	ended    chan struct{}
}

// speaker takes every session that is announced.
type speaker struct {
	iface  net.Interface
	origin netip.Addr // if valid: only from there
	clock  func(aes67.RawTime) aes67.PTPTime
	redraw bool

	mu       sync.Mutex
	sessions map[sessionKey]*session
	notes    []string // told with the next lines

	drawn int // lines that the next picture replaces
}

// heard takes an announcement: a session begins, changes or ends.
func (s *speaker) heard(ctx context.Context, a lab.Announcement) {
	from, ok := sdp.ParseOrigin(a.Text)
	if !ok || s.origin.IsValid() && from.Addr != s.origin {
		return
	}
	key := sessionKey{from.Addr, from.User, from.ID}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.sessions[key]
	switch {
	case a.Delete:
		if old != nil {
			s.end(key, old, "ended")
		}
		return
	case old != nil && bytes.Equal(old.text, a.Text):
		return
	case old == nil && len(s.sessions) >= mostSessions:
		return
	}
	if old != nil {
		s.end(key, old, "changed")
	}
	if err := s.begin(ctx, key, a.Text); err != nil {
		s.note("session from %v: %v", a.Origin, err)
		// Remembered without a receiver, so that it is said once.
		s.sessions[key] = &session{text: a.Text, stop: func() {}}
	}
}

func (s *speaker) begin(ctx context.Context, key sessionKey, text []byte) error {
	described, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	subscription, err := lab.Subscribe(described)
	if err != nil {
		return err
	}
	receiver, err := lab.NewReceiver(lab.ReceiverConfig{Interface: s.iface, Subscription: subscription, Clock: s.clock}) //nolint:contextcheck // opening a socket does not wait
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	n := &session{
		text: text, name: described.Name, channels: described.Channels,
		receiver: receiver, stop: stop, ended: make(chan struct{}),
	}
	go func() {
		defer close(n.ended)
		if err := receiver.Run(ctx); err != nil {
			s.mu.Lock()
			s.note("%v", err)
			s.mu.Unlock()
		}
	}()
	s.sessions[key] = n
	s.note("session %q on %v port %d: begun", described.Name, described.Group, described.Port)
	return nil
}

// end leaves a session; s.mu is held.
func (s *speaker) end(key sessionKey, old *session, why string) {
	old.stop()
	delete(s.sessions, key)
	if old.receiver != nil {
		s.note("session %q: %s", old.name, why)
	}
}

func (s *speaker) endAll() {
	s.mu.Lock()
	sessions := s.sessions
	s.sessions = map[sessionKey]*session{}
	s.mu.Unlock()
	for _, n := range sessions {
		n.stop()
		if n.ended != nil {
			<-n.ended
		}
	}
}

func (s *speaker) note(format string, a ...any) {
	if len(s.notes) < 2*mostSessions {
		s.notes = append(s.notes, fmt.Sprintf(format, a...))
	}
}

// show prints a line for each channel, once a second.
func (s *speaker) show(ctx context.Context) error {
	fmt.Printf("speaker on %s: waiting for announcements on %v port %d\n", s.iface.Name, lab.SAPGroup(), lab.SAPPort)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
			if _, err := os.Stdout.WriteString(s.picture()); err != nil {
				return err
			}
		}
	}
}

// picture returns what is to be printed now.
func (s *speaker) picture() string {
	s.mu.Lock()
	notes := s.notes
	s.notes = nil
	width := 0
	if s.redraw {
		width = terminalWidth(os.Stdout)
	}
	lines := make([]string, 0, 2*len(s.sessions))
	for _, n := range s.sessions {
		lines = append(lines, n.lines(width)...)
	}
	s.mu.Unlock()
	slices.Sort(lines)

	var b strings.Builder
	if s.redraw && s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.drawn) // up, and clear to the end (ECMA-48)
	}
	for _, note := range notes {
		b.WriteString(note + "\n")
	}
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	s.drawn = len(lines)
	return b.String()
}

// lines describes each channel of a session, on a terminal of the given width;
// 0: as wide as need be.
func (n *session) lines(width int) []string {
	if n.receiver == nil {
		return nil
	}
	report := n.receiver.Report(time.Second)
	offset := "-"
	if d, ok := n.receiver.Offset(); ok {
		offset = fmt.Sprintf("%+.0f µs", float64(d)/1e3)
	}
	levels := n.receiver.TakeLevels()
	lines := make([]string, 0, len(levels))
	for c, level := range levels {
		name := n.name
		if n.channels > 1 {
			name = fmt.Sprintf("%s [%d]", name, c+1)
		}
		rest := fmt.Sprintf("  packets %7d  lost %d  %s  clock %s", report.Packets, report.Lost, meter(level.PeakDBFS), offset)
		cells := nameCells
		if width > 0 {
			cells = max(leastName, min(cells, width-1-utf8.RuneCountInString(rest)))
		}
		lines = append(lines, fitted(name, cells)+rest)
	}
	return lines
}

// fitted makes text exactly so many characters wide.
func fitted(text string, cells int) string {
	runes := []rune(text)
	if len(runes) > cells {
		runes = append(runes[:cells-1], '…')
	}
	return string(runes) + strings.Repeat(" ", cells-len(runes))
}

// meter draws a level as a bar and a number.
func meter(dbfs float64) string {
	filled := int((dbfs - barFloor) / -barFloor * barCells)
	filled = max(0, min(barCells, filled))
	number := "    silence"
	if dbfs > -200 {
		number = fmt.Sprintf("%6.1f dBFS", dbfs)
	}
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", barCells-filled) + "] " + number
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// terminalWidth returns 0 if it is not known.
func terminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
