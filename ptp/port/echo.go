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
//	heard ──two of three do not come back──▶ deaf ──both come back──▶ heard
type echo struct {
	sent     [echoBytes]byte // the latest; none if its sequence is 0
	sequence uint16
	on       int     // the interface that it was sent on
	back     [2]bool // to the event and the general port
	missed   int     // in a row
	due      aes67.RawTime
}

const (
	// echoBytes is a Signaling message for all clocks, without TLVs (IEEE 1588-2008,
	// 13.12): other PTP programs on this computer pass over it.
	echoBytes = 44
	// echoTries that do not come back are no accident. One is sent each echoSoon until
	// one came back, then each echoSeldom: a firewall may be switched on later.
	echoTries            = 3
	echoSoon, echoSeldom = time.Second, time.Minute
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

// others notes that somebody else is heard by the group: nothing is in the way.
func (e *echo) others(now aes67.RawTime) { e.missed, e.on, e.due = 0, 0, now.Add(echoSeldom) }

// restart begins anew on an interface.
func (e *echo) restart() { *e = echo{sequence: e.sequence} }

// next judges the latest message and makes the one to be sent now, on an interface.
func (e *echo) next(now aes67.RawTime, from wire.PortIdentity, ifindex int) []byte {
	switch {
	case e.on == 0:
	case e.back == [2]bool{true, true}:
		e.missed = 0
	default:
		e.missed = min(e.missed+1, echoTries)
	}
	if e.sequence++; e.sequence == 0 {
		e.sequence = 1
	}
	e.sent, e.on, e.back, e.due = echoMessage(from, e.sequence), ifindex, [2]bool{}, now.Add(echoSoon)
	return e.sent[:]
}

// took reports whether a message is ours, and takes it. What comes back at once
// needs no other for long.
func (e *echo) took(d *Datagram, now aes67.RawTime) bool {
	if e.on == 0 || !bytes.Equal(d.Bytes, e.sent[:]) {
		return false
	}
	i := 0
	if !d.Event {
		i = 1
	}
	if e.back[i] = true; e.back[1-i] {
		e.missed, e.due = 0, now.Add(echoSeldom)
	}
	return true
}

// listen looks whether the group is heard on the interface in use, and listens anew
// when it is heard again.
func (l *loop) listen(now aes67.RawTime) {
	was := l.deafened
	if l.used != 0 && now >= l.echo.due {
		if err := l.ports.Echo(l.echo.next(now, l.self, l.used), l.used); err != nil {
			l.failures.note(err)
			l.echo.restart() // nothing can come back
			l.echo.due = now.Add(echoSoon)
		}
	}
	if l.deafened = l.used != 0 && l.echo.deaf(); was && !l.deafened && l.used != 0 {
		l.start(now) // whoever was not heard before has its time to speak
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
		err = errors.Join(err, unix.Sendto(fd, b, unix.MSG_DONTWAIT, &unix.SockaddrInet4{Port: p.to[i].Port, Addr: group}))
	}
	if err != nil {
		return fmt.Errorf("ptp: echo on interface %d: %w", ifindex, err)
	}
	return nil
}
