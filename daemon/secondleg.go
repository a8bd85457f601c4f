package daemon

import (
	"net"
	"net/netip"
	"slices"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/netif"
	"aes67-sink/rtpsend"
)

// second looks for the interface of the second leg (SMPTE ST 2022-7).
type second struct {
	chooser *netif.Chooser
	address netip.Addr // that it had when it was last there
}

// secondLost begins what is told of a second leg by which nothing is sent.
const secondLost = "the second leg is lost: "

// secondOf returns how to look for it; nil: there is no such leg.
func secondOf(cfg config.Network) func(aes67.MonoTime, []netif.Candidate) (legState, []netif.Candidate) {
	if cfg.Secondary == "" {
		return nil
	}
	s := &second{chooser: netif.NewChooser(netif.ChooserConfig{Interface: cfg.Secondary, Option: "network.secondary"})}
	return s.look
}

// look tells how the leg is among the interfaces that there are, and which of these are
// left for the first.
func (s *second) look(now aes67.MonoTime, candidates []netif.Candidate) (state legState, others []netif.Candidate) {
	d := s.chooser.Decide(now, candidates, nil, false)
	others = slices.DeleteFunc(slices.Clone(candidates), func(c netif.Candidate) bool { return c.Index == d.Index })
	i := slices.IndexFunc(candidates, func(c netif.Candidate) bool { return c.Index == d.Index })
	if !d.Use || i < 0 {
		return legState{known: s.address, problem: secondLost + d.Reason}, others
	}
	c := &candidates[i]
	s.address = d.Addr
	return legState{Leg: rtpsend.Leg{Interface: net.Interface{Index: c.Index, Name: c.Name, HardwareAddr: c.MAC, MTU: c.MTU}, Source: d.Addr}, known: d.Addr}, others
}
