package rtpsend

// Hot: write runs once a packet time.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sourcePort is used if it is free, as hardware senders do; receivers do
	// not ask for it.
	sourcePort = 5004
	// priority of the packets in the host's queues: the highest that needs no
	// privilege (socket(7), SO_PRIORITY).
	priority = 6
)

// socket sends every stream of a sender. It is none of package net's: those are
// all in the Go runtime's epoll set, and each packet that has left makes a UDP socket
// writable anew, which would wake another thread for nothing a thousand times a second.
type socket struct{ fd int }

// openSocket opens the socket of a leg; one without an address is not to be used.
func openSocket(cfg *Config, place Leg) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("rtpsend: socket: %w", err)
	}
	s := &socket{fd: fd}
	if !place.Source.IsValid() {
		return s, nil
	}
	if err := s.configure(cfg, place.Interface); err != nil {
		_ = s.close()
		return nil, err
	}
	if err := s.bind(place.Source); err != nil {
		_ = s.close()
		return nil, fmt.Errorf("rtpsend: source address %v: %w", place.Source, err)
	}
	return s, nil
}

// replace takes the place of a socket that may be in use, and its number (dup(2)).
func (s *socket) replace(old *socket) error {
	return errors.Join(unix.Dup3(s.fd, old.fd, unix.O_CLOEXEC), s.close())
}

func (s *socket) configure(cfg *Config, iface net.Interface) error {
	ttl, loop := int(cfg.Streams[0].TTL), 0
	if cfg.Loop {
		loop = 1
	}
	for _, o := range []struct {
		what               string
		level, name, value int
	}{
		// A receiver on this host may want port 5004 too; without this option
		// here its own would not help it.
		{"reuse of the address", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{"ttl", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, ttl},
		{"ttl", unix.IPPROTO_IP, unix.IP_TTL, ttl}, // to one receiver
		{"multicast loop", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, loop},
		{"type of service", unix.IPPROTO_IP, unix.IP_TOS, cfg.DSCP << 2},
		// After the TOS, which resets it: AF41 would go to the lowest band.
		{"priority", unix.SOL_SOCKET, unix.SO_PRIORITY, priority},
		// DF: a packet is never cut in two (AES67-2018, 6.3).
		{"path mtu discovery", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO},
	} {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("rtpsend: %s %d: %w", o.what, o.value, err)
		}
	}
	// Whatever the routes say: groups by the one option, single receivers by the other,
	// whose number is in the network's order (ip(7)).
	var index [4]byte
	binary.BigEndian.PutUint32(index[:], uint32(iface.Index))
	err := errors.Join(
		unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(iface.Index)}),
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_UNICAST_IF, int(binary.NativeEndian.Uint32(index[:]))),
	)
	if err != nil {
		return fmt.Errorf("rtpsend: interface %s: %w", iface.Name, err)
	}
	return nil
}

// bind takes port 5004, or any if that is taken.
func (s *socket) bind(source netip.Addr) error {
	err := unix.Bind(s.fd, &unix.SockaddrInet4{Addr: source.As4(), Port: sourcePort})
	if err != nil && unix.Bind(s.fd, &unix.SockaddrInet4{Addr: source.As4()}) == nil {
		return nil
	}
	return err
}

// address returns where the packets come from.
func (s *socket) address() netip.AddrPort {
	name, err := unix.Getsockname(s.fd)
	if own, ok := name.(*unix.SockaddrInet4); err == nil && ok {
		return netip.AddrPortFrom(netip.AddrFrom4(own.Addr), uint16(own.Port))
	}
	return netip.AddrPort{}
}

// message is struct mmsghdr of sendmmsg(2): one packet and where it goes.
type message struct {
	header unix.Msghdr
	sent   uint32 // bytes, set by the kernel
}

// newMessage makes a message that sends packet to the same address each time.
func newMessage(packet []byte, destination netip.AddrPort) message {
	to := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: destination.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&to.Port))[:], destination.Port())
	m := message{header: unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(to)), Namelen: unix.SizeofSockaddrInet4,
		Iov: &unix.Iovec{Base: unsafe.SliceData(packet)},
	}}
	m.header.Iov.SetLen(len(packet))
	m.header.SetIovlen(1)
	return m
}

// write hands messages to the kernel without waiting. Each message it refuses
// is counted as dropped; the rest go out. It returns how many left, and the last refusal.
//
// The call is a raw one: it never blocks, so the scheduler need not know of it,
// and cannot take the processor away between the pull and the send.
func (s *socket) write(messages []message, streams []legCounters) (left int, refused syscall.Errno) {
	for at := 0; at < len(messages); {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&messages[at])), uintptr(len(messages)-at), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR: // a signal of the runtime's; nothing was sent
		case errno != 0:
			refused = errno
			streams[at].dropped.Add(1)
			at++
		case n == 0:
			return left, refused // cannot be: neither progress nor error
		default:
			for range n {
				streams[at].packets.Add(1)
				at, left = at+1, left+1
			}
		}
	}
	return left, refused
}

// errClosed is what a second close returns.
var errClosed = errors.New("socket closed already")

func (s *socket) close() error { return unix.Close(s.fd) }
