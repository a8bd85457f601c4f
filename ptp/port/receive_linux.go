package port

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// Receiving, in order:
//
//  1. Wait sleeps in ppoll until a datagram, a transmit timestamp, Wake or the
//     deadline.
//  2. The kernel's clocks are compared, so that timestamps can be mapped.
//  3. Transmit timestamps are read from the error queue of the event socket.
//  4. Datagrams are read from both sockets in turn, until none is left, and handed over
//     with their kernel receive timestamp: after a standstill of ours a master is not to be
//     declared gone whose Announce still waits.
//
// Nothing here allocates for a datagram.

// Datagram is one received message.
type Datagram struct {
	Bytes     []byte // valid until the handler returns
	Event     bool   // came to the event port
	Interface int    // index of the interface it came in by
	Group     bool   // sent to the PTP group, not to us alone
	From      netip.Addr
	At        aes67.RawTime // kernel receive timestamp; event port only
}

// Handler takes what Wait finds.
type Handler interface {
	Datagram(d *Datagram)
	// Transmitted tells when an event message left.
	Transmitted(kind wire.Kind, sequence uint16, at aes67.RawTime)
}

const (
	// batch is how many datagrams of one socket are read before the others get
	// their turn.
	batch = 64
	// turns is how often each socket has its turn in one Wait: a flood does not keep the
	// engine from its work, and what came while we stood still for long is read whole, some
	// 40 messages a second beside a dozen followers that are answered by multicast.
	turns = 16
	// maxDatagram holds everything an Ethernet frame can; longer ones are cut
	// and then refused for their length.
	maxDatagram = 1536
	// oldest is how old a kernel timestamp may be when it is read. A date that
	// was set in between makes it look older, or in the future.
	oldest = 2 * time.Second
	// soonest is how far in the future it may be: datagrams may arrive after
	// the look at the clocks.
	soonest = 100 * time.Millisecond
)

// receiver is the memory of recvmsg.
type receiver struct {
	buf     [maxDatagram]byte
	control [256]byte
	name    unix.RawSockaddrInet4
	iov     unix.Iovec
	msg     unix.Msghdr
	polled  [3]unix.PollFd
	d       Datagram
}

func (r *receiver) init() {
	r.iov.Base = &r.buf[0]
	r.msg.Iov = &r.iov
	r.msg.Iovlen = 1
}

// Wait handles what has arrived, or sleeps until something does, Wake is
// called, or the deadline passes.
func (p *Sockets) Wait(now, deadline aes67.RawTime, h Handler) error {
	r := &p.rx
	r.polled = [3]unix.PollFd{
		{Fd: int32(p.event), Events: unix.POLLIN},
		{Fd: int32(p.general), Events: unix.POLLIN},
		{Fd: int32(p.wake), Events: unix.POLLIN},
	}
	timeout := unix.NsecToTimespec(int64(max(deadline.Sub(now), 0)))
	n, err := unix.Ppoll(r.polled[:], &timeout, nil)
	if errors.Is(err, unix.EINTR) || n == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ptp: ppoll: %w", err)
	}
	if r.polled[2].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(p.wake, count[:]) // empties the eventfd
	}
	// A date that was set makes every timestamp from before ambiguous: this
	// round's are thrown away.
	if p.look() {
		return nil // the engine must know first
	}
	stepped := p.stepped
	p.stepped = false
	p.chooseStamps()
	p.card.look(p.base.raw())
	if r.polled[0].Revents&unix.POLLERR != 0 {
		p.readSent(h, stepped)
	}
	event, general := r.polled[0].Revents != 0, r.polled[1].Revents != 0
	for n := 0; n < turns && (event || general); n++ {
		event = event && p.readDatagrams(p.event, h, stepped)
		general = general && p.readDatagrams(p.general, h, stepped)
	}
	return nil
}

