package netif

import (
	"net/netip"

	"aes67-sink/aes67"
)

// addressing chooses the address that packets leave by: the one whose subnet has
// the best sign, else the first. It changes for a better sign alone, so at most
// once for each kind of sign while the interface is up.
type addressing struct {
	addr netip.Addr
	by   SignKind // the best sign in its subnet so far
}

// choose returns the address of an interface that has at least one. Signs from
// before since tell of another network.
func (a *addressing) choose(e *Candidate, since aes67.MonoTime, signs []Sign) netip.Addr {
	if !e.has(a.addr) {
		a.addr, a.by = e.Addrs[0].Addr(), SignNone
	}
	var better addressing
	for _, sign := range signs {
		if sign.Index != e.Index || sign.At < since {
			continue
		}
		switch addr := e.facing(sign.Source); {
		case addr == a.addr:
			a.by = max(a.by, sign.Kind)
		case addr.IsValid() && sign.Kind > better.by:
			better = addressing{addr, sign.Kind}
		}
	}
	if better.by > a.by {
		*a = better
	}
	return a.addr
}

// facing returns the address whose subnet another's address is in, of several
// the narrowest; invalid: none.
func (c *Candidate) facing(other netip.Addr) (addr netip.Addr) {
	bits := -1
	for _, p := range c.Addrs {
		if p.Contains(other) && p.Bits() > bits {
			addr, bits = p.Addr(), p.Bits()
		}
	}
	return addr
}
