package mcast

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Option is an option of a socket whose value is a number.
type Option struct {
	Name                 string
	Level, Number, Value int
}

// shared are those of each socket here: it shares its port, and hears only what it joined
// itself, for others on this computer join more.
var shared = []Option{
	{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
	{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
}

// Socket opens a UDP socket of IPv4, with options beside those that all have here, and
// binds it.
func Socket(at netip.AddrPort, options ...Option) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	for _, o := range slices.Concat(shared, options) {
		if err := unix.SetsockoptInt(fd, o.Level, o.Number, o.Value); err != nil {
			_ = unix.Close(fd)
			return -1, fmt.Errorf("%s %d: %w", o.Name, o.Value, err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind: %w", err)
	}
	return fd, nil
}

// Join makes a socket a member of a group on an interface, by its index; one that is a
// member stays one.
func Join(fd int, group netip.Addr, index int) error {
	err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, membership(group, index))
	if err != nil && !errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("joining %v on interface %d: %w", group, index, err)
	}
	return nil
}

// Leave ends that. One that is no member, or whose interface is gone, is as wanted.
func Leave(fd int, group netip.Addr, index int) {
	_ = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, membership(group, index))
}

func membership(group netip.Addr, index int) *unix.IPMreqn {
	return &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)}
}
