package ptp

import "aes67-sink/aes67"

// Another PTP program on this computer gets what the network sends to the group,
// as we do, but hears nothing of us, nor we of it: what a computer sends to a group
// does not come back to it. What is sent to this computer alone reaches only one of
// the two. Two that serve would be two grandmasters on one wire, neither of whom
// ever yields; so with such a neighbour we serve only if we are told to.

// SetNeighbour names the other PTP program on this computer; empty: there is none.
func (e *Engine) SetNeighbour(program string) { e.neighbour = program }

// mayServe reports whether we may be the grandmaster.
func (e *Engine) mayServe(now aes67.RawTime) bool {
	return !e.withholds(now) && (e.cfg.Mode == aes67.ClockGrandmaster || e.cfg.Mode == aes67.ClockAuto && e.neighbour == "")
}

// neighbourTrouble tells when the other program does harm: one that sets the
// computer's clock by the same master, say, does none.
func (e *Engine) neighbourTrouble(now aes67.RawTime) Trouble {
	switch {
	case e.neighbour == "":
	case e.state == PortMaster, e.state == PortListening && now >= e.listenUntil && e.cfg.Mode != aes67.ClockFollower:
		return Trouble{kind: otherServes, program: e.neighbour}
	case e.following() && e.follower.oneWay:
		return Trouble{kind: otherAnswered, program: e.neighbour}
	}
	return Trouble{}
}
