package netif

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestChooserChoosesTheAddress(t *testing.T) {
	heard := func(kind SignKind, source string, at aes67.MonoTime) Sign {
		return Sign{Index: 1, Kind: kind, Source: netip.MustParseAddr(source), Detail: kind.String(), At: at}
	}
	two := []string{"192.168.1.5", "10.67.0.1"}
	tests := []struct {
		name   string
		wanted string
		addrs  []string
		signs  []Sign
		want   string
	}{
		{"the first", "", two, nil, "192.168.1.5"},
		{"the master's subnet", "", two, []Sign{heard(SignPTP, "10.67.0.2", 1)}, "10.67.0.1"},
		{"the sessions' subnet", "", two, []Sign{heard(SignSAP, "10.67.0.2", 1)}, "10.67.0.1"},
		{"the master's rather than the sessions'", "", two, []Sign{heard(SignSAP, "192.168.1.7", 1), heard(SignPTP, "10.67.0.2", 1)}, "10.67.0.1"},
		{"of equals the one in use", "", two, []Sign{heard(SignPTP, "10.67.0.2", 1), heard(SignPTP, "192.168.1.7", 1)}, "192.168.1.5"},
		{"nobody's subnet", "", two, []Sign{heard(SignPTP, "172.16.0.2", 1)}, "192.168.1.5"},
		{"a sign without a source", "", two, []Sign{{Index: 1, Kind: SignPTP, At: 1}}, "192.168.1.5"},
		{"a sign on another interface", "", two, []Sign{{Index: 2, Kind: SignPTP, Source: netip.MustParseAddr("10.67.0.2"), At: 1}}, "192.168.1.5"},
		{"a sign from before it was plugged in", "", two, []Sign{heard(SignPTP, "10.67.0.2", -1)}, "192.168.1.5"},
		{"the narrower of two subnets", "", []string{"10.0.0.5/8", "10.67.0.1"}, []Sign{heard(SignPTP, "10.67.0.2", 1)}, "10.67.0.1"},
		{"a device without DHCP", "", []string{"192.168.1.5", "169.254.7.7/16"}, []Sign{heard(SignPTP, "169.254.9.9", 1)}, "169.254.7.7"},
		{"the wanted one", "10.67.0.1", two, []Sign{heard(SignPTP, "192.168.1.7", 1)}, "10.67.0.1"},
	}
	for _, test := range tests {
		for _, iface := range []string{Auto, "eno1"} {
			t.Run(test.name+", "+iface, func(t *testing.T) {
				w := newWorld(iface, viaDefault(wiredCard(1, ""), 1))
				w.readdress("eno1", test.addrs...)
				w.intent, w.signs = true, test.signs
				if test.wanted != "" {
					w.chooser.cfg.Address = netip.MustParseAddr(test.wanted)
				}
				w.until(10 * time.Second)
				if got := w.last.Addr.String(); !w.last.Use || got != test.want {
					t.Errorf("got %s, want %s: %+v", got, test.want, w.last)
				}
			})
		}
	}
}

// TestAddressMovesForABetterSignAlone has networks where both subnets live.
func TestAddressMovesForABetterSignAlone(t *testing.T) {
	w := newWorld("eno1", wiredCard(1, ""))
	w.readdress("eno1", "192.168.1.5", "10.67.0.1")
	var got []string
	step := func(signs ...Sign) {
		w.now += time.Second
		for i := range signs {
			signs[i].Index, signs[i].At = 1, aes67.MonoTime(w.now)
		}
		w.signs = signs
		w.decide()
		got = append(got, w.last.Addr.String())
	}
	here, there := netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("10.67.0.2")
	step()
	step(Sign{Kind: SignSAP, Source: there})
	step(Sign{Kind: SignSAP, Source: here}) // there it is silent for a while
	step(Sign{Kind: SignPTP, Source: here})
	step(Sign{Kind: SignPTP, Source: there})
	want := "192.168.1.5 10.67.0.1 10.67.0.1 192.168.1.5 192.168.1.5"
	if got := strings.Join(got, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestChooserTellsWhichAddressesThereAre(t *testing.T) {
	tests := []struct {
		iface string
		cards []Candidate
		want  string
	}{
		{"eno1", []Candidate{wiredCard(1, "192.168.1.5")}, "eno1: network.address 10.9.9.9 is not here; there are 192.168.1.5"},
		{Auto, []Candidate{wiredCard(1, "192.168.1.5"), wiredCard(2, "10.67.0.1")}, "network.address 10.9.9.9: no wired interface has it; there are eno1: 192.168.1.5, eno2: 10.67.0.1"},
		{Auto, []Candidate{wiredCard(1, "")}, "eno1: no IPv4 address; set one or start DHCP"},
	}
	for _, test := range tests {
		c := NewChooser(ChooserConfig{Interface: test.iface, Address: netip.MustParseAddr("10.9.9.9")})
		if d := c.Decide(0, test.cards, nil, true); d.Use || d.Reason != test.want {
			t.Errorf("got %+v, want %s", d, test.want)
		}
	}
}

func TestWantedAddressNamesItsInterface(t *testing.T) {
	w := newWorld(Auto, viaDefault(wiredCard(1, "192.168.1.5"), 1), wiredCard(2, "10.67.0.1"))
	w.chooser.cfg.Address = netip.MustParseAddr("10.67.0.1")
	w.intent = true
	w.until(10 * time.Second)
	if !w.last.Use || w.last.Index != 2 {
		t.Errorf("got %+v, want eno2", w.last)
	}
}

func TestReportSaysWhenTheOneInUseHasNoSign(t *testing.T) {
	w := newWorld(Auto, viaDefault(wiredCard(1, "192.168.1.5"), 1), wiredCard(2, "10.67.0.1"))
	w.intent = true
	w.until(10 * time.Second)
	w.hear("eno2", SignPTP)
	w.decide()
	want := `eno2: ptp-announce heard, and nothing on eno1, which is in use; if the speakers are there, say network.interface = "eno2"`
	if w.last.Report != want || !w.last.Astray {
		t.Errorf("got %+v, want %s", w.last, want)
	}
	w.hear("eno1", SignSAP)
	w.decide()
	if want = "eno2: ptp-announce heard; eno1 stays in use until it is down"; w.last.Report != want || w.last.Astray {
		t.Errorf("got %+v, want %s", w.last, want)
	}
}
