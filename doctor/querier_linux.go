package doctor

import (
	"context"
	"net/netip"

	"golang.org/x/sys/unix"
)

// membershipQuery is the type of what a querier sends (RFC 3376, 4.1).
const membershipQuery = 0x11

// querier waits for an IGMP query for wireTime, and returns who sent it,
// nobody: none came. It needs CAP_NET_RAW.
func querier(ctx context.Context) (from netip.Addr, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_IGMP)
	if err != nil {
		return from, err
	}
	defer unix.Close(fd)
	err = receive(ctx, fd, wireTime, func(b []byte, _ unix.Sockaddr) bool {
		if len(b) < 20 || len(b) <= int(b[0]&0xF)*4 || b[int(b[0]&0xF)*4] != membershipQuery {
			return true
		}
		from = netip.AddrFrom4([4]byte(b[12:16]))
		return false
	})
	return from, err
}
