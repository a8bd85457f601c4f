package aes67

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ClockIdentity names a PTP clock: an EUI-64 (IEEE 1588-2008, 7.5.2.2).
type ClockIdentity [8]byte

// ClockIdentityFromMAC makes the identity of a 48-bit hardware address: FF FE
// is put in its middle (IEEE 1588-2008, 7.5.2.2.2). Other lengths give zero.
func ClockIdentityFromMAC(mac []byte) ClockIdentity {
	var id ClockIdentity
	if len(mac) == 6 {
		copy(id[:3], mac[:3])
		id[3], id[4] = 0xFF, 0xFE
		copy(id[5:], mac[3:])
	}
	return id
}

// IsZero reports whether no clock is named.
func (id ClockIdentity) IsZero() bool { return id == ClockIdentity{} }

// String returns the form of a=ts-refclk: upper-case octets joined by hyphens
// (RFC 7273, 4.3).
func (id ClockIdentity) String() string {
	const digits = "0123456789ABCDEF"
	var b [23]byte
	for i, octet := range id {
		if i > 0 {
			b[3*i-1] = '-'
		}
		b[3*i], b[3*i+1] = digits[octet>>4], digits[octet&15]
	}
	return string(b[:])
}

// ParseClockIdentity reads what String writes, in either case.
func ParseClockIdentity(s string) (ClockIdentity, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != 8 || ClockIdentity(raw).String() != strings.ToUpper(s) {
		return ClockIdentity{}, fmt.Errorf("clock identity %q: must be eight octets such as 00-1B-21-FF-FE-3A-4C-5D", s)
	}
	return ClockIdentity(raw), nil
}

// ClockMode is what the bridge may be in the network's clock tree.
type ClockMode uint8

// The values of clock.mode.
const (
	ClockAuto        ClockMode = iota // follow the best master, serve when there is none
	ClockFollower                     // follow only
	ClockGrandmaster                  // serve unless a better master is heard
)

// String returns the value of clock.mode.
func (m ClockMode) String() string {
	switch m {
	case ClockFollower:
		return "follower"
	case ClockGrandmaster:
		return "grandmaster"
	default:
		return "auto"
	}
}
