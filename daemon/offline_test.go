package daemon

import (
	"net/netip"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/netif"
)

// TestAWithdrawnSinkIsNoSignThatNobodyPlays: music plays on one of two cards, which is
// away for a minute. The sink goes, its player with it, and both are back only when that
// card is: neither does the sink come and go, nor is the other network taken.
func TestAWithdrawnSinkIsNoSignThatNobodyPlays(t *testing.T) {
	hidden, changes := false, 0
	n := &network{automatic: true, playing: func() bool { return !hidden }}
	n.withdraw = func(yes bool) (interrupts bool) {
		if yes != hidden {
			changes++
		}
		interrupts = yes && n.playing()
		hidden = yes
		return interrupts
	}
	chooser := netif.NewChooser(netif.ChooserConfig{Interface: "auto"})
	card := func(name string, index int, address string) netif.Candidate {
		a := netip.MustParsePrefix(address)
		return netif.Candidate{Name: name, Index: index, Carrier: true, Wired: true, Kind: "device", Addrs: []netip.Prefix{a}}
	}
	speakers, office := card("eno1", 2, "10.1.0.1/24"), card("eno2", 3, "10.2.0.1/24")
	office.DefaultRoute = true
	away := func(s int) bool { return s >= 60 && s < 120 }
	for s := range 200 {
		now := aes67.MonoTime(time.Duration(s+1) * time.Second)
		all := []netif.Candidate{speakers, office}
		signs := []netif.Sign{{Index: 2, Kind: netif.SignPTP, Detail: "PTP grandmaster heard", At: now}}
		if away(s) {
			all[0].Carrier, signs = false, nil
		}
		playing := n.playing() || n.interrupted
		d := chooser.Decide(now, all, signs, playing)
		state := stateOf(d, all, !playing && len(chooser.Interfaces(all)) > 0, playing)
		n.offline(now, !state.Usable && !state.Idle)
		switch {
		case s > 20 && !away(s) && s != 120 && (state.Chosen.Interface.Name != "eno1" || hidden):
			t.Fatalf("after %d s: on %q, hidden %v: %s", s, state.Chosen.Interface.Name, hidden, state.reason)
		case away(s) && state.Usable && state.Chosen.Interface.Name != "eno1":
			t.Fatalf("after %d s: on %s, though the speakers' network is only away", s, state.Chosen.Interface.Name)
		case away(s) && s > 80 && !hidden:
			t.Fatalf("after %d s: the sink is there without a network: %s", s, state.reason)
		}
	}
	if changes != 2 {
		t.Errorf("the sink went and came %d times, want once each", changes)
	}
}

// TestASinkThatIsKeptIsNotInterrupted: what plays into a sink that stays is seen, and so is
// that it stops: playback that begins anew may use another network.
func TestASinkThatIsKeptIsNotInterrupted(t *testing.T) {
	n := &network{withdraw: func(bool) bool { return false }, playing: func() bool { return true }}
	for at := aes67.MonoTime(1); at < aes67.MonoTime(time.Minute); at = at.Add(time.Second) {
		n.offline(at, true)
	}
	if n.interrupted {
		t.Error("interrupted, though the sink was not taken away")
	}
}
