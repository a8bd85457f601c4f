package bridge

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/sdp"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// foreign is a session of somebody at an address.
func foreign(name, address string, id uint64, group netip.Addr) Foreign {
	return Foreign{Name: name, Origin: sdp.Origin{User: "-", ID: id, Version: 1, Addr: addr(address)}, Group: group, Port: 5004}
}

// among lets the world hear others.
func (w *world) among(others ...Foreign) { w.others = &Neighbours{Host: "pc", Sessions: others} }

func TestWhatOthersHaveBeforeTheStartIsAvoided(t *testing.T) {
	w, b := newWorld(t)
	derived, _ := testPlan(1).Groups(addr("192.168.10.1"), nil)
	// All from a higher address, that would have to move later.
	w.among(foreign("PC LEFT", "192.168.10.200", 12, derived[0]))
	b.look(w.mono)
	w.expect(t, "start eno1 2", "announce eno1 2")
	left, right := w.announced[0], w.announced[1]
	if left.Stream.Name != "pc left #2" || right.Stream.Name != "pc right #2" {
		t.Errorf("names %q, %q: want both with #2", left.Stream.Name, right.Stream.Name)
	}
	if left.Stream.Group == derived[0] || right.Stream.Group != derived[1] {
		t.Errorf("groups %v, %v: want another than %v and %v", left.Stream.Group, right.Stream.Group, derived[0], derived[1])
	}
	if left.ID != 11 || right.ID == 12 {
		t.Errorf("ids %d, %d: want 11 and not 12", left.ID, right.ID)
	}
}

func TestOfTwoSessionsOnOneGroupTheHigherMoves(t *testing.T) {
	for _, test := range []struct {
		name, address string
		id            uint64
		moves         bool
	}{
		{"the other's address is lower", "192.168.10.0", 99, true},
		{"the other's address is higher", "192.168.10.2", 1, false},
		{"as numbers, not as text", "192.168.9.255", 1, true},
		{"one address, the other's id is lower", "192.168.10.1", 5, true},
		{"one address, the other's id is higher", "192.168.10.1", 500, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, b := newWorld(t)
			b.look(w.mono)
			w.diary = nil
			before := w.announced
			w.among(foreign("somebody", test.address, test.id, before[0].Stream.Group))
			b.look(w.mono)
			if !test.moves {
				w.expect(t)
				if got := strings.Join(b.Snapshot().Problems, "; "); got != "" {
					t.Errorf("problem %q while the other has time to move", got)
				}
				w.mono = w.mono.Add(contestAfter - 1)
				next := b.look(w.mono)
				if got := strings.Join(b.Snapshot().Problems, "; "); got != "" || next != w.mono.Add(1) {
					t.Errorf("problem %q at the end of that time, to be looked at again at %v", got, next)
				}
				w.mono = next
				if next = b.look(w.mono); next != 0 {
					t.Errorf("told, and yet another look is due at %v", next)
				}
				w.expect(t)
				if got := strings.Join(b.Snapshot().Problems, "; "); !strings.Contains(got, `is also used by "somebody"`) {
					t.Errorf("problem %q, want one that names the other", got)
				}
				w.among()
				b.look(w.mono)
				if got := strings.Join(b.Snapshot().Problems, "; "); got != "" {
					t.Errorf("problem %q when the other is gone", got)
				}
				return
			}
			w.expect(t, "announce eno1 0", "stop", "start eno1 2", "announce eno1 2")
			if g := w.announced[0].Stream.Group; g == before[0].Stream.Group || g == before[1].Stream.Group {
				t.Errorf("moved to %v from %v", g, before[0].Stream.Group)
			}
			if w.announced[0].Version <= before[0].Version {
				t.Errorf("version %d, was %d", w.announced[0].Version, before[0].Version)
			}
			if w.announced[1].Stream.Group != before[1].Stream.Group {
				t.Error("the other stream moved too")
			}
			if w.kept.Streams[0].Group != w.announced[0].Stream.Group {
				t.Errorf("kept %+v", w.kept)
			}
		})
	}
}

