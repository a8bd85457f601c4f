package e2e

import (
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/sdp"
)

// legs are what receivers of a redundant stream do: hear one leg alone, or both.
type legs struct{ first, second, both listener }

// listenOnLegs receives a stream of two legs in each way.
func listenOnLegs(t testing.TB, w wire, d sdp.Description, record time.Duration) (l legs) {
	t.Helper()
	described := d.Legs()
	if len(described) != 2 {
		t.Fatalf("%q has %d legs, want 2", d.Name, len(described))
	}
	w.inside(t, speaker, func(eth0 net.Interface) error {
		eth1, err := net.InterfaceByName("eth1")
		if err != nil {
			return err
		}
		other := lab.SecondLeg{Interface: *eth1, Group: described[1].Group, Port: described[1].Port}
		for _, r := range []struct {
			into   *listener
			iface  net.Interface
			leg    sdp.Description
			second lab.SecondLeg
		}{{&l.first, eth0, described[0], lab.SecondLeg{}}, {&l.second, *eth1, described[1], lab.SecondLeg{}}, {&l.both, eth0, described[0], other}} {
			subscription, err := lab.Subscribe(r.leg)
			if err != nil {
				return err
			}
			receiver, err := lab.NewReceiver(lab.ReceiverConfig{
				Interface: r.iface, Subscription: subscription, Second: r.second, Keep: true,
				Record: aes67.FramesIn(record, subscription.Stream.Rate),
			})
			if err != nil {
				return err
			}
			*r.into = listener{receiver, subscription.Name}
		}
		return nil
	})
	for _, r := range []listener{l.first, l.second, l.both} {
		beside(t, "receiver", r.Run)
	}
	return l
}

// same holds what one leg brought to what both did: each sample that came is the same,
// bit for bit. It returns how many frames are compared.
func same(t testing.TB, name string, one, both lab.Recording) (compared int) {
	t.Helper()
	shift := int(one.Start.Sub(both.Start))
	missing := func(frame int) bool {
		return slices.ContainsFunc(one.Gaps, func(g lab.Run) bool { return frame >= g.Frame && frame < g.Frame+g.Length })
	}
	for c := range one.Channels {
		for i, v := range one.Channels[c] {
			at := i + shift
			if len(one.Splices) > 0 && i >= one.Splices[0] {
				break // it was away for so long that nobody knows where it goes on
			}
			if at < 0 || at >= len(both.Channels[c]) || v == 0 && missing(i) {
				continue
			}
			if v != both.Channels[c][at] {
				t.Errorf("%s: channel %d, frame %d is %g, of both legs %g", name, c, i, v, both.Channels[c][at])
				return compared
			}
			compared++
		}
	}
	return compared
}

// ownGaps counts the places where one leg goes on without what was before, and its gaps up
// to the first of them, but for those of what the sender left out, which both have.
func ownGaps(one, both lab.Recording) (n int) {
	const near = 480 // frames: packets that one leg lost beside
	shift := int(one.Start.Sub(both.Start))
	for _, g := range one.Gaps {
		if len(one.Splices) > 0 && g.Frame >= one.Splices[0] {
			break // nobody knows where that is
		}
		from := g.Frame + shift
		if !slices.ContainsFunc(both.Gaps, func(b lab.Run) bool {
			return max(b.Frame-from, from-b.Frame) <= near && max(b.Length-g.Length, g.Length-b.Length) <= near
		}) {
			n++
		}
	}
	return n + len(one.Splices)
}

