package sap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/mcast"
	"aes67-sink/internal/text"
)

// Port is where SAP is spoken (RFC 2974, 3).
const Port = 9875

// groups are listened to. The first is where AES67 devices announce, and we
// too: the administratively scoped address of the local scope (RFC 2974, 3).
// The second is PipeWire's where nothing else is set, the third that of the
// global scope, which senders of a wider network use.
var groups = [...]netip.Addr{
	netip.AddrFrom4([4]byte{239, 255, 255, 255}),
	netip.AddrFrom4([4]byte{224, 0, 0, 56}),
	netip.AddrFrom4([4]byte{224, 2, 127, 254}),
}

// sockets are two: the one that receives is bound to SAP's port, which it
// shares; the one that sends has a port of its own, so that announcements
// leave even through a firewall that knows only connections begun here.
type sockets struct {
	in     *mcast.Conn
	out    *net.UDPConn
	deaf   error         // why there is no in; nil: there is
	closed chan struct{} // for those that wait for what never comes
	via    route         // what out is set to
}

// ttl is that of every message: how far it goes is a matter of the group's scope
// (RFC 2974, 3).
const ttl = 255

func openSockets() (wire, error) {
	in, deaf := mcast.Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), Port), groups[:]...)
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return onDescriptor(c, func(fd int) error {
			return errors.Join(
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, 0), // best effort (AES67-2018, 6.2)
				// A receiver on this machine may want to see the sessions.
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1),
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, ttl),
			)
		})
	}}
	out, err := lc.ListenPacket(context.Background(), "udp4", "")
	if err != nil {
		if deaf == nil {
			_ = in.Close()
		}
		return nil, fmt.Errorf("sap: a port to send from: %w", text.Cause(err))
	}
	return &sockets{in: in, out: out.(*net.UDPConn), deaf: deaf, closed: make(chan struct{})}, nil
}

func (s *sockets) hears() error { return s.deaf }

func (s *sockets) join(index int) error {
	if s.deaf != nil {
		return nil // told already
	}
	return s.in.Join(index)
}

func (s *sockets) leave(index int) error {
	if s.deaf != nil {
		return nil
	}
	return s.in.Leave(index)
}

// receive returns the next message that was sent to one of the groups, where
// it came in and from whom.
func (s *sockets) receive(b []byte) (int, netip.Addr, int, error) {
	if s.deaf != nil {
		<-s.closed
		return 0, netip.Addr{}, 0, net.ErrClosed
	}
	return s.in.Receive(b)
}

// send sends a message to the AES67 group.
func (s *sockets) send(via route, b []byte) error {
	if via != s.via {
		mreq := &unix.IPMreqn{Address: via.addr.As4(), Ifindex: int32(via.index)}
		raw, err := s.out.SyscallConn()
		if err == nil {
			err = onDescriptor(raw, func(fd int) error {
				return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, mreq)
			})
		}
		if err != nil {
			s.via = route{}
			return fmt.Errorf("sap: interface %d: %w", via.index, err)
		}
		s.via = via
	}
	// A queue that does not empty must not hold up the service.
	_ = s.out.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := s.out.WriteToUDPAddrPort(b, netip.AddrPortFrom(groups[0], Port)); err != nil {
		s.via = route{} // the interface may have been made anew
		return err
	}
	return nil
}

func (s *sockets) Close() error {
	close(s.closed)
	err := s.out.Close()
	if s.deaf == nil {
		err = errors.Join(err, s.in.Close())
	}
	return err
}

func onDescriptor(raw syscall.RawConn, set func(fd int) error) error {
	var why error
	err := raw.Control(func(fd uintptr) { why = set(int(fd)) })
	return errors.Join(err, why)
}
