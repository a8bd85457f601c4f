package netif

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

func TestChooser(t *testing.T) {
	eno1, eno2 := wiredCard(1, "192.168.10.1"), wiredCard(2, "10.0.0.9")
	tests := []struct {
		name  string
		world *world
		play  func(w *world)
		want  string
	}{
		{
			"a sign during the listening time is taken at its end",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.until(2 * time.Second)
				w.hear("eno2", SignSAP)
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno2",
		},
		{
			"a program that is restarted goes on where it was, and waits no longer for it later",
			newWorld(Auto, eno1, eno2).resuming("eno2", "10.0.0.9"),
			func(w *world) { w.until(20 * time.Second) },
			"0s use eno2",
		},
		{
			"not with another address",
			newWorld(Auto, eno1, eno2).resuming("eno2", "10.0.0.8"),
			func(w *world) {
				w.until(20 * time.Second)
				w.chooser.cfg.LastAddr = netip.MustParseAddr("10.0.0.9")
				w.until(40 * time.Second)
			},
			"0s listen, 6s none",
		},
		{
			"PTP is a better sign than SAP, and SAP than DNS-SD",
			newWorld(Auto, eno1, eno2, wiredCard(3, "10.1.0.9")),
			func(w *world) {
				w.hear("eno1", SignDNSSD)
				w.hear("eno2", SignSAP)
				w.hear("eno3", SignPTP)
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno3 report",
		},
		{
			"of equal signs the one on the first interface counts",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno2", SignPTP)
				w.hear("eno1", SignPTP)
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1 report",
		},
		{
			"without a sign nothing is sent until a program plays; then the default route counts",
			newWorld(Auto, eno1, viaDefault(eno2, 100)),
			func(w *world) {
				w.until(100 * time.Second)
				w.intent = true
				w.until(200 * time.Second)
			},
			"0s listen, 6s none, 1m40s use eno2",
		},
		{
			"a program that plays from the start waits for the listening time as well",
			newWorld(Auto, viaDefault(eno1, 100)),
			func(w *world) {
				w.intent = true
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1",
		},
		{
			"of two default routes the preferred one counts",
			newWorld(Auto, viaDefault(eno1, 200), viaDefault(eno2, 100)),
			func(w *world) {
				w.intent = true
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno2",
		},
		{
			"no default route: the only wired interface",
			newWorld(Auto, loopback(), eno1, wifi(), bridge()),
			func(w *world) {
				w.intent = true
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1",
		},
		{
			"no default route and two wired interfaces: none, with a reason",
			newWorld(Auto, eno1, eno2, wifi()),
			func(w *world) {
				w.intent = true
				w.until(20 * time.Second)
			},
			"0s listen, 6s none",
		},
		{
			"what is chosen stays when the program stops",
			newWorld(Auto, viaDefault(eno1, 100)),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.intent = false
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1",
		},
		{
			"a sign while idle is taken at once",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.until(60 * time.Second)
				w.hear("eno1", SignDNSSD)
				w.until(70 * time.Second)
			},
			"0s listen, 6s none, 1m0s use eno1",
		},
		{
			"a sign on a cable plugged in while idle is taken at once",
			newWorld(Auto, eno1, wiredCard(2, "")),
			func(w *world) {
				w.until(60 * time.Second)
				w.readdress("eno2", "10.0.0.9")
				w.decide()
				w.hear("eno2", SignPTP)
				w.until(70 * time.Second)
			},
			"0s listen, 6s none, 1m0s none, 1m0s use eno2",
		},
		{
			"a sign that appears elsewhere later is reported, not followed",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignDNSSD)
				w.until(60 * time.Second)
				w.hear("eno2", SignPTP)
				w.until(70 * time.Second)
			},
			"0s listen, 6s use eno1, 1m0s use eno1 report",
		},
		{
			"it is followed when the chosen one has been down for a while",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignSAP)
				w.until(60 * time.Second)
				w.hear("eno2", SignPTP)
				w.until(70 * time.Second)
				w.unplug("eno1")
				w.until(90 * time.Second)
				w.plug("eno1")
				w.until(100 * time.Second)
			},
			"0s listen, 6s use eno1, 1m0s use eno1 report, 1m10s hold eno1 report, 1m15.5s use eno2",
		},
		{
			"and at once when the chosen one is gone",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignSAP)
				w.until(60 * time.Second)
				w.hear("eno2", SignPTP)
				w.until(70 * time.Second)
				w.remove("eno1")
				w.until(90 * time.Second)
			},
			"0s listen, 6s use eno1, 1m0s use eno1 report, 1m10s use eno2",
		},
		{
			"a cable plugged over within a moment changes nothing",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignSAP)
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(13 * time.Second)
				w.plug("eno1")
				w.until(30 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 13s use eno1",
		},
		{
			"plugged in again with another address it is another network",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignSAP)
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(13 * time.Second)
				w.plug("eno1")
				w.readdress("eno1", "172.16.0.5")
				w.until(30 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 13s none",
		},
		{
			"another address on the same cable is the same network",
			newWorld(Auto, eno1),
			func(w *world) {
				w.hear("eno1", SignSAP)
				w.until(10 * time.Second)
				w.readdress("eno1", "172.16.0.5")
				w.until(12 * time.Second)
				w.readdress("eno1")
				w.until(14 * time.Second)
				w.readdress("eno1", "172.16.0.6")
				w.until(30 * time.Second)
			},
			"0s listen, 6s use eno1, 10s use eno1, 12s hold eno1, 14s use eno1",
		},
		{
			"a laptop that comes to another network is silent there",
			newWorld(Auto, viaDefault(eno1, 100)),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(100 * time.Second)
				w.plug("eno1") // what was heard before does not count any more
				w.until(200 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 15.5s none, 1m40s none",
		},
		{
			"a program that plays through an outage does not mean another network",
			newWorld(Auto, eno1, viaDefault(eno2, 100)),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(60 * time.Second)
				w.plug("eno1")
				w.until(100 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 15.5s none, 1m0s use eno1",
		},
		{
			"a program that begins to play after it does",
			newWorld(Auto, eno1, viaDefault(eno2, 100)),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(60 * time.Second)
				w.intent = false
				w.until(61 * time.Second)
				w.intent = true
				w.until(70 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 15.5s none, 1m0s none, 1m1s use eno2",
		},
		{
			"a card renamed while a program plays is the same",
			newWorld(Auto, viaDefault(eno1, 100), eno2),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.decide()
				w.at("eno1").Name = "lan0"
				w.until(12 * time.Second)
				w.plug("lan0")
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 10s hold lan0, 12s use lan0",
		},
		{
			"and after a long outage",
			newWorld(Auto, viaDefault(eno1, 100), eno2),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(60 * time.Second)
				w.at("eno1").Name = "lan0"
				w.plug("lan0")
				w.until(80 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 15.5s none, 1m0s use lan0",
		},
		{
			"a card that comes back with another index and name is taken at once",
			newWorld(Auto, viaDefault(eno1, 100), eno2),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.remove("eno1")
				w.until(60 * time.Second)
				w.candidates = append(w.candidates, replugged(eno1, 7, "192.168.10.9"))
				w.until(80 * time.Second)
			},
			"0s listen, 6s use eno1, 10s none, 1m0s use eno7",
		},
		{
			"with nothing playing as well, if it was a moment",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.until(10 * time.Second)
				w.remove("eno1")
				w.until(13 * time.Second)
				w.candidates = append(w.candidates, replugged(eno1, 7, "192.168.10.1"))
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1, 10s none, 13s use eno7",
		},
		{
			"but not later, nor in another subnet",
			newWorld(Auto, eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.until(10 * time.Second)
				w.remove("eno1")
				w.until(12 * time.Second)
				w.candidates = append(w.candidates, replugged(eno1, 7, "192.168.11.1"))
				w.until(30 * time.Second)
				w.readdress("eno7", "192.168.10.1")
				w.until(40 * time.Second)
			},
			"0s listen, 6s use eno1, 10s none, 12s none",
		},
		{
			"another card comes in its place while a program plays",
			newWorld(Auto, viaDefault(eno1, 100), eno2),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.remove("eno1")
				w.until(60 * time.Second)
				w.candidates = append(w.candidates, wiredCard(7, "192.168.10.9"))
				w.until(80 * time.Second)
			},
			"0s listen, 6s use eno1, 10s none, 1m0s use eno7",
		},
		{
			"a second card in the same subnet goes on within a moment",
			newWorld(Auto, viaDefault(eno1, 100), wiredCard(2, "192.168.10.2")),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 13s use eno2",
		},
		{
			"link-local addresses are of one subnet everywhere, and tell nothing",
			newWorld(Auto, wiredCard(1, "169.254.1.1/16"), wiredCard(2, "169.254.2.2/16")),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.intent = true
				w.until(10 * time.Second)
				w.unplug("eno1")
				w.until(20 * time.Second)
			},
			"0s listen, 6s use eno1, 10s hold eno1, 15.5s none",
		},
		{
			"a cable without DHCP is used like any other",
			newWorld(Auto, wifi(), wiredCard(1, "169.254.1.1/16")),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
			},
			"0s listen, 6s use eno1",
		},
		{
			"a named interface is the same under another name",
			newWorld("eno1", eno1, eno2),
			func(w *world) {
				w.until(10 * time.Second)
				w.at("eno1").Name = "lan0"
				w.until(20 * time.Second)
				w.remove("lan0")
				w.candidates = append(w.candidates, replugged(eno1, 7, "192.168.11.1"))
				w.until(30 * time.Second)
			},
			"0s use eno1, 10s use lan0, 20s use eno7",
		},
		{
			"a card with the address of the named one, and beside it, is not it",
			newWorld("eno1", eno1, replugged(eno1, 7, "192.168.10.7")),
			func(w *world) {
				w.until(10 * time.Second)
				w.remove("eno1")
				w.until(20 * time.Second)
				w.candidates = append(w.candidates, replugged(eno1, 8, "192.168.10.1"))
				w.until(30 * time.Second)
			},
			"0s use eno1, 10s none, 20s use eno8",
		},
		{
			"a bridge in use stays in use with a second card in it",
			newWorld(Auto, eno1),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.until(10 * time.Second)
				w.at("eno1").Wired = false
				w.until(30 * time.Second)
			},
			"0s listen, 6s use eno1",
		},
		{
			"a cable plugged in later is listened to before intent counts",
			newWorld(Auto, wifi(), wiredCard(1, "")),
			func(w *world) {
				w.intent = true
				w.until(60 * time.Second)
				w.readdress("eno1", "192.168.10.1")
				w.until(70 * time.Second)
			},
			"0s none, 1m0s listen, 1m6s use eno1",
		},
		{
			"Wi-Fi, bridges and the loopback are not chosen",
			newWorld(Auto, loopback(), wifi(), bridge()),
			func(w *world) {
				w.intent = true
				for _, name := range []string{"lo", "wlan0", "docker0"} {
					w.hear(name, SignPTP)
				}
				w.until(20 * time.Second)
			},
			"0s none",
		},
		{
			"a named interface is used at once",
			newWorld("eno2", eno1, eno2),
			func(w *world) {
				w.hear("eno1", SignPTP)
				w.until(20 * time.Second)
			},
			"0s use eno2",
		},
		{
			"Wi-Fi that is named is used",
			newWorld("wlan0", eno1, wifi()),
			func(w *world) { w.until(20 * time.Second) },
			"0s use wlan0",
		},
		{
			"a named interface is waited for",
			newWorld("eno1", eno2),
			func(w *world) {
				w.intent = true
				w.until(10 * time.Second)
				w.candidates = append(w.candidates, wiredCard(1, ""))
				w.unplug("eno1")
				w.until(20 * time.Second)
				w.plug("eno1")
				w.until(30 * time.Second)
				w.readdress("eno1", "192.168.10.1")
				w.until(40 * time.Second)
				w.unplug("eno1")
				w.until(50 * time.Second)
				w.plug("eno1")
				w.until(60 * time.Second)
			},
			"0s none, 10s hold eno1, 20s hold eno1, 30s use eno1, 40s hold eno1, 50s use eno1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.play(test.world)
			if diff := cmp.Diff(test.world.lines, strings.Split(test.want, ", ")); diff != "" {
				t.Errorf("-got +want:\n%s\nreasons:\n%s", diff, strings.Join(test.world.reasons, "\n"))
			}
			for _, surprise := range test.world.surprises {
				t.Errorf("changed before the instant that was named: %s", surprise)
			}
			for _, reason := range test.world.reasons {
				if reason == "" {
					t.Error("a decision without a reason")
				}
			}
		})
	}
}