// TestOneLegIsPulled plays over two networks and takes away one interface after the
// other: receivers of both hear each packet, receivers of one leg all but what was sent
// while theirs was away, and one sentence tells which it is.
func TestOneLegIsPulled(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		w := newWire(t)
		mustOutput(t, nil, script("net.sh"), "second", w.prefix)
		startGrandmaster(t, w, 20_000)
		s := startServer(t, "pipewire")
		b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", "network.secondary=eth1")
		b.loud(15 * time.Second)
		s.realtime()
		b.follows(40 * time.Second)
		s.play(makeTones(t, 120*time.Second))
		b.playing(5 * time.Second)
		var l [2]legs
		for i, description := range b.descriptions() {
			d := described(t, description)
			l[i] = listenOnLegs(t, w, d, 90*time.Second)
		}
		l[0].both.lasts(t, 2*time.Second)
		from := rtthread.Now()

		ip := func(arguments ...string) {
			t.Helper()
			mustOutput(t, nil, append([]string{"ip", "-n", w.prefix + "-" + pc}, arguments...)...)
		}
		say := func(code string) {
			t.Helper()
			b.reaches(15*time.Second, "the problem is "+code, func(r report) bool {
				return slices.Equal(ofTheNetwork(r), []string{code})
			})
		}
		well := func() {
			t.Helper()
			b.reaches(30*time.Second, "all is well", func(r report) bool {
				return r.State == "sending" && len(ofTheNetwork(r)) == 0
			})
		}
		hears := func(leg listener) { t.Helper(); leg.heardUntil(t, rtthread.Now()) }

		var later []legs
		anew := func() { // receivers that begin now: those of one leg have lost their place in the other's recording
			t.Helper()
			for _, description := range b.descriptions() {
				later = append(later, listenOnLegs(t, w, described(t, description), 10*time.Second))
			}
			for _, r := range later[len(later)-2:] {
				r.first.lasts(t, time.Second)
				r.second.lasts(t, time.Second)
			}
		}

		ip("link", "set", "eth1", "down")
		say("second-leg-lost")
		ip("link", "set", "eth1", "up")
		well()
		hears(l[0].second)
		anew()

		ip("link", "set", "eth0", "down")
		say("first-leg-lost")
		b.reaches(5*time.Second, "the clock runs on", func(r report) bool { return r.State == "holdover" })
		pass(time.Second)
		ip("link", "set", "eth0", "up")
		ip("route", "replace", "224.0.0.0/4", "dev", "eth0")
		well()
		b.follows(30 * time.Second)
		hears(l[0].first)
		anew()

		alike := func(side string, r legs) {
			t.Helper()
			both := r.both.Recording()
			for name, leg := range map[string]listener{"first": r.first, "second": r.second} {
				n := same(t, side+", "+name+" leg", leg.Recording(), both)
				figures.atLeast(t, side+", "+name+" leg alike", float64(n), 40_000, "frames") // a second nearly
			}
		}
		for i, side := range sides {
			l[i].both.judgeMerged(t, side.name)
			for _, r := range []legs{l[i], later[i], later[2+i]} {
				alike(side.name, r)
			}
			gaps := ownGaps(l[i].first.Recording(), l[i].both.Recording())
			figures.so(t, side.name+": gaps of the first leg alone", gaps == 1, strconv.Itoa(gaps), "the one in which it was down")
			judgeTone(t, "both legs "+side.name, l[i].both.heard().since(from), 5*time.Second, side, ofSound(0))
		}

		ip("link", "del", "eth1") // pulled out: it comes back as another
		say("second-leg-lost")
		mustOutput(t, nil, script("net.sh"), "second", w.prefix)
		well()
		anew()
		for i, side := range sides {
			alike(side.name, later[4+i])
		}
	})
}

// ofTheNetwork are the problems but for those of the machine, and of the lab, which has
// no Avahi.
func ofTheNetwork(r report) (codes []string) {
	for _, f := range r.Problems {
		if f.Code != "mdns-silent" && !ofTheMachine(f.Code, rtthread.Now()) {
			codes = append(codes, string(f.Code))
		}
	}
	return codes
}

// judgeMerged is judgeContinuity for copies that come twice.
func (l listener) judgeMerged(t testing.TB, name string) {
	t.Helper()
	r := l.Report(0)
	if r.Duplicates == 0 || r.SSRCChanges+r.SequenceRestarts+r.Malformed+r.WrongSize+r.WrongPayload != 0 {
		t.Errorf("%s: of both legs %+v: want many twice, and all of one stream", name, r.Counts)
	}
	figures.atMost(t, name+" packets lost of both legs, or jumping", float64(r.Lost)+l.jumps(t, name, r.TimestampJumps), 0, "")
}

// described reads a description.
func described(t testing.TB, path string) sdp.Description {
	t.Helper()
	d, err := sdp.Parse(must(os.ReadFile(path)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
