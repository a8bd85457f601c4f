package port

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// echo finds out whether something on this computer keeps the group's messages from
// our ports, without any privilege: what is sent to a group with no hop to live stays
// on this computer, and comes back by the same interface, through the firewall, as
// from the network.
//
//	          both ports have it, or others are heard
//	unknown ─────────────────────────────────────────▶ heard ◀──────────────┐
//	   │                                                 │                  │ the same
//	   └── three in a row did not come back ─▶ deaf ◀────┘ the same ────────┘
type echo struct {
	sent     [echoBytes]byte // the latest
	sequence uint16
	awaited  bool    // it may come back yet
	back     [2]bool // to the event and the general port
	missed   int     // in a row
	heard    bool    // at least once; false: unknown, or deaf
	due      aes67.RawTime
}

const (
	// echoBytes is a Signaling message for all clocks, without TLVs (IEEE 1588-2008,
	// 13.12): other PTP programs on this computer pass over it.
	echoBytes = 44
	// echoTries that do not come back are no accident.
	echoTries = 3
	// One is sent each echoAgain as long as there is doubt, each echoDeaf to a deaf
	// port, after echoQuiet without a word of others, and each echoSeldom where nobody
	// else is: a firewall may be switched on later. The doubt ends before an Announce
	// timeout of 6 s does.
	echoAgain, echoDeaf   = 200 * time.Millisecond, time.Second
	echoQuiet, echoSeldom = 2 * time.Second, time.Minute
)

// echoMessage is the message by its number. No clock is in its domain.
func echoMessage(from wire.PortIdentity, sequence uint16) (b [echoBytes]byte) {
	const signaling, version, noDomain, control, noInterval = 0xC, 2, 255, 5, 0x7F
	b[0], b[1], b[3], b[4], b[32], b[33] = signaling, version, echoBytes, noDomain, control, noInterval
	copy(b[20:28], from.Clock[:])
	binary.BigEndian.PutUint16(b[28:30], from.Port)
	binary.BigEndian.PutUint16(b[30:32], sequence)
	copy(b[34:44], bytes.Repeat([]byte{0xFF}, 10)) // targetPortIdentity: all
	return b
}

// deaf reports whether the group is not heard.
func (e *echo) deaf() bool { return e.missed >= echoTries }

// restart begins anew on an interface.
func (e *echo) restart() { *e = echo{sequence: e.sequence} }

// next judges the latest message and makes the one to be sent now.
func (e *echo) next(now aes67.RawTime, from wire.PortIdentity) []byte {
	if e.awaited {
		if e.missed = min(e.missed+1, echoTries); e.deaf() {
			e.heard = false
		}
	}
	e.sequence++
	e.sent, e.awaited, e.back = echoMessage(from, e.sequence), true, [2]bool{}
	if e.due = now.Add(echoAgain); e.deaf() {
		e.due = now.Add(echoDeaf)
	}
	return e.sent[:]
}

// unsent notes that the latest message could not be sent: of that one nothing follows.
func (e *echo) unsent(now aes67.RawTime) { e.awaited, e.due = false, now.Add(echoDeaf) }

// took reports whether a message is ours, and takes it.
func (e *echo) took(d *Datagram, now aes67.RawTime) bool {
	if !bytes.Equal(d.Bytes, e.sent[:]) {
		return false
	}
	i := 0
	if !d.Event {
		i = 1
	}
	if e.back[i] = true; e.back[1-i] {
		e.awaited, e.missed, e.heard, e.due = false, 0, true, now.Add(echoSeldom)
	}
	return true
}

// others notes that somebody else is heard by the group: nothing is in the way.
func (e *echo) others(now aes67.RawTime) {
	e.awaited, e.missed, e.heard, e.due = false, 0, true, now.Add(echoQuiet)
}

// listen looks whether the group is heard on the interface in use. Only then does the
// engine begin with what was heard before, for it might serve at once; when the group
// is heard again it listens anew.
func (l *loop) listen(now aes67.RawTime) {
	if l.used == 0 {
		return
	}
	if now >= l.echo.due {
		if err := l.echoes(l.echo.next(now, l.self), l.used); err != nil {
			l.failures.note(err)
			l.echo.unsent(now)
			l.begin(l.since) // nothing can be known of it
		}
	}
	switch deaf := l.echo.deaf(); {
	case deaf:
		l.begin(now)
	case l.deaf: // it was until now: whoever was not heard has its time to speak
		l.waits = true
		l.begin(now)
	case l.echo.heard:
		l.begin(l.since)
	}
	l.deaf = l.echo.deaf()
}

// begin starts an engine that waits for its interface to be judged.
func (l *loop) begin(listenedSince aes67.RawTime) {
	if l.waits {
		l.waits = false
		l.start(listenedSince)
	}
}

// Echo sends b to both ports of the group, from a socket of its own so that a
// firewall knows no connection that it belongs to. It does not leave this computer.
func (p *Sockets) Echo(b []byte, ifindex int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("ptp: echo: socket: %w", err)
	}
	defer unix.Close(fd)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1),
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(ifindex)}),
	)
	for i := range p.to {
		err = errors.Join(err, unix.Sendto(fd, b, unix.MSG_DONTWAIT, &unix.SockaddrInet4{Port: p.to[i].Port, Addr: group.As4()}))
	}
	if err != nil {
		return fmt.Errorf("ptp: echo on interface %d: %w", ifindex, err)
	}
	return nil
}
