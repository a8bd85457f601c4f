package sap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
	in, out *net.UDPConn
	deaf    error         // why there is no in; nil: there is
	closed  chan struct{} // for those that wait for what never comes
	oob     []byte
	via     route // what out is set to
}

// ttl is that of every message: how far it goes is a matter of the group's scope
// (RFC 2974, 3).
const ttl = 255

func openSockets() (wire, error) {
	in, err := bind(net.IPv4zero.String(), Port, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			// Only what this socket joined: others on this machine join more.
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1),
		)
	})
	deaf := err
	out, err := bind(net.IPv4zero.String(), 0, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, 0), // best effort (AES67-2018, 6.2)
			// A receiver on this machine may want to see the sessions.
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, ttl),
		)
	})
	if err != nil {
		if deaf == nil {
			_ = in.Close()
		}
		return nil, err
	}
	return &sockets{in: in, out: out, deaf: deaf, closed: make(chan struct{}), oob: make([]byte, 128)}, nil
}

func (s *sockets) hears() error { return s.deaf }

// bind makes a UDP socket; options are set before it is bound.
func bind(address string, port int, options func(fd int) error) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = options(int(fd)) })
		return errors.Join(err, set)
	}}
	conn, err := lc.ListenPacket(context.Background(), "udp4", fmt.Sprintf("%s:%d", address, port))
	if err != nil {
		return nil, fmt.Errorf("UDP port %d: %w", port, text.Cause(err))
	}
	return conn.(*net.UDPConn), nil
}

// join joins the groups on an interface. Only the first must succeed: the
// number of memberships of a socket is limited.
func (s *sockets) join(index int) error {
	if s.deaf != nil {
		return nil // told already
	}
	for i, g := range groups {
		err := s.membership(unix.IP_ADD_MEMBERSHIP, index, g)
		if i == 0 && err != nil && !errors.Is(err, unix.EADDRINUSE) {
			return fmt.Errorf("sap: joining %v on interface %d: %w", g, index, err)
		}
	}
	return nil
}

func (s *sockets) leave(index int) error {
	if s.deaf != nil {
		return nil
	}
	var err error
	for _, g := range groups {
		err = errors.Join(err, s.membership(unix.IP_DROP_MEMBERSHIP, index, g))
	}
	return err
}

func (s *sockets) membership(option, index int, g netip.Addr) error {
	mreq := &unix.IPMreqn{Multiaddr: g.As4(), Ifindex: int32(index)}
	return control(s.in, func(fd int) error { return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, option, mreq) })
}

// receive returns the next message that was sent to one of the groups, where
// it came in and from whom.
func (s *sockets) receive(b []byte) (int, netip.Addr, int, error) {
	if s.deaf != nil {
		<-s.closed
		return 0, netip.Addr{}, 0, net.ErrClosed
	}
	for {
		n, oobn, _, from, err := s.in.ReadMsgUDPAddrPort(b, s.oob)
		if err != nil {
			return 0, netip.Addr{}, 0, err
		}
		if index, to, ok := packetInfo(s.oob[:oobn]); ok && slices.Contains(groups[:], to) {
			return n, from.Addr().Unmap(), index, nil
		}
	}
}

// packetInfo reads IP_PKTINFO (ip(7)).
func packetInfo(oob []byte) (index int, to netip.Addr, ok bool) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, netip.Addr{}, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo {
			return int(int32(binary.NativeEndian.Uint32(m.Data))), netip.AddrFrom4([4]byte(m.Data[8:12])), true
		}
	}
	return 0, netip.Addr{}, false
}

// send sends a message to the AES67 group.
func (s *sockets) send(via route, b []byte) error {
	if via != s.via {
		mreq := &unix.IPMreqn{Address: via.addr.As4(), Ifindex: int32(via.index)}
		err := control(s.out, func(fd int) error {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, mreq)
		})
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

func control(conn *net.UDPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = f(int(fd)) }); err != nil {
		return err
	}
	return set
}
