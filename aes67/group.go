package aes67

import (
	"errors"
	"fmt"
	"net/netip"
)

// CheckGroup tells why a stream had better not use a group: it is no IPv4 multicast
// address, it belongs to another protocol, or switches flood it. This is the one
// law, whether a group was derived or given.
func CheckGroup(group netip.Addr) error {
	if !group.Is4() {
		return fmt.Errorf("%q is not an IPv4 address", group)
	}
	if !group.IsMulticast() {
		return fmt.Errorf("%v is not a multicast address (224.1.0.0 to 239.255.255.255)", group)
	}
	o := group.As4()
	if err := CheckGroupPrefix(o[0], o[1]); err != nil {
		return fmt.Errorf("%v: %w", group, err)
	}
	// Only the low 23 bits reach the Ethernet address (RFC 1112, 6.4), and
	// switches forward by that.
	low := [3]byte{o[1] & 0x7F, o[2], o[3]}
	switch {
	case low[0] == 0 && low[1] == 0:
		return fmt.Errorf("%v: shares its Ethernet address with 224.0.0.%d: switches send it to every port", group, o[3])
	case low == [3]byte{0, 1, 129}:
		return fmt.Errorf("%v: shares its Ethernet address with the clock on 224.0.1.129", group)
	case o[0] == 239 && o[1] == 255 && o[2] == 255:
		return fmt.Errorf("%v: 239.255.255.x carries announcements (RFC 2365, 9)", group)
	case low == [3]byte{127, 255, 255}:
		return fmt.Errorf("%v: shares its Ethernet address with the announcements on 239.255.255.255", group)
	}
	return nil
}

// CheckGroupPrefix tells why no stream may have a group that begins with two octets.
func CheckGroupPrefix(first, second byte) error {
	switch {
	case first < 224 || first > 239:
		return errors.New("not multicast")
	case first == 224 && second == 0:
		return errors.New("reserved for routers and clocks (RFC 5771, 4 and 5)")
	case first == 232:
		return errors.New("source-specific multicast, which needs receivers that name the sender (RFC 4607)")
	}
	return nil
}

// IsDestination reports whether a stream can be sent to an address at all: to a group
// or to one receiver, and not to every one (RFC 919, 7; RFC 1112, 4).
func IsDestination(to netip.Addr) bool {
	return to.Is4() && !to.IsUnspecified() && to.As4()[0] > 0 && to.As4()[0] < 240
}

// CheckDestination tells why a stream had better not be sent to an address that was
// given: CheckGroup is the law of groups; one receiver must be an address of one.
func CheckDestination(to netip.Addr) error {
	switch {
	case to.Is4() && to.IsMulticast():
		return CheckGroup(to)
	case !IsDestination(to):
		return fmt.Errorf("%v is not an IPv4 address of one receiver, nor a multicast address", to)
	}
	return nil
}
