package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
	"aes67-sink/netif"
	"aes67-sink/ptp/port"
	"aes67-sink/rtpsend"
	"aes67-sink/sap"
)

// network chooses the interface and puts the clock and the SAP listener on it.
type network struct {
	chooser  *netif.Chooser
	watcher  *netif.Watcher
	services *netif.DNSSD // hears of AES67 devices before anything is asked
	ears     hearing
	clock    *port.Service // nil without the PTP ports
	// useClock is the clock's Use, nil without a clock; Run sets it.
	useClock func(on net.Interface, address netip.Addr, listened time.Duration) error
	// second tells how the second leg is, and what it leaves for the first; nil: there is none.
	second    func(aes67.MonoTime, []netif.Candidate) (legState, []netif.Candidate)
	legs      func(first, second rtpsend.Leg) // where packets leave
	domain    uint8
	automatic bool        // no interface is named
	playing   func() bool // a program plays into the sink
	// interrupted: one did when the sink was withdrawn, and would still. That it stopped is
	// our own doing, and no sign that another network is meant.
	interrupted bool
	kept        *networkState                 // the last one with a first leg; nil: there has been none since the start
	allowed     func() (yes bool, why string) // the network side is ours
	now         func() aes67.MonoTime
	// withdraw hides the sinks: nothing can be played. It reports whether it interrupts who does.
	withdraw func(yes bool) (interrupts bool)
	log      zerolog.Logger
	wake     chan struct{} // by what is looked at, but for watcher and services
	changed  chan struct{} // tells that input has

	listening    []int
	heardFrom    map[int]aes67.MonoTime // interface index: since when it is among these
	deaf         bool                   // one of these could not be listened to
	carriers     map[int]bool           // interface index: carrier when last looked at
	inUse        bool
	clockRests   bool    // for the first leg is lost
	refused      refusal // of the clock, by what is chosen
	used         bridge.Network
	offlineSince aes67.MonoTime // 0: there is a network, or a sign of one is waited for
	report       string
	told         atomic.Pointer[networkState]
}

// hearing is what listens where it is told to.
type hearing interface {
	listen(indexes []int) (deaf bool) // PTP and SAP; deaf: again soon
	rejoin()                          // where it listens, for switches that forgot
	browse(indexes []int)             // ask for sessions by DNS-SD there alone
	announced() []sap.Heard           // by SAP
}

// networkState is what others are told.
type networkState struct {
	bridge.NetworkInput
	reason  string // why Chosen was chosen
	renamed bool   // under another name than the configuration says, as reason tells
	report  string // a sign on another interface
	astray  bool   // there is none on the chosen one
	second  legState
	lost    string // why Chosen cannot be used, while the second leg is
	// clockless: why the clock cannot be on Chosen.
	clockless string
}

// refusal is a clock that cannot use what was chosen.
type refusal struct {
	of   bridge.Network
	why  error
	due  aes67.MonoTime // it is tried again; 0: there is no refusal
	wait time.Duration  // it was left alone for, after the last try
}

// retryNetwork is how long after it failed an interface is tried again that is
// not ready yet; a clock that goes on failing is so ever later, retryNetworkMost at most.
const retryNetwork, retryNetworkMost = 200 * time.Millisecond, 10 * time.Second

// Run chooses until ctx is done: when something has changed, and when the time
// has come that the last choice named.
func (n *network) Run(ctx context.Context) error {
	n.carriers = map[int]bool{}
	if n.clock != nil {
		n.useClock = n.clock.Use
	}
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		now := n.now()
		if next := n.choose(now); next != 0 {
			due.Reset(next.Sub(now))
		} else {
			due.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
		case <-n.watcher.Changed():
		case <-n.services.Changed():
		case <-n.wake:
		}
	}
}

// input is what the supervisor knows of the network.
func (n *network) input() bridge.NetworkInput { return n.state().NetworkInput }

