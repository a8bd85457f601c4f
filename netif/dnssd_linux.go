package netif

import (
	"fmt"
	"net/netip"

	"aes67-sink/internal/mcast"
)

// mdnsGroup returns where multicast DNS is spoken (RFC 6762, 3).
func mdnsGroup() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), 5353)
}

// openMDNS binds to the group, so that it takes no unicast answers away from the
// machine's own responder, with which it shares the port.
func openMDNS() (groupConn, error) {
	conn, err := mcast.Listen(mdnsGroup(), mdnsGroup().Addr())
	if err != nil {
		return nil, fmt.Errorf("netif: multicast DNS: %w", err)
	}
	return conn, nil
}
