package netif

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"aes67-sink/aes67"
)

// world plays a chooser in simulated time and writes down each decision that
// differs from the one before.
type world struct {
	chooser    *Chooser
	now        time.Duration
	candidates []Candidate
	signs      []Sign
	intent     bool
	last       Decision
	next       aes67.MonoTime // of the last decision
	surprises  []string       // decisions that changed by themselves, before the instant that was named
	lines      []string
	reasons    []string
}

func newWorld(iface string, candidates ...Candidate) *world {
	return &world{chooser: NewChooser(ChooserConfig{Interface: iface}), candidates: candidates}
}

// resuming lets the world begin after a restart.
func (w *world) resuming(last, address string) *world {
	w.chooser.cfg.Last, w.chooser.cfg.LastAddr = last, netip.MustParseAddr(address)
	return w
}

// until decides twice a second up to an instant.
func (w *world) until(end time.Duration) {
	for before := ""; w.now <= end; w.now += 500 * time.Millisecond {
		due := w.next != 0 && w.next <= aes67.MonoTime(w.now)
		w.decide()
		now := fmt.Sprintf("%+v", w.last)
		if before != "" && now != before && !due {
			w.surprises = append(w.surprises, fmt.Sprintf("%v %s", w.now, now))
		}
		before = now
	}
	w.now = end
}

func (w *world) decide() {
	now := aes67.MonoTime(w.now)
	d := w.chooser.Decide(now, w.candidates, w.signs, w.intent)
	w.next, d.Next = d.Next, 0
	if d == w.last {
		return
	}
	w.last = d
	name := "-"
	if e := find(w.candidates, func(e *Candidate) bool { return e.Index == d.Index }); e != nil {
		name = e.Name
	}
	line := fmt.Sprintf("%v ", w.now)
	switch {
	case d.Use:
		line += "use " + name
	case d.Index != 0:
		line += "hold " + name
	case d.Listening:
		line += "listen"
	default:
		line += "none"
	}
	if d.Report != "" {
		line += " report"
	}
	w.lines = append(w.lines, line)
	w.reasons = append(w.reasons, d.Reason)
}

func (w *world) at(name string) *Candidate {
	return find(w.candidates, func(e *Candidate) bool { return e.Name == name })
}

// hear notes a sign; it was heard now and will not be heard again.
func (w *world) hear(name string, kind SignKind) {
	w.signs = append(w.signs, Sign{Index: w.at(name).Index, Kind: kind, Detail: kind.String() + " heard", At: aes67.MonoTime(w.now)})
}

func (w *world) unplug(name string) { w.at(name).Carrier = false }
func (w *world) plug(name string)   { w.at(name).Carrier = true }

// readdress gives an interface other addresses, in networks of 24 bits unless
// they say otherwise.
func (w *world) readdress(name string, addrs ...string) { w.at(name).Addrs = prefixes(addrs...) }

func prefixes(addrs ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addrs {
		if !strings.Contains(a, "/") {
			a += "/24"
		}
		out = append(out, netip.MustParsePrefix(a))
	}
	return out
}

func (w *world) remove(name string) {
	var rest []Candidate
	for _, e := range w.candidates {
		if e.Name != name {
			rest = append(rest, e)
		}
	}
	w.candidates = rest
}

// Interfaces as they may be in a machine.
func wiredCard(index int, addr string) Candidate {
	e := Candidate{
		Index: index, Name: fmt.Sprintf("eno%d", index), Kind: "device", MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)},
		Carrier: true, Wired: true, MTU: 1500,
	}
	if addr != "" {
		e.Addrs = prefixes(addr)
	}
	return e
}

// replugged is a card that comes back under another name.
func replugged(was Candidate, index int, addr string) Candidate {
	e := wiredCard(index, addr)
	e.MAC = was.MAC
	return e
}

func portOf(e Candidate, master string) Candidate {
	e.Master = master
	return e
}

func alsoCalled(e Candidate, name string) Candidate {
	e.AltNames = []string{name}
	return e
}

func viaDefault(e Candidate, metric int) Candidate {
	e.DefaultRoute, e.Metric = true, metric
	return e
}

func loopback() Candidate {
	return Candidate{Index: 100, Name: "lo", Kind: "device", Addrs: prefixes("127.0.0.1/8"), Carrier: true, Loopback: true}
}

func wifi() Candidate {
	return Candidate{Index: 101, Name: "wlan0", Kind: "device", Addrs: prefixes("10.9.0.2"), Carrier: true, Wireless: true, DefaultRoute: true, Metric: 600}
}

func bridge() Candidate {
	return Candidate{Index: 102, Name: "docker0", Kind: "bridge", Addrs: prefixes("172.17.0.1/16"), Carrier: true}
}
