package ptp

import (
	"fmt"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// This file puts the best master clock algorithm's choice into words: why the
// one that is followed was chosen, and why every other was not.

// Heard lists the masters heard lately on the engine's interface, in any
// domain, each with the reason why it is or is not followed.
func (e *Engine) Heard(now aes67.RawTime) []Announcement {
	list := e.masters.Append(nil)
	best := e.masters.best(e.cfg.Domain, e.own.sender, now)
	for i := range list {
		list[i].Why = e.verdict(&e.masters.list[i], best, now)
	}
	return list
}

// verdict is the reason for one master; best is the best one, or nil.
func (e *Engine) verdict(m, best *master, now aes67.RawTime) string {
	switch {
	case m.Domain != e.cfg.Domain:
		return fmt.Sprintf("in domain %d, ours is %d", m.Domain, e.cfg.Domain)
	case e.state == PortDisabled:
		return "no interface is in use"
	case m.Sender.Clock == e.own.sender.Clock || m.Identity == e.own.sender.Clock:
		return "an echo of our own messages"
	case m.Flags.Has(wire.FlagAlternateMaster):
		return "an alternate master, which stands by for another"
	case m.StepsRemoved >= maxSteps:
		return fmt.Sprintf("%d clocks away from its grandmaster", m.StepsRemoved)
	case m.timeout() <= now:
		return "no longer heard"
	case !m.Qualified:
		return "heard once; a second Announce is waited for"
	case best != nil && m != best:
		return "worse than " + e.masters.label(best) + ": " + decisive(m.dataset(e.own.sender), best.dataset(e.own.sender))
	}
	switch e.state {
	case PortMaster:
		return "worse than this bridge: " + decisive(m.dataset(e.own.sender), &e.own)
	case PortListening:
		return "the best, about to be followed"
	default:
	}
	if second := e.masters.bestBut(m, e.cfg.Domain, e.own.sender, now); second != nil {
		return "better than " + e.masters.label(second) + ": " + decisive(m.dataset(e.own.sender), second.dataset(e.own.sender))
	}
	return fmt.Sprintf("the only master of domain %d", e.cfg.Domain)
}

// decisive names the first attribute in which two data sets differ, in the
// order of the algorithm, a's value first.
func decisive(a, b *dataset) string {
	if a.Identity == b.Identity {
		if a.StepsRemoved != b.StepsRemoved {
			return fmt.Sprintf("the same grandmaster by %d steps, not %d", a.StepsRemoved, b.StepsRemoved)
		}
		return "the same grandmaster by another port"
	}
	for _, attribute := range []struct {
		name string
		a, b uint16
	}{
		{"priority1", uint16(a.Priority1), uint16(b.Priority1)},
		{"clockClass", uint16(a.Class), uint16(b.Class)},
		{"clockAccuracy", uint16(a.Accuracy), uint16(b.Accuracy)},
		{"variance", a.Variance, b.Variance},
		{"priority2", uint16(a.Priority2), uint16(b.Priority2)},
	} {
		if attribute.a != attribute.b {
			return fmt.Sprintf("%s %d, not %d", attribute.name, attribute.a, attribute.b)
		}
	}
	return "all alike but the identity, of which the lower one wins"
}

// label tells one master from the others: by its identity, and by its port
// where two ways lead to it.
func (ms *Masters) label(m *master) string {
	for i := range ms.list {
		if o := &ms.list[i]; o != m && o.Identity == m.Identity {
			return m.Identity.String() + " by port " + m.Sender.String()
		}
	}
	return m.Identity.String()
}

// bestBut returns the best qualified master of a domain but for one, or nil.
func (ms *Masters) bestBut(first *master, domain uint8, own wire.PortIdentity, now aes67.RawTime) *master {
	var second *master
	for i := range ms.list {
		m := &ms.list[i]
		if m != first && ms.eligible(m, domain, own, now) && (second == nil || compare(m.dataset(own), second.dataset(own)) < 0) {
			second = m
		}
	}
	return second
}