func TestAGroupThatTheUserGaveIsKept(t *testing.T) {
	w, b := newWorld(t)
	b.sessions.plan.Streams[0].Group, b.sessions.plan.Streams[1].Group = addr("239.1.2.3"), addr("239.1.2.4")
	w.among(foreign("somebody", "192.168.10.0", 5, addr("239.1.2.3")))
	b.look(w.mono)
	b.look(w.mono)
	w.expect(t, "start eno1 2", "announce eno1 2")
	if got := w.announced[0].Stream.Group; got != addr("239.1.2.3") {
		t.Errorf("group %v", got)
	}
}

func TestARenamedHostRenamesTheSessionsWithoutStoppingThem(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	w.diary = nil
	w.others = &Neighbours{Host: "studio"}
	b.look(w.mono)
	w.expect(t, "announce eno1 2")
	if got := w.announced[1]; got.Stream.Name != "studio right" || got.Version != 1001 {
		t.Errorf("session %+v", got)
	}
}

func TestARefusedNameGetsANumberAndKeepsIt(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	w.diary = nil
	w.others = &Neighbours{Host: "pc", Refused: []string{"pc right"}}
	b.look(w.mono)
	w.expect(t, "announce eno1 2")
	w.others = &Neighbours{Host: "pc", Refused: []string{"pc right #2"}}
	b.look(w.mono)
	w.others = &Neighbours{Host: "pc"}
	b.look(w.mono)
	if got := []string{w.announced[0].Stream.Name, w.announced[1].Stream.Name}; !slices.Equal(got, []string{"pc left #3", "pc right #3"}) {
		t.Errorf("names %q", got)
	}
	// The next run begins with it, and with the host's own name again only when
	// the host has another one.
	plan := testPlan(1, 2)
	plan.Identity = w.kept
	next := newSessions(plan)
	if _, err := next.settle(addr("192.168.10.1"), &Neighbours{Host: "pc"}); err != nil || next.names[0] != "pc left #3" {
		t.Errorf("the next run's names are %q, %v", next.names, err)
	}
	if _, err := next.settle(addr("192.168.10.1"), &Neighbours{Host: "den"}); err != nil || next.names[0] != "den left" {
		t.Errorf("after a rename the names are %q, %v", next.names, err)
	}
}

func TestANumberGoesBackAtTheNextStart(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	taken := foreign("pc left", "192.168.10.0", 5, addr("239.1.2.3"))
	w.among(taken)
	b.look(w.mono)
	if got := w.announced[0].Stream.Name; got != "pc left #2" {
		t.Fatalf("beside another of its name it is %q", got)
	}
	nextNames := func() string {
		plan := testPlan(1, 2)
		plan.Identity = w.kept
		next := newSessions(plan)
		if _, err := next.settle(addr("192.168.10.1"), &Neighbours{Host: "pc"}); err != nil {
			t.Fatal(err)
		}
		return next.names[0]
	}
	w.others = &Neighbours{Host: "pc"} // it is gone
	again := b.look(w.mono)
	w.mono = again - 1
	b.look(w.mono)
	if got := nextNames(); got != "pc left #2" {
		t.Errorf("after a moment the next run would be %q", got)
	}
	w.mono = again
	b.look(w.mono)
	if got := w.announced[0].Stream.Name; got != "pc left #2" {
		t.Errorf("renamed to %q while receivers know it", got)
	}
	if got := nextNames(); got != "pc left" {
		t.Errorf("after two minutes the next run would be %q", got)
	}
	w.among(taken) // and is back
	b.look(w.mono)
	if got := nextNames(); got != "pc left #2" {
		t.Errorf("the name is taken, and the next run would be %q", got)
	}
}

