package netif

import (
	"bytes"
	"net"
	"net/netip"
	"reflect"
	"strings"
)

// Candidate is an interface as it is now.
type Candidate struct {
	Index        int
	Name         string
	MAC          net.HardwareAddr
	Addr         netip.Addr // its first IPv4 address, a link-local one last; invalid: none
	Carrier      bool       // up, with a link partner
	Wired        bool       // Ethernet: a card, a veth end, a bond of cards, a VLAN on one of these
	Wireless     bool
	Loopback     bool
	DefaultRoute bool
	Metric       int // of the default route, lower is preferred
	MTU          int
}

// equal reports whether nothing has changed.
func (c *Candidate) equal(d *Candidate) bool {
	e := *d
	e.MAC = c.MAC
	return bytes.Equal(c.MAC, d.MAC) && reflect.DeepEqual(*c, e)
}

// ready reports whether packets can be sent from an interface.
func (c *Candidate) ready() bool { return c.Carrier && c.Addr.Is4() }

// eligible reports whether an interface may be chosen without being named.
func (c *Candidate) eligible() bool { return c.ready() && c.Wired && !c.Loopback }

// names joins the names of candidates.
func names(candidates []Candidate) string {
	out := make([]string, len(candidates))
	for i := range candidates {
		out[i] = candidates[i].Name
	}
	return strings.Join(out, ", ")
}

// find returns the candidate for which is is true, or nil.
func find(candidates []Candidate, is func(*Candidate) bool) *Candidate {
	for i := range candidates {
		if is(&candidates[i]) {
			return &candidates[i]
		}
	}
	return nil
}
