package daemon

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/health"
	"aes67-sink/netif"
	"aes67-sink/rtpsend"
	"aes67-sink/sap"
	"aes67-sink/sdp"
)

// cards are two wired interfaces that are up.
func cards() []netif.Candidate {
	card := func(index int, name, address string) netif.Candidate {
		return netif.Candidate{Index: index, Name: name, Wired: true, Carrier: true, Addrs: []netip.Prefix{netip.MustParsePrefix(address)}}
	}
	return []netif.Candidate{card(2, "eno1", "10.1.0.1/24"), card(3, "eno2", "10.2.0.1/24")}
}

// earsOff hear nothing.
type earsOff struct{}

func (earsOff) listen([]int) bool      { return false }
func (earsOff) rejoin()                {}
func (earsOff) browse([]int)           {}
func (earsOff) announced() []sap.Heard { return nil }

// twoLegs is a network with two named interfaces, and where its packets leave.
func twoLegs() (n *network, decide func(now aes67.MonoTime, all []netif.Candidate) networkState, legs *[2]rtpsend.Leg) {
	cfg := config.Network{Interface: "eno1", Secondary: "eno2"}
	legs = new([2]rtpsend.Leg)
	n = &network{
		chooser: netif.NewChooser(netif.ChooserConfig{Interface: cfg.Interface}), second: secondOf(cfg), ears: earsOff{},
		legs: func(first, second rtpsend.Leg) { *legs = [2]rtpsend.Leg{first, second} }, log: zerolog.Nop(), changed: make(chan struct{}, 1),
	}
	decide = func(now aes67.MonoTime, all []netif.Candidate) networkState {
		leg, left := n.second(now, all)
		d := n.chooser.Decide(now, left, nil, true)
		next := stateOf(d, left, false, true)
		next.second, next.Chosen.Second = leg, leg.known
		next = n.keep(next)
		n.tell(next, d.Since)
		return next
	}
	return n, decide, legs
}

func places(legs [2]rtpsend.Leg) (names [2]string) {
	for i, l := range legs {
		if l.Source.IsValid() {
			names[i] = l.Interface.Name + " " + l.Source.String()
		}
	}
	return names
}

// TestOneLegIsLostAndComesBack: what the supervisor knows of the network stays as it is,
// packets leave where they can, and one sentence tells which leg is away.
func TestOneLegIsLostAndComesBack(t *testing.T) {
	n, decide, legs := twoLegs()
	all := cards()
	without := func(index int) []netif.Candidate {
		gone := cards()
		gone[index].Carrier = false
		return gone
	}
	pulled := func(index int) []netif.Candidate { // as an adapter that is unplugged
		return append(cards()[:index:index], cards()[index+1:]...)
	}
	for i, step := range []struct {
		what    string
		all     []netif.Candidate
		usable  bool
		legs    [2]string
		problem string
		code    health.Code
	}{
		{"the first is not there yet", without(0), false, [2]string{}, "", ""},
		{"both", all, true, [2]string{"eno1 10.1.0.1", "eno2 10.2.0.1"}, "", ""},
		{"no second carrier", without(1), true, [2]string{"eno1 10.1.0.1"}, "the second leg is lost: eno2: no carrier", "second-leg-lost"},
		{"no second at all", pulled(1), true, [2]string{"eno1 10.1.0.1"}, `the second leg is lost: network.secondary "eno2": no such interface`, "second-leg-lost"},
		{"both again", all, true, [2]string{"eno1 10.1.0.1", "eno2 10.2.0.1"}, "", ""},
		{"no first carrier", without(0), true, [2]string{"", "eno2 10.2.0.1"}, "the first leg is lost, and the streams go on by eno2: eno1: no carrier", "first-leg-lost"},
		{"no first at all", pulled(0), true, [2]string{"", "eno2 10.2.0.1"}, `the first leg is lost, and the streams go on by eno2: network.interface "eno1": no such interface`, "first-leg-lost"},
		{"neither for a moment", nil, false, [2]string{"", "eno2 10.2.0.1"}, "", ""},
		{"the second again", without(0), true, [2]string{"", "eno2 10.2.0.1"}, "the first leg is lost, and the streams go on by eno2: eno1: no carrier", "first-leg-lost"},
		{"healed", all, true, [2]string{"eno1 10.1.0.1", "eno2 10.2.0.1"}, "", ""},
		{"neither", nil, false, [2]string{"eno1 10.1.0.1", "eno2 10.2.0.1"}, "", ""}, // faded out where they were
	} {
		got := decide(aes67.MonoTime(1+i), step.all)
		if got.Usable != step.usable || n.input().Usable != step.usable || places(*legs) != step.legs {
			t.Errorf("%s: usable %v, legs %q; want %v, %q", step.what, got.Usable, places(*legs), step.usable, step.legs)
		}
		if got.Usable && (got.Chosen.Interface.Name != "eno1" || got.Chosen.Second != netip.MustParseAddr("10.2.0.1")) {
			t.Errorf("%s: chosen is %+v", step.what, got.Chosen)
		}
		var said []string
		for _, sentence := range got.oneLeg() {
			if sentence != "" {
				said = append(said, sentence)
			}
		}
		if problem := strings.Join(said, " | "); !strings.HasPrefix(problem, step.problem) || (problem == "") != (step.problem == "") {
			t.Errorf("%s: it says %q, want %q", step.what, problem, step.problem)
		} else if problem != "" && health.Find(problem).Code != step.code {
			t.Errorf("%s: %q has the code %s, want %s", step.what, problem, health.Find(problem).Code, step.code)
		}
		if n.clockRests != (step.code == "first-leg-lost") {
			t.Errorf("%s: the clock rests: %v", step.what, n.clockRests)
		}
	}
}