func TestSessionsAreNotChasedForEver(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	moves := 0
	chase := func() {
		w.mono = w.mono.Add(20 * time.Second)
		before := w.announced[0].Stream.Group
		w.among(foreign("mirror", "192.168.10.0", 5, before)) // whatever it is, and by better right
		b.look(w.mono)
		b.look(w.mono)
		if w.announced[0].Stream.Group != before {
			moves++
		}
	}
	for range mostMovings + 5 {
		chase()
	}
	if moves != mostMovings {
		t.Errorf("moved %d times in five minutes, want %d", moves, mostMovings)
	}
	w.mono = w.mono.Add(contestAfter)
	b.look(w.mono)
	if got := strings.Join(b.Snapshot().Problems, "; "); !strings.Contains(got, `is also used by "mirror"`) {
		t.Errorf("it stays, and the problem is %q", got)
	}
	w.mono = w.mono.Add(movesIn)
	if chase(); moves != mostMovings+1 {
		t.Errorf("moved %d times, want one more after %v", moves, movesIn)
	}
}

// claimed lets somebody else have the first session's name, 20 s later.
func (w *world) claimed() (name string) {
	w.mono = w.mono.Add(20 * time.Second)
	name = w.announced[0].Stream.Name
	w.others = &Neighbours{Host: "pc", Refused: []string{name}}
	return name
}

// Somebody who claims each next name by mDNS, too, has the sessions move so often and no more;
// a network where nothing was announced yet is begun with names that nobody has.
func TestSessionsAreNotRenamedForEver(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	renamings := 0
	claim := func() {
		before := w.claimed()
		b.look(w.mono)
		if w.announced[0].Stream.Name != before {
			renamings++
		}
	}
	for range mostMovings + 5 {
		claim()
	}
	if renamings != mostMovings {
		t.Errorf("renamed %d times in five minutes, want %d", renamings, mostMovings)
	}
	claimed := w.announced[0].Stream.Name
	w.in.Network.Chosen.Address = addr("10.0.0.7")
	b.look(w.mono)
	b.look(w.mono)
	if got := w.announced[0].Stream.Name; got == claimed {
		t.Errorf("begins on another network with the name %q, which somebody else has", got)
	}
}

// Nothing is looked at again and again where the network went while a session stayed.
func TestASessionThatStayedAndEndedIsNotLookedAt(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	for range mostMovings + 1 {
		w.claimed()
		b.look(w.mono)
	}
	w.in.Network.Usable = false
	w.mono = w.mono.Add(movesIn)
	if next := b.look(w.mono); next != 0 && next <= w.mono {
		t.Errorf("at %v looks again at %v", w.mono, next)
	}
}

// Who has moved too often moves once more when he may, though nothing new is heard.
func TestASessionThatStayedMovesWhenItMay(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	for range mostMovings + 1 {
		w.claimed()
		b.look(w.mono)
	}
	claimed, start := w.claimed(), w.mono
	for next := b.look(w.mono); next != 0 && w.mono.Sub(start) < movesIn; next = b.look(w.mono) {
		if next <= w.mono {
			t.Fatalf("at %v looks again at %v", w.mono, next)
		}
		w.mono = next
	}
	if got := w.announced[0].Stream.Name; got == claimed {
		t.Errorf("still %q, which somebody else has, %v later", got, w.mono.Sub(start))
	}
}

func TestIdentityLasts(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	first := w.announced
	plan := testPlan(77, 78)
	plan.Identity = w.kept
	later := &world{in: w.in, now: 5, others: &Neighbours{Host: "pc"}} // its wall clock is wrong
	again := New(later, b.rooms, plan, RestPolicy{}, b.log)
	later.in.Network.Chosen.Address = addr("10.0.0.7") // and its address another
	again.look(w.mono)
	for i, s := range later.announced {
		if s.ID != first[i].ID || s.Stream.Group != first[i].Stream.Group || s.Stream.Name != first[i].Stream.Name {
			t.Errorf("session %+v, was %+v", s, first[i])
		}
		if s.Version <= first[i].Version {
			t.Errorf("version %d after %d", s.Version, first[i].Version)
		}
	}
}

