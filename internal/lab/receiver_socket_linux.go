package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// joinGroup opens a socket that hears one group on one interface, or what is sent to one
// of this host's addresses, whatever
// else on this host hears it too, with the kernel's arrival times.
func joinGroup(iface net.Interface, group netip.Addr, port uint16) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return onFD(raw, func(fd int) error {
			return errors.Join(
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1),
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTOS, 1),
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1),
				unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING,
					unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE),
			)
		})
	}}
	packetConn, err := lc.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(group, port).String())
	if err != nil {
		return nil, err
	}
	conn := packetConn.(*net.UDPConn)
	// A second of packets, so that a busy machine loses none here. Forcing it
	// needs a privilege and may fail.
	const queue = 8 << 20
	if raw, err := conn.SyscallConn(); err == nil {
		if onFD(raw, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queue) }) != nil {
			_ = conn.SetReadBuffer(queue)
		}
	}
	if !group.IsMulticast() {
		return conn, nil
	}
	if err := ipv4.NewPacketConn(conn).JoinGroup(&iface, &net.UDPAddr{IP: group.AsSlice()}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func onFD(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	return errors.Join(raw.Control(func(fd uintptr) { err = f(int(fd)) }), err)
}

// reader reads datagrams with their control messages.
type reader struct {
	conn     *net.UDPConn
	buffer   []byte
	control  []byte
	clocks   clockPair
	overflow uint32
}

func newReader(conn *net.UDPConn) *reader {
	return &reader{conn: conn, buffer: make([]byte, 65536), control: make([]byte, 512)}
}

// next blocks for one datagram; it is valid until the next call.
func (r *reader) next() (arrival, error) {
	n, controls, _, _, err := r.conn.ReadMsgUDPAddrPort(r.buffer, r.control)
	if err != nil {
		return arrival{}, err
	}
	now := rtthread.Now()
	a := arrival{datagram: r.buffer[:n], at: now, ttl: -1, tos: -1}
	for b := r.control[:controls]; len(b) >= unix.SizeofCmsghdr; {
		size := int(binary.NativeEndian.Uint64(b))
		if size < unix.SizeofCmsghdr || size > len(b) {
			break
		}
		level, kind := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		data := b[unix.SizeofCmsghdr:size]
		switch {
		case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(data) >= 4:
			a.ttl = int(binary.NativeEndian.Uint32(data))
		case level == unix.IPPROTO_IP && kind == unix.IP_TOS && len(data) >= 1:
			a.tos = int(data[0])
		case level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL && len(data) >= 4:
			r.overflow = binary.NativeEndian.Uint32(data)
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPING && len(data) >= 16:
			real := time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))).UnixNano()
			a.at = r.clocks.mono(real, now)
		}
		b = b[min(len(b), unix.CmsgSpace(size-unix.SizeofCmsghdr)):]
	}
	a.raw, a.overflow = r.clocks.raw(a.at), r.overflow
	return a, nil
}

// clockPair turns the kernel's timestamps, which are CLOCK_REALTIME, into
// CLOCK_MONOTONIC, and that into CLOCK_MONOTONIC_RAW, by reading the clocks together.
type clockPair struct {
	ahead    int64 // CLOCK_REALTIME less CLOCK_MONOTONIC
	rawAhead int64 // CLOCK_MONOTONIC_RAW less CLOCK_MONOTONIC
	read     aes67.MonoTime
	before   struct { // of the reading before
		rawAhead int64
		read     aes67.MonoTime
	}
}

const (
	// clockPairAge is how long behind it a reading serves: 50 ppm between the oscillator
	// and CLOCK_MONOTONIC are a quarter of a microsecond then. What came before it has the
	// reading before that, however long it waited.
	clockPairAge = 5 * time.Millisecond
	// mostDelayed is the longest that a datagram may have waited in the queue.
	mostDelayed = 2 * time.Second
)

func (c *clockPair) mono(real int64, now aes67.MonoTime) aes67.MonoTime {
	at := aes67.MonoTime(real - c.ahead)
	if c.read == 0 || at.Sub(c.read) > clockPairAge || at > now || now.Sub(at) > mostDelayed {
		c.refresh()
		at = aes67.MonoTime(real - c.ahead)
	}
	return min(at, now)
}

// raw is for an instant of a moment ago: between the latest two readings the clocks drift
// apart evenly, and a datagram may have waited long for the second.
func (c *clockPair) raw(at aes67.MonoTime) aes67.RawTime {
	if c.read == 0 {
		c.refresh()
	}
	ahead := c.rawAhead
	if at < c.read && c.before.read != 0 {
		since := c.read.Sub(max(at, c.before.read))
		ahead -= int64(float64(c.rawAhead-c.before.rawAhead) * float64(since) / float64(c.read.Sub(c.before.read)))
	}
	return aes67.RawTime(int64(at) + ahead)
}

// refresh reads the others between two readings of CLOCK_MONOTONIC and keeps the
// narrowest of a few.
func (c *clockPair) refresh() {
	c.before.rawAhead, c.before.read = c.rawAhead, c.read
	narrowest := time.Duration(1 << 62)
	for range 5 {
		var ts unix.Timespec
		before := rtthread.Now()
		_ = unix.ClockGettime(unix.CLOCK_REALTIME, &ts) // cannot fail
		raw := rtthread.Raw()
		after := rtthread.Now()
		if width := after.Sub(before); width < narrowest {
			narrowest = width
			middle := int64(before + (after-before)/2)
			c.ahead, c.rawAhead = ts.Nano()-middle, int64(raw)-middle
			c.read = after
		}
	}
}
