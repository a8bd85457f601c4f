package netif

import (
	"bytes"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// Candidate is an interface as it is now.
type Candidate struct {
	Index        int
	Name         string
	AltNames     []string // others by which it is known (ip-link(8), property)
	Kind         string   // the kernel's word: "device" (a card), "bridge", "vlan" …
	Master       string   // the bridge, bond or team that it is a port of; empty: none
	MAC          net.HardwareAddr
	Addrs        []netip.Prefix // its usable IPv4 addresses, link-local ones (RFC 3927) after global ones
	Carrier      bool           // up, with a link partner
	Wired        bool           // Ethernet: a card, a bond of cards, a bridge with a single one, a VLAN on one of these
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
func (c *Candidate) ready() bool { return c.Carrier && len(c.Addrs) > 0 && c.Master == "" }

// eligible reports whether an interface may be chosen without being named.
func (c *Candidate) eligible() bool { return c.ready() && c.Wired && !c.Loopback }

// called reports whether an interface has a name.
func (c *Candidate) called(name string) bool {
	return c.Name == name || slices.Contains(c.AltNames, name)
}

// is reports whether an interface is the one that another was: renamed, which
// keeps its index, or replugged, which keeps its address in Ethernet. A VLAN or
// a bridge has the latter from its card, so there it tells nothing.
func (c *Candidate) is(was *Candidate) bool {
	switch sameMAC := len(c.MAC) > 0 && bytes.Equal(c.MAC, was.MAC); {
	case c.Kind != was.Kind || was.Index == 0:
		return false
	case c.Index == was.Index:
		return sameMAC || c.Name == was.Name
	default:
		return sameMAC && (c.Kind == "device" || c.Kind == "veth")
	}
}

// has reports whether an interface has an address.
func (c *Candidate) has(addr netip.Addr) bool { return c.prefix(addr).IsValid() }

// prefix returns an address of an interface with its subnet, invalid if it has not
// that address.
func (c *Candidate) prefix(addr netip.Addr) netip.Prefix {
	for _, p := range c.Addrs {
		if p.Addr() == addr {
			return p
		}
	}
	return netip.Prefix{}
}

// in reports whether an interface has an address in a subnet.
func (c *Candidate) in(subnet netip.Prefix) bool {
	return slices.ContainsFunc(c.Addrs, func(p netip.Prefix) bool { return p.Masked() == subnet })
}

// addresses joins the addresses of an interface.
func (c *Candidate) addresses() string {
	out := make([]string, len(c.Addrs))
	for i, p := range c.Addrs {
		out[i] = p.Addr().String()
	}
	return strings.Join(out, ", ")
}

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
