package rtpsend

// Hot: write runs once a packet time.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

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
	conn  *net.UDPConn
	batch *ipv4.PacketConn
}

func openSocket(cfg *Config) (*socket, error) {
	conn, err := bindSource(cfg.Source)
	if err != nil {
		return nil, fmt.Errorf("rtpsend: source address %v: %w", cfg.Source, err)
	}
	s := &socket{conn: conn, batch: ipv4.NewPacketConn(conn)}
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
	ttl := int(cfg.Streams[0].TTL)
	for _, o := range []option{
		{"interface", cfg.Interface.Name, s.batch.SetMulticastInterface(&cfg.Interface)},
		{"ttl", ttl, s.batch.SetMulticastTTL(ttl)},
		{"multicast loop", cfg.Loop, s.batch.SetMulticastLoopback(cfg.Loop)},
		{"dscp", cfg.DSCP, s.batch.SetTOS(cfg.DSCP << 2)},
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

// write hands messages to the kernel without waiting. Each message it refuses
// is counted as dropped; the rest go out. It returns the last refusal.
func (s *socket) write(messages []ipv4.Message, streams []streamCounters) (refused syscall.Errno) {
	for at := 0; at < len(messages); {
		n, err := s.batch.WriteBatch(messages[at:], unix.MSG_DONTWAIT)
		for range max(0, n) {
			streams[at].packets.Add(1)
			at++
		}
		if err != nil && at < len(messages) {
			refused = errnoOf(err)
			streams[at].dropped.Add(1)
			at++
		} else if n < 1 {
			return refused // cannot be: neither progress nor error
		}
	}
	return refused
}

// errnoOf finds the kernel's answer without allocating, as errors.As would.
func errnoOf(err error) syscall.Errno {
	for range 4 {
		switch e := err.(type) { //nolint:errorlint // hot: unwraps by hand
		case syscall.Errno:
			return e
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		default:
			return syscall.EIO
		}
	}
	return syscall.EIO
}

func (s *socket) close() error { return s.conn.Close() }

// address is the form in which x/net takes a stream's destination.
func address(stream *aes67.Stream) *net.UDPAddr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(stream.Group, stream.Port))
}
