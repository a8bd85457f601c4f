package netif

import (
	"net/netip"

	"aes67-sink/aes67"
)

// SignKind is what shows that a network carries AES67; the greater, the better
// the sign.
type SignKind uint8

// The kinds of signs.
const (
	SignNone  SignKind = iota
	SignDNSSD          // a RAVENNA or Dante service is announced
	SignSAP            // an audio session is announced
	SignPTP            // a PTPv2 grandmaster of our domain announces itself
)

// String returns the word for logs.
func (k SignKind) String() string {
	switch k {
	case SignDNSSD:
		return "dns-sd"
	case SignSAP:
		return "sap"
	case SignPTP:
		return "ptp-announce"
	default:
		return "none"
	}
}

// Sign is a sign of AES67 from somebody else.
type Sign struct {
	Index  int
	Kind   SignKind
	Source netip.Addr     // who is heard; invalid: not known
	Detail string         // for people, such as "PTP grandmaster 00-1B-… heard (domain 0)"
	At     aes67.MonoTime // when it was last heard
}
