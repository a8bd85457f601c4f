package mcast

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"aes67-sink/internal/text"
)

// Conn receives what is sent to its groups, on the interfaces on which it joined.
type Conn struct {
	udp    *net.UDPConn
	packet *ipv4.PacketConn
	groups []netip.Addr
	oob    [64]byte // of Receive: more than IP_PKTINFO takes
}

// ttl is the time to live of what is sent: nothing less is heard by all (RFC 6762, 11).
const ttl = 255

// Listen binds a socket and shares the port with whoever else hears it. One that is
// bound to a group cannot take unicast datagrams away from another program;
// package net would bind it to every address.
func Listen(at netip.AddrPort, groups ...netip.Addr) (*Conn, error) {
	udp, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("UDP port %d: %w", at.Port(), text.Cause(err))
	}
	c := &Conn{udp: udp, packet: ipv4.NewPacketConn(udp), groups: groups}
	err = errors.Join(c.packet.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true), c.packet.SetMulticastTTL(ttl))
	if err != nil {
		_ = udp.Close()
		return nil, fmt.Errorf("UDP port %d: %w", at.Port(), text.Cause(err))
	}
	return c, nil
}

func listen(at netip.AddrPort) (*net.UDPConn, error) {
	fd, err := Socket(at, Option{"SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "multicast")
	defer func() { _ = file.Close() }() // the connection has a descriptor of its own
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// Join joins the groups on an interface. The error is that of the first group: the
// number of memberships of a socket is limited (ip(7), igmp_max_memberships), and
// the others are worth less.
func (c *Conn) Join(index int) (first error) {
	err := c.each(func(i, fd int, group netip.Addr) {
		if err := Join(fd, group, index); i == 0 {
			first = err
		}
	})
	return errors.Join(first, err)
}

// Leave leaves them.
func (c *Conn) Leave(index int) error {
	return c.each(func(_, fd int, group netip.Addr) { Leave(fd, group, index) })
}

// each does something with each group. The error is that of a connection that is closed.
func (c *Conn) each(do func(i, fd int, group netip.Addr)) error {
	raw, err := c.udp.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		for i, group := range c.groups {
			do(i, int(fd), group)
		}
	})
}

// Send sends from the bound port by an interface.
func (c *Conn) Send(index int, to netip.AddrPort, b []byte) error {
	_, err := c.packet.WriteTo(b, &ipv4.ControlMessage{IfIndex: index}, net.UDPAddrFromAddrPort(to))
	return err
}

// Receive returns the next datagram that was sent to one of the groups, from whom
// and on which interface. It is for one goroutine at a time, and allocates nothing, since
// anybody may send as much as the network takes.
func (c *Conn) Receive(b []byte) (n int, from netip.Addr, index int, err error) {
	for {
		n, oob, _, source, err := c.udp.ReadMsgUDPAddrPort(b, c.oob[:])
		if err != nil {
			return 0, netip.Addr{}, 0, err
		}
		if index, to := arrival(c.oob[:oob]); slices.Contains(c.groups, to) {
			return n, source.Addr().Unmap(), index, nil
		}
	}
}

// arrival reads on which interface a datagram came and where it was sent to: in_pktinfo of
// ip(7), an index, a local address and the destination. An invalid address: it is not told.
func arrival(oob []byte) (index int, to netip.Addr) {
	for len(oob) > 0 {
		head, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		if head.Level == unix.IPPROTO_IP && head.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo {
			return int(binary.NativeEndian.Uint32(data)), netip.AddrFrom4([4]byte(data[8:12]))
		}
		oob = rest
	}
	return 0, netip.Addr{}
}

// Close ends a Receive that waits.
func (c *Conn) Close() error { return c.udp.Close() }
