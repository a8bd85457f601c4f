package port

import (
	"net"
	"net/netip"

	"aes67-sink/aes67"
)

// ownIdentity is our clock's on an interface. Other PTP programs on this computer
// make theirs of the same hardware address with FF FE in its middle (IEEE
// 1588-2008, 7.5.2.2.2), and two clocks of one identity are one to everybody: ours
// has FF FF there, which the EUI-64 guidelines of the IEEE set apart for hardware
// addresses too and give to no maker. An interface without one, such as the
// loopback, gives an identity of its address, locally administered.
func ownIdentity(mac net.HardwareAddr, addr netip.Addr) aes67.ClockIdentity {
	id := aes67.ClockIdentityFromMAC(mac)
	if id.IsZero() {
		ip := addr.As16()
		return aes67.ClockIdentity{2, 0, 0, 0xFF, ip[12], ip[13], ip[14], ip[15]}
	}
	id[4] = 0xFF
	return id
}
