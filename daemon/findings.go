package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aes67-sink/bridge"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
	"aes67-sink/ptp"
)

// ill is what the parts say is wrong, in the order in which equals are told, and what
// the bridge does. Whatever it asks wakes the judge when that changes.
func (e *edges) ill(b bridge.Snapshot) (found []health.Finding, does health.Activity) {
	network, stats := e.network.state(), e.sender.stats()
	does = health.Activity{
		Rests: b.State == bridge.Idle || e.sleeper.asleep(), Sends: b.Send && !b.Rest, Linked: network.Usable, Sync: e.synchronization(),
	}
	var packets, seconds, priority, page string
	if stats != nil {
		priority = priorityProblem(stats.Grant)
		packets = sendProblem(stats.Problem, network.Chosen.Interface.Name)
		seconds = secondProblem(sendProblem(stats.SecondProblem, network.second.Interface.Name), cmp.Or(packets, network.lost))
	}
	if why := e.unserved.Load(); why != nil {
		page = *why
	}
	said := slices.Concat(network.oneLeg(), b.Problems, []string{packets, seconds}, e.announcer.problems(), e.seats.problems(network.Usable), []string{
		e.network.astray(), e.network.renamed(), priority, clockProblem(b.State), e.announcer.unlisted(), page,
	}, e.pair.Problems(e.seats.sounds(rtthread.Now()), strings.Contains(e.seats.first().Server, "PipeWire")))
	for _, sentence := range said {
		if sentence == "" {
			continue
		}
		f := health.Find(sentence)
		if f.Code != health.Unknown && slices.ContainsFunc(found, func(o health.Finding) bool { return o.Code == f.Code }) {
			continue // of another sink
		}
		found = append(found, f)
	}
	return found, does
}

// synchronization is where the time comes from.
func (e *edges) synchronization() health.Synchronization {
	if e.ptp == nil {
		return health.Unsynchronized
	}
	switch s := e.ptp.Snapshot(); {
	case s.State == ptp.Holdover:
		return health.HeldOver
	case s.State != ptp.Locked:
		return health.Unsynchronized
	case s.Role == ptp.RoleGrandmaster:
		return health.SynchronizesOthers
	}
	return health.Synchronized
}

// clockProblem tells of a state that has a clock's fault as its cause; where that is
// known it is told in place of this.
func clockProblem(state bridge.State) string {
	switch {
	case state == bridge.WaitingClock:
		return "waiting for a PTP clock: none is followed, and this computer does not serve; see aes67-sink list for what is heard"
	case state == bridge.Holdover:
		return "holdover: the grandmaster is gone or cannot be followed any more, and the streams go on at its last rate; see aes67-sink list for what is heard"
	}
	return ""
}

// secondProblem is what packets of the second leg are told as: where those of the first
// leave, which is not so where something is told of it, all is heard.
func secondProblem(second, first string) string {
	if second == "" || first != "" {
		return second
	}
	return secondLost + second
}

// sendProblem says why packets do not leave, and what to do about it.
func sendProblem(why, iface string) string {
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s: packets cannot be sent: %s; check the interface, and the firewall for a rule against multicast", iface, why)
}

// priorityProblem tells of a priority that was had and is there no more.
func priorityProblem(g rtthread.Grant) string {
	switch {
	case !g.Lost:
		return ""
	case rtthread.GivenBack():
		return "packets may be late: " + g.Why + "; " + restartCommand() + " when the computer is less busy"
	}
	return "packets may be late: " + g.Why + "; it is asked for again by and by"
}

// renamed tells that the interface has another name than the configuration says; empty:
// not so.
func (n *network) renamed() string {
	if in := n.state(); in.Usable && in.renamed {
		return in.reason
	}
	return ""
}

// astray tells of AES67 on another interface alone; empty: not so.
func (n *network) astray() string {
	if in := n.state(); in.Usable && in.astray {
		return in.report
	}
	return ""
}