// What is remembered may be of fewer or other streams than there are now: the first of two
// streams keeps an id, and no two have one.
func TestNoTwoStreamsHaveOneSessionID(t *testing.T) {
	drawn := []uint64{8, 7, 0, 5, 9, 9, 10}
	plan := SessionPlan{NewID: func() uint64 { id := drawn[0]; drawn = drawn[1:]; return id }}
	streams := []SessionIdentity{{ID: 7}, {ID: 8}, {ID: 8}, {ID: 7}}
	s := settlement{plan: &plan, identity: &Identity{Streams: streams}, others: []Foreign{foreign("other", "10.0.0.9", 5, addr("239.69.9.9"))}}
	s.ids()
	for i, want := range []uint64{7, 8, 9, 10} {
		if streams[i].ID != want {
			t.Errorf("stream %d has the id %d, want %d", i, streams[i].ID, want)
		}
	}
}

func TestAGroupOfAnotherPrefixIsNotTakenOver(t *testing.T) {
	plan := testPlan(1, 2)
	plan.Identity.Streams[0].Group = addr("239.70.1.1")
	s := newSessions(plan)
	if _, err := s.settle(addr("10.0.0.7"), &Neighbours{Host: "pc"}); err != nil {
		t.Fatal(err)
	}
	if got := s.identity.Streams[0].Group; !plan.Suits(got) {
		t.Errorf("group %v", got)
	}
}

// TestManyBridgesSettle lets bridges of one host name, with one and the same
// identity, meet in every order: they end with names, groups and ids of their
// own, each within a few rounds, and then nobody moves any more.
func TestManyBridgesSettle(t *testing.T) {
	for seed := range uint64(24) {
		random := rand.New(rand.NewPCG(seed, 1))
		count := 2 + random.IntN(11)
		type station struct {
			sessions
			address netip.Addr
			joined  bool
		}
		stations := make([]*station, count)
		group := addr("239.69.7.1")
		for i := range stations {
			plan := testPlan(11, 12)
			next := uint64(1000 * (i + 1))
			plan.NewID = func() uint64 { next++; return next }
			if seed%3 == 0 { // copies of one machine
				plan.Identity.Streams[0].Group, plan.Identity.Streams[1].Group = group, group.Next()
			}
			stations[i] = &station{sessions: newSessions(plan), address: netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), byte(i + 1)})}
		}
		heardBy := func(me *station) *Neighbours {
			n := &Neighbours{Host: "pc"}
			for _, s := range stations {
				for _, c := range s.current {
					if s != me {
						n.Sessions = append(n.Sessions, Foreign{
							Name: c.Stream.Name, Group: c.Stream.Group, Port: c.Stream.Port,
							Origin: sdp.Origin{User: sdp.User, ID: c.ID, Version: c.Version, Addr: c.Origin},
						})
					}
				}
			}
			return n
		}
		rounds, quiet := 0, 0
		for ; quiet < 2; rounds++ {
			if rounds > 3*count+4 {
				t.Fatalf("seed %d: %d bridges do not settle", seed, count)
			}
			// Everybody acts on what was on the network before the round.
			heard := make([]*Neighbours, count)
			for i, s := range stations {
				heard[i] = heardBy(s)
			}
			changed := false
			for i, s := range stations {
				if !s.joined && seed%2 == 0 && random.IntN(2) == 0 {
					changed = true
					continue // starts later
				}
				s.joined = true
				if _, err := s.settle(s.address, heard[i]); err != nil {
					t.Fatal(err)
				}
				streams, err := s.streams()
				if err != nil {
					t.Fatal(err)
				}
				changed = s.update(streams, s.address, sdp.Reference{}, uint64(rounds)) || changed
			}
			if quiet++; changed {
				quiet = 0
			}
		}
		seen := map[string]int{}
		for i, s := range stations {
			for _, c := range s.current {
				for _, what := range []string{"name " + c.Stream.Name, "group " + c.Stream.Group.String(), fmt.Sprint("id ", c.ID)} {
					if other, taken := seen[what]; taken {
						t.Errorf("seed %d: bridges %d and %d share the %s", seed, other, i, what)
					}
					seen[what] = i
				}
			}
		}
	}
}
