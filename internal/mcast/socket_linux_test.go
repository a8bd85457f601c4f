package mcast

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketSaysWhatWasRefused, and leaves nothing open.
func TestSocketSaysWhatWasRefused(t *testing.T) {
	anywhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	for _, c := range []struct {
		name   string
		at     netip.AddrPort
		option Option
		says   string
		is     error
	}{
		{"an option that does not exist", anywhere, Option{"IP_NONSENSE", unix.IPPROTO_IP, 0x7FFF, 3}, "IP_NONSENSE 3: ", unix.ENOPROTOOPT},
		{"an address of somebody else", netip.MustParseAddrPort("192.0.2.1:0"), Option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1}, "bind: ", unix.EADDRNOTAVAIL},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := open(t)
			fd, err := Socket(c.at, c.option)
			if fd != -1 || !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("%d, %v; want %q and %v", fd, err, c.says, c.is)
			}
			if now := open(t); now != before {
				t.Errorf("%d descriptors are open, %d before", now, before)
			}
		})
	}
}

// TestLeaveOfNoMember does no harm, and who left is no member any more.
func TestLeaveOfNoMember(t *testing.T) {
	fd, err := Socket(netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const lo, nowhere = 1, 1 << 20
	Leave(fd, group, lo)
	for range 2 {
		if err := Join(fd, group, lo); err != nil {
			t.Fatal(err)
		}
	}
	drop := func() error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, membership(group, lo))
	}
	Leave(fd, group, nowhere)
	Leave(fd, group, lo)
	if err := drop(); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("leaving once more: %v, want no membership", err)
	}
	if err := Join(fd, group, nowhere); !errors.Is(err, unix.ENODEV) || !strings.HasPrefix(err.Error(), "joining 239.255.71.1 on interface 1048576: ") {
		t.Errorf("joining where nothing is: %v", err)
	}
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