func (n *network) state() networkState {
	if told := n.told.Load(); told != nil {
		return *told
	}
	return networkState{}
}

// choose decides once and acts. It returns when to do so again if nothing
// changes before, 0: not at all.
func (n *network) choose(now aes67.MonoTime) (again aes67.MonoTime) {
	candidates, playing := n.watcher.Candidates(), n.playing() || n.interrupted
	if len(candidates) == 0 {
		return 0 // not looked at yet: there is always the loopback
	}
	if yes, why := n.allowed(); !yes {
		n.listen(now, nil)
		n.kept = nil
		n.tell(networkState{NetworkInput: bridge.NetworkInput{Problem: why}}, now)
		n.offline(now, false)
		return 0
	}
	var leg legState
	if n.second != nil {
		leg, candidates = n.second(now, candidates)
	}
	n.listen(now, withLeg(n.chooser.Interfaces(candidates), leg))
	n.rejoin(candidates)
	d := n.chooser.Decide(now, candidates, n.signs(), playing)
	if d.Report != n.report {
		n.report = d.Report
		if d.Report != "" && !d.Astray { // which is a problem
			n.log.Warn().Str("reason", d.Report).Msg("another interface shows AES67")
		}
	}
	next := stateOf(d, candidates, n.automatic && !playing && len(n.listening) > 0, playing)
	next.second, next.Chosen.Second = leg, leg.known
	next = n.keep(next)
	n.tell(next, n.listened(d, now))
	again = sooner(d.Next, n.offline(now, !next.Usable && !next.Idle))
	// What failed is tried again: listening, or the clock on what was chosen.
	if n.deaf {
		again = sooner(again, now.Add(retryNetwork))
	}
	return sooner(again, n.refused.due)
}

// stateOf is what others are told of a decision. It waits for a program where the
// choice is free, there is something to choose from, and nothing plays.
func stateOf(d netif.Decision, candidates []netif.Candidate, waits, playing bool) networkState {
	s := networkState{reason: d.Reason, renamed: d.Renamed, report: d.Report, astray: d.Astray}
	i := slices.IndexFunc(candidates, func(c netif.Candidate) bool { return c.Index == d.Index })
	switch {
	case d.Use && i >= 0:
		c := candidates[i]
		s.Usable = true
		s.Chosen = bridge.Network{
			Interface: net.Interface{Index: c.Index, Name: c.Name, HardwareAddr: c.MAC, MTU: c.MTU},
			Address:   d.Addr,
		}
	case d.Listening && !playing || waits && d.Index == 0:
		s.Idle = true
	default:
		s.Problem = d.Reason
	}
	return s
}

// offlineAfter is how long a sink with no network behind it stays in the desktop's
// list: a cable that is moved, or an address that is renewed, takes less.
const offlineAfter = 10 * time.Second

// offline has the sink withdrawn when there was no network for long, and put back
// as soon as there is one. It returns when to look again, 0: not for its sake.
func (n *network) offline(now aes67.MonoTime, yes bool) (again aes67.MonoTime) {
	if !yes {
		n.offlineSince, n.interrupted = 0, false
		n.withdraw(false)
		return 0
	}
	if n.offlineSince == 0 {
		n.offlineSince = now
	}
	if at := n.offlineSince.Add(offlineAfter); now < at {
		return at
	}
	n.interrupted = n.withdraw(true) || n.interrupted
	return 0
}