// TestTheSecondLegIsNotChosenAsTheFirst: what is named as the one is not found to be
// the other.
func TestTheSecondLegIsNotChosenAsTheFirst(t *testing.T) {
	leg, others := secondOf(config.Network{Interface: "auto", Secondary: "eno1"})(1, cards())
	if leg.Interface.Name != "eno1" || len(others) != 1 || others[0].Name != "eno2" {
		t.Errorf("leg %s, others %+v", leg.Interface.Name, others)
	}
	if secondOf(config.Network{Interface: "auto"}) != nil {
		t.Error("there is a second leg that nobody asked for")
	}
}

// TestStreamsToOneReceiverAreServedAndNotListed: who else hears of them hears nothing.
func TestStreamsToOneReceiverAreServedAndNotListed(t *testing.T) {
	session := func(name, to string) sdp.Session {
		return sdp.Session{Stream: aes67.Stream{Name: name, Group: netip.MustParseAddr(to), Port: 5004, Rate: 48000, PacketTime: aes67.PacketTime1ms}, Origin: netip.MustParseAddr("10.1.0.1")}
	}
	all := []sdp.Session{session("left", "239.69.1.1"), session("right", "10.1.0.9")}
	var names []string
	for _, s := range services(all, 8554) {
		names = append(names, s.Name)
	}
	if got := listable(all); len(got) != 1 || got[0].Stream.Name != "left" || cmp.Diff(names, []string{"left"}) != "" {
		t.Errorf("listed: %+v, %q", got, names)
	}
	if got := served(all); len(got) != 2 || got[1].Name != "right" || got[1].Number != 2 {
		t.Errorf("served: %+v", got)
	}
	if got := services(all, 0); got != nil {
		t.Errorf("listed without a port to ask: %v", got)
	}
}

func TestThePlanHasSecondDestinations(t *testing.T) {
	cfg := config.Default()
	if plan := planSessions(cfg, noMemory(t).identities, nameOf(cfg)); plan.Redundant {
		t.Error("redundant by default")
	}
	cfg.Network.Secondary = "eno2"
	cfg.Stream.SecondaryAddresses = []netip.Addr{netip.MustParseAddr("239.1.1.1"), netip.MustParseAddr("239.1.1.2")}
	plan := planSessions(cfg, noMemory(t).identities, nameOf(cfg))
	var seconds []netip.Addr
	for _, s := range plan.Streams {
		seconds = append(seconds, s.Second)
	}
	if diff := cmp.Diff(seconds, cfg.Stream.SecondaryAddresses, cmpopts.EquateComparable(netip.Addr{})); diff != "" || !plan.Redundant {
		t.Errorf("redundant %v, -got +want:\n%s", plan.Redundant, diff)
	}
}
