package aes67

import (
	"net/netip"
	"testing"
)

func TestCheckGroup(t *testing.T) {
	for _, s := range []string{"239.69.0.1", "239.69.10.0", "224.2.2.1", "239.255.1.1", "239.0.1.1"} {
		if err := CheckGroup(netip.MustParseAddr(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		"10.0.0.1", "ff15::1", "224.0.2.1", "232.1.1.1", "224.0.0.251", "239.0.0.7", "239.128.0.7", "224.128.0.1", "224.0.1.129",
		"239.128.1.129", "239.255.255.255", "239.255.255.250", "239.127.255.255",
	} {
		if err := CheckGroup(netip.MustParseAddr(s)); err == nil {
			t.Errorf("%s: want an error", s)
		}
	}
}

func TestCheckDestination(t *testing.T) {
	for _, s := range []string{"239.69.0.1", "10.0.0.1", "192.168.1.255", "127.0.0.1", "223.255.255.254"} {
		if err := CheckDestination(netip.MustParseAddr(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "fe80::1", "232.1.1.1", "239.255.255.255"} {
		if err := CheckDestination(netip.MustParseAddr(s)); err == nil {
			t.Errorf("%s: want an error", s)
		}
	}
}
