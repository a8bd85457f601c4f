package rtpsend

// Hot: write runs once a packet time.

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

const (
	// sourcePort is used if it is free, as hardware senders do; receivers do
	// not ask for it.
	sourcePort = 5004
	// priority of the packets in the host's queues: the highest that needs no
	// privilege (socket(7), SO_PRIORITY).
	priority = 6
)

// socket sends every stream of a sender.
type socket struct {
	conn *net.UDPConn
	fd   uintptr // of conn, valid until that is closed
}

func openSocket(cfg *Config) (*socket, error) {
	conn, err := bindSource(cfg.Source)
	if err != nil {
		return nil, fmt.Errorf("rtpsend: source address %v: %w", cfg.Source, err)
	}
	s := &socket{conn: conn}
	if err := s.configure(cfg); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

func bindSource(source netip.Addr) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		// A receiver on this host may want port 5004 too; without this option
		// here its own would not help it.
		return control(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		})
	}}
	var firstErr error
	for _, port := range []uint16{sourcePort, 0} {
		conn, err := lc.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(source, port).String())
		if err == nil {
			return conn.(*net.UDPConn), nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	return nil, firstErr
}

func (s *socket) configure(cfg *Config) error {
	type option struct {
		what  string
		value any
		err   error
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("rtpsend: socket: %w", err)
	}
	if err := raw.Control(func(fd uintptr) { s.fd = fd }); err != nil {
		return fmt.Errorf("rtpsend: socket: %w", err)
	}
	packets, ttl := ipv4.NewPacketConn(s.conn), int(cfg.Streams[0].TTL)
	for _, o := range []option{
		{"interface", cfg.Interface.Name, packets.SetMulticastInterface(&cfg.Interface)},
		{"ttl", ttl, packets.SetMulticastTTL(ttl)},
		{"multicast loop", cfg.Loop, packets.SetMulticastLoopback(cfg.Loop)},
		{"dscp", cfg.DSCP, packets.SetTOS(cfg.DSCP << 2)},
		// After the TOS, which resets it: AF41 would go to the lowest band.
		{"priority", priority, control(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priority)
		})},
		// DF: a packet is never cut in two (AES67-2018, 6.3).
		{"path mtu discovery", unix.IP_PMTUDISC_DO, control(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
		})},
	} {
		if o.err != nil {
			return fmt.Errorf("rtpsend: %s %v: %w", o.what, o.value, o.err)
		}
	}
	return nil
}

func control(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	if controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) }); controlErr != nil {
		return controlErr
	}
	return err
}

// message is struct mmsghdr of sendmmsg(2): one packet and where it goes.
type message struct {
	header unix.Msghdr
	sent   uint32 // bytes, set by the kernel
}

// newMessage makes a message that sends packet to a stream's group each time.
func newMessage(packet []byte, stream *aes67.Stream) message {
	to := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: stream.Group.As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&to.Port))[:], stream.Port)
	m := message{header: unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(to)), Namelen: unix.SizeofSockaddrInet4,
		Iov: &unix.Iovec{Base: unsafe.SliceData(packet)},
	}}
	m.header.Iov.SetLen(len(packet))
	m.header.SetIovlen(1)
	return m
}

// write hands messages to the kernel without waiting. Each message it refuses
// is counted as dropped; the rest go out. It returns the last refusal.
//
// The call is a raw one: it never blocks, so the scheduler need not know of it,
// and cannot take the processor away between the pull and the send.
func (s *socket) write(messages []message, streams []streamCounters) (refused syscall.Errno) {
	for at := 0; at < len(messages); {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, s.fd,
			uintptr(unsafe.Pointer(&messages[at])), uintptr(len(messages)-at), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR: // a signal of the runtime's; nothing was sent
		case errno != 0:
			refused = errno
			streams[at].dropped.Add(1)
			at++
		case n == 0:
			return refused // cannot be: neither progress nor error
		default:
			for range n {
				streams[at].packets.Add(1)
				at++
			}
		}
	}
	return refused
}

func (s *socket) close() error { return s.conn.Close() }