func TestChooserTellsWhy(t *testing.T) {
	eno1, eno2, bare, unplugged := wiredCard(1, "192.168.10.1"), wiredCard(2, "10.0.0.9"), wiredCard(1, ""), wiredCard(1, "")
	unplugged.Carrier = false
	sign := []Sign{{Index: 1, Kind: SignPTP, Detail: "PTP grandmaster 00-1B-21-FF-FE-3A-4C-5D heard (domain 0)", At: 1}}
	tests := []struct {
		name       string
		iface      string
		candidates []Candidate
		signs      []Sign
		intent     bool
		want       string
	}{
		{"a sign", Auto, []Candidate{eno1, eno2}, sign, false, "eno1: PTP grandmaster 00-1B-21-FF-FE-3A-4C-5D heard (domain 0)"},
		{"idle", Auto, []Candidate{eno1, eno2}, nil, false, "no sign of AES67 on eno1, eno2; waiting until a program plays"},
		{"intent and the default route", Auto, []Candidate{viaDefault(eno1, 1), eno2}, nil, true, "eno1: a program played, and the default route was here"},
		{"intent and nothing else", Auto, []Candidate{eno1}, nil, true, "eno1: a program played, and this was the only wired interface with carrier and address"},
		{"intent and no answer", Auto, []Candidate{eno1, eno2}, nil, true, "a program plays, but none of eno1, eno2 has a sign of AES67 or the default route; name one in network.interface"},
		{"a port", "eno1", []Candidate{portOf(eno1, "br0"), bridge()}, nil, false, "eno1 is a port of br0; say network.interface = \"br0\""},
		{"ports alone", Auto, []Candidate{portOf(eno1, "br0"), portOf(eno2, "br0")}, nil, true, "eno1 is a port of br0; say network.interface = \"br0\""},
		{"a bridge and its card", Auto, []Candidate{portOf(eno2, "eno1"), bare}, nil, true, "eno1: no IPv4 address; set one or start DHCP"},
		{"another name", "enp1s0", []Candidate{alsoCalled(eno1, "enp1s0")}, nil, false, "eno1: named in network.interface as enp1s0"},
		{"no carrier", Auto, []Candidate{unplugged}, nil, true, "eno1: no carrier; check the cable, the switch and that the interface is up"},
		{"no address", Auto, []Candidate{bare}, nil, true, "eno1: no IPv4 address; set one or start DHCP"},
		{"two without", Auto, []Candidate{bare, wiredCard(2, "")}, nil, true, "none of eno1, eno2 has carrier and an IPv4 address; plug in a cable"},
		{"Wi-Fi alone", Auto, []Candidate{loopback(), wifi()}, nil, true, "no wired interface; AES67 wants one, but wlan0 is used if network.interface names it"},
		{"nothing at all", Auto, []Candidate{loopback()}, nil, true, "no wired interface; plug one in, or name another kind in network.interface"},
		{"named", "eno1", []Candidate{eno1}, nil, false, "eno1: named in network.interface"},
		{"named Wi-Fi", "wlan0", []Candidate{wifi()}, nil, false, "wlan0: named in network.interface (Wi-Fi: expect gaps, multicast is not repeated there when it is lost)"},
		{"named but missing", "eno9", []Candidate{eno1, wifi()}, nil, false, `network.interface "eno9": no such interface, waiting for it; there are eno1, wlan0`},
		{"named, no carrier", "eno1", []Candidate{unplugged}, nil, false, "eno1: no carrier; check the cable, the switch and that the interface is up"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := NewChooser(ChooserConfig{Interface: test.iface})
			c.Decide(0, test.candidates, test.signs, test.intent)
			if got := c.Decide(aes67.MonoTime(DefaultListen), test.candidates, test.signs, test.intent).Reason; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestChooserListensOnWhatComesIntoQuestion(t *testing.T) {
	all := []Candidate{loopback(), wiredCard(3, "10.1.0.9"), wiredCard(1, "192.168.10.1"), wiredCard(2, ""), wifi(), bridge()}
	for iface, want := range map[string][]int{Auto: {1, 3}, "eno1": {1}, "wlan0": {101}, "eno2": nil, "eno9": nil} {
		if got := NewChooser(ChooserConfig{Interface: iface}).Interfaces(all); !cmp.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", iface, got, want)
		}
	}
}

func TestChooserTellsSinceWhenItListens(t *testing.T) {
	c := NewChooser(ChooserConfig{Interface: Auto, Listen: time.Second})
	up := []Candidate{wiredCard(1, "192.168.10.1")}
	c.Decide(5, nil, nil, true)
	c.Decide(7, up, nil, true)
	if d := c.Decide(aes67.MonoTime(7+time.Second), up, nil, true); !d.Use || d.Since != 7 {
		t.Errorf("got %+v, want it in use since 7", d)
	}
}

// TestChooserKeepsItsPromises plays at random and checks what must hold always.
func TestChooserKeepsItsPromises(t *testing.T) {
	for seed := range uint64(200) {
		r := newRandom(seed)
		w := newWorld(Auto, wiredCard(1, "192.168.10.1"), viaDefault(wiredCard(2, "10.0.0.9"), 100), wifi(), bridge())
		meant, signed := false, false
		for range 400 {
			switch r.IntN(12) {
			case 0:
				w.at("eno1").Carrier = !w.at("eno1").Carrier
			case 1:
				w.at("eno2").Carrier = !w.at("eno2").Carrier
			case 2:
				w.hear([]string{"eno1", "eno2", "wlan0"}[r.IntN(3)], SignKind(1+r.IntN(3)))
				signed = true
			case 3:
				w.intent = !w.intent
			}
			meant = meant || w.intent
			w.decide()
			d := w.last
			e := find(w.candidates, func(e *Candidate) bool { return e.Index == d.Index })
			switch {
			case d.Use && (e == nil || !e.eligible()):
				t.Fatalf("seed %d, %v: uses %+v", seed, w.now, e)
			case d.Use && !meant && !signed:
				t.Fatalf("seed %d, %v: sends without sign or intent: %s", seed, w.now, d.Reason)
			case d.Use && w.now < DefaultListen:
				t.Fatalf("seed %d, %v: sends before it has listened: %s", seed, w.now, d.Reason)
			case d.Use && d.Listening, d.Reason == "":
				t.Fatalf("seed %d, %v: %+v", seed, w.now, d)
			}
			w.now += 500 * time.Millisecond
		}
	}
}
