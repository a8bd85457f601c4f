package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// mdnsGroup returns where multicast DNS is spoken (RFC 6762, 3).
func mdnsGroup() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), 5353)
}

// mdnsConn is a socket that only receives. It is bound to the group, not to
// any address: so it cannot take unicast answers away from the machine's own
// responder, with which it shares the port.
type mdnsConn struct {
	*net.UDPConn
	oob []byte
}

// openMDNS makes the socket by hand: package net would bind it to any address.
func openMDNS() (groupConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("netif: multicast DNS: %w", err)
	}
	file := os.NewFile(uintptr(fd), "multicast DNS")
	defer func() { _ = file.Close() }() // the connection has a descriptor of its own
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1),
	)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(mdnsGroup().Port()), Addr: mdnsGroup().Addr().As4()})
	}
	if err != nil {
		return nil, fmt.Errorf("netif: multicast DNS on %v: %w", mdnsGroup(), err)
	}
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("netif: multicast DNS: %w", err)
	}
	return &mdnsConn{UDPConn: conn.(*net.UDPConn), oob: make([]byte, 128)}, nil
}

func (c *mdnsConn) join(index int) error { return c.membership(unix.IP_ADD_MEMBERSHIP, index) }

func (c *mdnsConn) leave(index int) error { return c.membership(unix.IP_DROP_MEMBERSHIP, index) }

func (c *mdnsConn) membership(option, index int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	mreq := &unix.IPMreqn{Multiaddr: mdnsGroup().Addr().As4(), Ifindex: int32(index)}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, option, mreq) }); err != nil {
		return err
	}
	if set != nil {
		return fmt.Errorf("netif: %v on interface %d: %w", mdnsGroup().Addr(), index, set)
	}
	return nil
}

func (c *mdnsConn) receive(b []byte) (int, netip.Addr, int, error) {
	for {
		n, oobn, _, from, err := c.ReadMsgUDPAddrPort(b, c.oob)
		if err != nil {
			return 0, netip.Addr{}, 0, err
		}
		messages, err := unix.ParseSocketControlMessage(c.oob[:oobn])
		if err != nil {
			continue
		}
		for _, m := range messages { // IP_PKTINFO (ip(7))
			if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo {
				return n, from.Addr().Unmap(), int(int32(binary.NativeEndian.Uint32(m.Data))), nil
			}
		}
	}
}
