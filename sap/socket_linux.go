package sap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"

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
	out    *ipv4.PacketConn
	deaf   error         // why there is no in; nil: there is
	closed chan struct{} // for those that wait for what never comes
}

// ttl is that of every message: how far it goes is a matter of the group's scope
// (RFC 2974, 3).
const ttl = 255

func openSockets() (wire, error) {
	in, deaf := mcast.Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), Port), groups[:]...)
	out, err := sender()
	if err != nil {
		if deaf == nil {
			_ = in.Close()
		}
		return nil, fmt.Errorf("sap: a port to send from: %w", text.Cause(err))
	}
	return &sockets{in: in, out: out, deaf: deaf, closed: make(chan struct{})}, nil
}

func sender() (*ipv4.PacketConn, error) {
	conn, err := net.ListenPacket("udp4", "")
	if err != nil {
		return nil, err
	}
	out := ipv4.NewPacketConn(conn)
	err = errors.Join(
		out.SetTOS(0), // best effort (AES67-2018, 6.2)
		// A receiver on this machine may want to see the sessions.
		out.SetMulticastLoopback(true),
		out.SetMulticastTTL(ttl),
	)
	if err != nil {
		_ = conn.Close()
	}
	return out, err
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
	// A queue that does not empty must not hold up the service.
	_ = s.out.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := s.out.WriteTo(b, &ipv4.ControlMessage{IfIndex: via.index, Src: via.addr.AsSlice()},
		net.UDPAddrFromAddrPort(netip.AddrPortFrom(groups[0], Port)))
	return err
}

func (s *sockets) Close() error {
	close(s.closed)
	err := s.out.Close()
	if s.deaf == nil {
		err = errors.Join(err, s.in.Close())
	}
	return err
}