// recvmsg reads one datagram, or one report of the error queue.
func (r *receiver) recvmsg(fd, flags int) (n int, err error) {
	r.iov.SetLen(len(r.buf))
	r.msg.Name = (*byte)(unsafe.Pointer(&r.name))
	r.msg.Namelen = unix.SizeofSockaddrInet4
	r.msg.Control = &r.control[0]
	r.msg.SetControllen(len(r.control))
	for {
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.msg)), uintptr(flags|unix.MSG_DONTWAIT))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// readSent reads the transmit timestamps.
func (p *Sockets) readSent(h Handler, stepped bool) {
	r := &p.rx
	for range batch {
		if _, err := r.recvmsg(p.event, unix.MSG_ERRQUEUE); err != nil {
			return
		}
		c := parseControl(r.control[:r.msg.Controllen])
		sent := &p.sent[c.id%sentHistory]
		if !c.hasID || !c.hasTime || !sent.waiting || sent.id != c.id {
			continue
		}
		sent.waiting = false
		p.card.awaited = 0
		if p.card.on && c.hardware == 0 { // the kernel's own stands for the card's
			p.card.miss(outward)
		}
		if at, ok := p.instant(&c, stepped, outward); ok {
			h.Transmitted(sent.kind, sent.sequence, at)
		}
	}
}

// readDatagrams reads one batch, and reports whether there may be more.
func (p *Sockets) readDatagrams(fd int, h Handler, stepped bool) (more bool) {
	r := &p.rx
	for range batch {
		n, err := r.recvmsg(fd, 0)
		if errors.Is(err, unix.EAGAIN) {
			return false
		}
		if err != nil {
			continue // of the past: reading has cleared it
		}
		c := parseControl(r.control[:r.msg.Controllen])
		r.d = Datagram{
			Bytes: r.buf[:n], Event: fd == p.event, Interface: c.ifindex,
			Group: c.to == group.As4(), From: netip.AddrFrom4(r.name.Addr),
		}
		if r.d.Event {
			var ok bool
			if r.d.At, ok = p.instant(&c, stepped, inward); !ok && wire.KindOf(r.d.Bytes).Event() {
				if p.card.on && c.hardware == 0 && c.ifindex == p.using() && stampable(r.d.Bytes) {
					p.card.miss(inward)
				}
				continue // a Sync without a true timestamp is as good as lost
			}
		}
		h.Datagram(&r.d)
	}
	return true
}

// instant returns when an event message passed, by the card's clock if that is
// used.
func (p *Sockets) instant(c *control, stepped bool, d direction) (at aes67.RawTime, ok bool) {
	if p.card.on {
		if c.hardware == 0 {
			return 0, false
		}
		if !p.card.line.known {
			return 0, false // its clock was set
		}
		at = p.card.line.At(c.hardware)
		ok = p.plausible(at)
		if d == outward || c.ifindex == p.using() { // another card stamps by another clock
			p.card.judge(ok, d)
		}
		return at, ok
	}
	at = p.base.Raw(p.clock.mono(c.realtime))
	return at, !stepped && c.realtime != 0 && p.plausible(at)
}

// plausible reports whether a timestamp is of about now.
func (p *Sockets) plausible(at aes67.RawTime) bool {
	age := p.base.raw().Sub(at)
	return age <= oldest && age >= -soonest
}

// control is what the control messages of one recvmsg say.
type control struct {
	realtime int64 // ns, CLOCK_REALTIME; 0: none
	hardware int64 // ns, of the card's clock; 0: none
	hasTime  bool  // either
	ifindex  int
	to       [4]byte // the address that it was sent to
	id       uint32  // OPT_ID
	hasID    bool
}

// soEEOriginTimestamping is SO_EE_ORIGIN_TIMESTAMPING (linux/errqueue.h).
const soEEOriginTimestamping = 4

// parseControl walks the control messages (cmsg(3)).
func parseControl(b []byte) (c control) {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		length := int(h.Len)
		if length < unix.SizeofCmsghdr || length > len(b) {
			return c
		}
		data := b[unix.CmsgLen(0):max(length, unix.CmsgLen(0))]
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPING && len(data) >= int(unsafe.Sizeof(unix.ScmTimestamping{})):
			// Of the three the first is a software timestamp, the last the card's.
			ts := (*unix.ScmTimestamping)(unsafe.Pointer(&data[0]))
			c.realtime, c.hardware = ts.Ts[0].Nano(), ts.Ts[2].Nano()
			c.hasTime = c.realtime != 0 || c.hardware != 0
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
			c.ifindex, c.to = int(info.Ifindex), info.Addr
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR && len(data) >= int(unsafe.Sizeof(unix.SockExtendedErr{})):
			e := (*unix.SockExtendedErr)(unsafe.Pointer(&data[0]))
			c.id, c.hasID = e.Data, e.Origin == soEEOriginTimestamping
		}
		b = b[min(unix.CmsgSpace(length-unix.CmsgLen(0)), len(b)):]
	}
	return c
}
