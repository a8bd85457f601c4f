package doctor

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// seenTime is how long packets are looked for: the longest packet time is 4 ms.
const seenTime = 500 * time.Millisecond

// mostLate bounds the datagrams that are read after their time: a flood never ends.
const mostLate = 10000

// packets counts the groups to which something is seen to leave by an interface
// (packet(7)), which needs CAP_NET_RAW.
func packets(ctx context.Context, index int, groups []netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(swapped(unix.ETH_P_ALL)))
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swapped(unix.ETH_P_ALL), Ifindex: index}); err != nil {
		return 0, err
	}
	seen := map[netip.AddrPort]bool{}
	err = receive(ctx, fd, seenTime, func(b []byte, from unix.Sockaddr) bool {
		link, known := from.(*unix.SockaddrLinklayer)
		if to, udp := destination(b); known && udp && link.Pkttype == unix.PACKET_OUTGOING && slices.Contains(groups, to) {
			seen[to] = true
		}
		return len(seen) < len(groups)
	})
	return len(seen), err
}

// swapped is a protocol in the order of the network.
func swapped(protocol uint16) uint16 { return protocol<<8 | protocol>>8 }

// destination is where an IPv4 packet of UDP goes (RFC 791, 3.1; RFC 768).
func destination(b []byte) (to netip.AddrPort, udp bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != unix.IPPROTO_UDP {
		return to, false
	}
	header := int(b[0]&0xF) * 4
	if len(b) < header+4 {
		return to, false
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(b[header+2:])), true
}

// receive hands over what comes in until more is not wanted, the time is over or ctx
// is done; what has come in by then is handed over, for a computer may stand still.
func receive(ctx context.Context, fd int, within time.Duration, more func(b []byte, from unix.Sockaddr) bool) error {
	const slice = 50 * time.Millisecond // in which the end of ctx is seen
	over := time.Now().Add(within)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, new(unix.NsecToTimeval(int64(slice)))); err != nil {
		return err
	}
	late := 0 // handed over after the time
	for b := make([]byte, 2048); ctx.Err() == nil && late < mostLate; {
		wait := 0
		if !time.Now().Before(over) {
			late, wait = late+1, unix.MSG_DONTWAIT
		}
		n, from, err := unix.Recvfrom(fd, b, wait)
		switch {
		case err == unix.EAGAIN && wait == unix.MSG_DONTWAIT:
			return nil
		case err == unix.EAGAIN || err == unix.EINTR:
		case err != nil:
			return err
		case !more(b[:n], from):
			return nil
		}
	}
	return nil
}