// sooner returns the earlier of two instants, of which 0 is none.
func sooner(a, b aes67.MonoTime) aes67.MonoTime {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// tell acts on a choice and tells of it.
func (n *network) tell(next networkState, since aes67.MonoTime) {
	n.use(next, since)
	next.clockless = n.refused.problem()
	n.tellLegs(&next)
	if old := n.told.Swap(&next); old == nil || !old.same(next) {
		wake.Signal(n.changed)
	}
}

// use puts the clock on the chosen interface, or stops it.
func (n *network) use(next networkState, since aes67.MonoTime) {
	if next.lost != "" || !next.Usable { // there is nothing to be tried again
		n.refused = refusal{}
	}
	if next.lost != "" {
		if n.clock != nil && !n.clockRests {
			n.clock.Stop()
		}
		n.clockRests = true
		return
	}
	if next.Usable == n.inUse && sameNetwork(n.used, next.Chosen) && !n.clockRests {
		return
	}
	n.clockRests = false
	if n.clock != nil && n.inUse {
		n.clock.Stop()
	}
	n.inUse, n.used = false, bridge.Network{}
	if !next.Usable {
		n.ears.browse(nil)
		event := n.log.Info()
		if next.Problem == "" { // which is logged by itself
			event = event.Str("reason", next.reason)
		}
		event.Msg("interface left")
		return
	}
	chosen := next.Chosen
	if n.useClock != nil && !n.putClock(chosen, since) {
		return // tried again by and by
	}
	n.inUse, n.used = true, chosen
	n.ears.browse([]int{chosen.Interface.Index})
	n.log.Info().Str("interface", chosen.Interface.Name).Stringer("address", chosen.Address).Str("reason", next.reason).
		Msg("interface chosen")
}

// putClock has the clock use what was chosen, and reports whether it does. What goes on
// failing is tried ever more seldom; a reason is logged when it comes.
func (n *network) putClock(chosen bridge.Network, since aes67.MonoTime) bool {
	now, before := n.now(), &n.refused
	if !sameNetwork(before.of, chosen) {
		*before = refusal{of: chosen}
	}
	if now < before.due {
		return false
	}
	err := n.useClock(chosen.Interface, chosen.Address, now.Sub(since))
	if err == nil {
		*before = refusal{}
		return true
	}
	if before.why == nil || before.why.Error() != err.Error() {
		n.log.Warn().Err(err).Str("interface", chosen.Interface.Name).Msg("clock cannot use the interface")
	}
	before.wait = min(max(2*before.wait, retryNetwork), retryNetworkMost)
	before.why, before.due = err, now.Add(before.wait)
	return false
}

// problem is the refusal as the user is told it; empty: there is none.
func (r *refusal) problem() string {
	if r.why == nil {
		return ""
	}
	hint := ""
	if errors.Is(r.why, syscall.ENOBUFS) { // ip(7): the socket is in as many groups as it may be
		hint = " (raise net.ipv4.igmp_max_memberships)"
	}
	return fmt.Sprintf("waiting for a PTP clock, which cannot use %s: %v%s; it is tried again by itself", r.of.Interface.Name, r.why, hint)
}

// listen hears PTP, SAP and DNS-SD on the given interfaces.
func (n *network) listen(now aes67.MonoTime, indexes []int) {
	if !n.deaf && slices.Equal(indexes, n.listening) {
		return
	}
	n.listening, n.deaf = slices.Clone(indexes), n.ears.listen(indexes)
	if err := n.services.Listen(indexes); err != nil {
		n.log.Debug().Err(err).Str("protocol", "DNS-SD").Msg("cannot listen yet")
		n.deaf = true
	}
	before := n.heardFrom
	n.heardFrom = map[int]aes67.MonoTime{}
	for _, i := range indexes {
		if at, heard := before[i]; heard {
			n.heardFrom[i] = at
		} else if !n.deaf {
			n.heardFrom[i] = now
		}
	}
}

// listened is since when the interface of a decision has come into question, and was
// listened to all along: not while the network was another user's.
func (n *network) listened(d netif.Decision, now aes67.MonoTime) aes67.MonoTime {
	if at, heard := n.heardFrom[d.Index]; heard {
		return max(d.Since, at)
	}
	return now
}

// rejoin tells switches anew what is heard here when a link comes back: they
// may have forgotten, or be others.
func (n *network) rejoin(candidates []netif.Candidate) {
	back := false
	for _, c := range candidates {
		before, known := n.carriers[c.Index]
		back = back || known && !before && c.Carrier
		n.carriers[c.Index] = c.Carrier
	}
	if back {
		n.ears.rejoin()
		n.services.Rejoin()
	}
}

// signs collects what was heard of AES67.
func (n *network) signs() []netif.Sign {
	var signs []netif.Sign
	if n.clock != nil {
		now, raw := n.now(), rtthread.Raw()
		for _, a := range n.clock.Heard() {
			if a.Domain == n.domain {
				signs = append(signs, netif.Sign{
					Index: a.Interface, Kind: netif.SignPTP, Source: a.Address, At: now.Add(a.At.Sub(raw)),
					Detail: "PTP grandmaster " + a.Identity.String(),
				})
			}
		}
	}
	for _, h := range n.ears.announced() {
		if h.Description.IsPCM() {
			signs = append(signs, netif.Sign{
				Index: h.Index, Kind: netif.SignSAP, Source: h.Source, At: h.LastHeard,
				Detail: fmt.Sprintf("session %q of %v announced", h.Description.Name, h.Origin),
			})
		}
	}
	return append(signs, n.services.Signs()...)
}

func (s *networkState) same(o networkState) bool {
	return s.Usable == o.Usable && s.Idle == o.Idle && s.Problem == o.Problem && s.reason == o.reason && s.renamed == o.renamed && s.report == o.report && s.astray == o.astray &&
		s.lost == o.lost && s.clockless == o.clockless && s.second.same(o.second) && s.Chosen.Second == o.Chosen.Second && sameNetwork(s.Chosen, o.Chosen)
}

// withLeg adds the second leg's interface to others.
func withLeg(indexes []int, leg legState) []int {
	if leg.Source.IsValid() {
		indexes = append(indexes, leg.Interface.Index)
		slices.Sort(indexes)
	}
	return indexes
}

func sameNetwork(a, b bridge.Network) bool {
	return a.Interface.Index == b.Interface.Index && a.Interface.Name == b.Interface.Name && a.Address == b.Address
}

// legState is how the second leg is.
type legState struct {
	rtpsend.Leg            // without an address while it is lost
	known       netip.Addr // the address that it has or had
	problem     string     // why it is lost
}

func (s legState) same(o legState) bool {
	return s.Same(o.Leg) && s.Interface.Name == o.Interface.Name && s.known == o.known && s.problem == o.problem
}

// keep has the streams go on by the second leg when the first one is lost: nothing
// changes for the supervisor, and the clock runs on at its last rate.
func (n *network) keep(next networkState) networkState {
	if told := n.told.Load(); next.Usable {
		n.kept = nil
	} else if told != nil && told.Usable {
		n.kept = told // also where the second leg is lost for a moment, too
	}
	if n.kept == nil || !next.second.Source.IsValid() {
		return next
	}
	why := next.Problem
	if why == "" {
		why = next.reason
	}
	kept := *n.kept
	kept.Chosen.Second = next.Chosen.Second
	kept.second, kept.lost = next.second, "the first leg is lost, and the streams go on by "+next.second.Interface.Name+": "+why
	return kept
}

// tellLegs lets the packets leave where they can. A network that is left for good is so
// with a fade, by the supervisor.
func (n *network) tellLegs(s *networkState) {
	if n.second == nil || !s.Usable {
		return
	}
	first := rtpsend.Leg{Interface: s.Chosen.Interface, Source: s.Chosen.Address}
	if s.lost != "" {
		first = rtpsend.Leg{}
	}
	n.legs(first, s.second.Leg)
}

// oneLeg tells which of two legs is lost; empty: none, or both, or there is but one. It
// tells, too, why the clock is not on the first: where no clock is had, that is why.
func (s *networkState) oneLeg() []string {
	if !s.Usable {
		return nil
	}
	return []string{s.lost, s.second.problem, s.clockless}
}
