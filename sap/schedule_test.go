package sap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

var (
	eno1 = route{1, ip("192.168.10.1")}
	eno2 = route{2, ip("10.0.0.9")}
)

// stage plays a schedule in simulated time and writes down what is sent.
type stage struct {
	schedule
	now    aes67.MonoTime
	lines  []string
	broken func(via route) bool // sends fail
}

func newStage() *stage {
	return &stage{
		schedule: schedule{interval: DefaultInterval, jitter: func() float64 { return 0.5 }},
		broken:   func(route) bool { return false },
	}
}

// until plays up to an instant.
func (s *stage) until(end time.Duration) {
	for range 10000 {
		at, ok := s.next()
		if !ok || at > aes67.MonoTime(end) {
			s.now = aes67.MonoTime(end)
			return
		}
		s.now = max(s.now, at)
		for _, t := range s.due(s.now) {
			bad := s.broken(t.via)
			s.settle(s.now, t, !bad)
			s.lines = append(s.lines, s.line(t, bad))
		}
	}
	panic("the schedule never rests")
}

func (s *stage) line(t transmission, bad bool) string {
	verb := "announce"
	if t.packet.Delete {
		verb = "delete"
	}
	d, err := sdp.Parse(t.packet.Payload)
	if err != nil {
		panic(err)
	}
	line := fmt.Sprintf("%v %d %s %s %d", time.Duration(s.now), t.via.index, verb, d.Name[len(d.Name)-1:], d.Origin.Version)
	if bad {
		line += " failed"
	}
	return line
}

// named makes a session whose name is one letter.
func named(name string, version uint64, via route) sdp.Session {
	left, _ := worked()
	left.Stream.Name, left.ID, left.Version, left.Origin = name, uint64(name[0]), version, via.addr
	return left
}

func TestSchedule(t *testing.T) {
	tests := []struct {
		name string
		play func(s *stage)
		want string
	}{
		{
			"a session is announced at once, after a second and then at its interval",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(62 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 31s 1 announce A 1, 1m1s 1 announce A 1",
		},
		{
			"the interval is spread by a tenth either way",
			func(s *stage) {
				values := []float64{0, 0.999999, 0.5}
				s.jitter = func() float64 { v := values[0]; values = values[1:]; return v }
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(61 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 28s 1 announce A 1, 1m0.999994s 1 announce A 1",
		},
		{
			"asking for the same again changes nothing",
			func(s *stage) {
				for at := time.Duration(0); at < 20*time.Second; at += time.Second / 2 {
					s.until(at)
					s.want(s.now, eno1, []sdp.Session{named("A", 1, eno1)})
				}
			},
			"0s 1 announce A 1, 1s 1 announce A 1",
		},
		{
			"a new version takes the place of the old one, which is deleted first, twice",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(10 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(42 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, " +
				"10s 1 delete A 1, 10s 1 announce A 2, 11s 1 delete A 1, 11s 1 announce A 2, 41s 1 announce A 2",
		},
		{
			"two changes within a second",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(10 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(10500 * time.Millisecond)
				s.want(s.now, eno1, []sdp.Session{named("A", 3, eno1)})
				s.until(20 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 10s 1 delete A 1, 10s 1 announce A 2, " +
				"10.5s 1 delete A 1, 10.5s 1 delete A 2, 10.5s 1 announce A 3, 11.5s 1 delete A 1, 11.5s 1 delete A 2, 11.5s 1 announce A 3",
		},
		{
			"a change leaves the other session alone",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1), named("B", 1, eno1)})
				s.until(10 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 1, eno1), named("B", 2, eno1)})
				s.until(12 * time.Second)
			},
			"0s 1 announce A 1, 0s 1 announce B 1, 1s 1 announce A 1, 1s 1 announce B 1, " +
				"10s 1 delete B 1, 10s 1 announce B 2, 11s 1 delete B 1, 11s 1 announce B 2",
		},
		{
			"what is withdrawn is deleted three times",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1), named("B", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("B", 1, eno1)})
				s.until(3 * time.Second)
			},
			"0s 1 announce A 1, 0s 1 announce B 1, 1s 1 announce A 1, 1s 1 announce B 1, " +
				"2s 1 delete A 1, 2.1s 1 delete A 1, 2.2s 1 delete A 1",
		},
		{
			"what comes back unchanged is not deleted any more",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno1, nil)
				s.until(2150 * time.Millisecond)
				s.want(s.now, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(5 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, 2.1s 1 delete A 1, 2.15s 1 announce A 1, 3.15s 1 announce A 1",
		},
		{
			"what comes back changed has its old text deleted before, not after",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno1, nil)
				s.until(2050 * time.Millisecond)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(5 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, " +
				"2.05s 1 delete A 1, 2.05s 1 announce A 2, 3.05s 1 delete A 1, 3.05s 1 announce A 2",
		},
		{
			"another address waits until the old one is deleted",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno2, []sdp.Session{named("A", 2, eno2)})
				s.until(4 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, 2.1s 1 delete A 1, " +
				"2.2s 1 delete A 1, 2.2s 2 announce A 2, 3.2s 2 announce A 2",
		},
		{
			"a change while the old address is being deleted waits as well",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno2, []sdp.Session{named("A", 2, eno2)})
				s.until(2050 * time.Millisecond)
				s.want(s.now, eno2, []sdp.Session{named("A", 3, eno2)})
				s.until(4 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, 2.1s 1 delete A 1, " +
				"2.2s 1 delete A 1, 2.2s 2 announce A 3, 3.2s 2 announce A 3",
		},
		{
			"an old address that is no more is not waited for",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.broken = func(via route) bool { return via == eno1 }
				s.want(s.now, eno2, []sdp.Session{named("A", 2, eno2)})
				s.until(4 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1 failed, " +
				"2s 2 delete A 1, 2s 2 announce A 2, 3s 2 delete A 1, 3s 2 announce A 2",
		},
		{
			"what could not be sent is tried each second, and repeated when it went",
			func(s *stage) {
				s.broken = func(route) bool { return s.now < aes67.MonoTime(2500*time.Millisecond) }
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(10 * time.Second)
			},
			"0s 1 announce A 1 failed, 1s 1 announce A 1 failed, 2s 1 announce A 1 failed, 3s 1 announce A 1, 4s 1 announce A 1",
		},
		{
			"what never went out need not be deleted",
			func(s *stage) {
				s.broken = func(route) bool { return true }
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(500 * time.Millisecond)
				s.want(s.now, eno2, []sdp.Session{named("A", 2, eno2)})
				s.until(600 * time.Millisecond)
				s.want(s.now, eno2, nil)
				s.until(time.Minute)
			},
			"0s 1 announce A 1 failed, 500ms 2 announce A 2 failed",
		},
		{
			"what somebody else deletes is announced at once, but not each time",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1), named("B", 1, eno1)})
				s.until(2 * time.Second)
				for range 20 { // one a second
					s.deleted(s.now, s.entries[0].packet(eno1, true))
					s.until(time.Duration(s.now) + time.Second)
				}
			},
			"0s 1 announce A 1, 0s 1 announce B 1, 1s 1 announce A 1, 1s 1 announce B 1, " +
				"2s 1 announce A 1, 7s 1 announce A 1, 12s 1 announce A 1, 17s 1 announce A 1, 22s 1 announce A 1",
		},
		{
			"a deletion that is repeated is answered once more, when the limit allows it",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				for range goodbyes {
					s.deleted(s.now, s.entries[0].packet(eno1, true))
					s.until(time.Duration(s.now) + goodbyeGap)
				}
				s.until(40 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 announce A 1, 7s 1 announce A 1, 37s 1 announce A 1",
		},
		{
			"a flood of deletions is answered once in five seconds",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				for range 1200 { // one each 10 ms, for 12 s
					s.deleted(s.now, s.entries[0].packet(eno1, true))
					s.until(time.Duration(s.now) + 10*time.Millisecond)
				}
				s.until(20 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 announce A 1, 7s 1 announce A 1, 12s 1 announce A 1, 17s 1 announce A 1",
		},
		{
			"the deletion of a text that is no more is our own",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				old := s.entries[0].packet(eno1, true)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(5 * time.Second)
				s.deleted(s.now, old)
				s.until(10 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, 2s 1 announce A 2, 3s 1 delete A 1, 3s 1 announce A 2",
		},
		{
			"a session named twice is announced once",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1), named("A", 2, eno1)})
				s.until(500 * time.Millisecond)
			},
			"0s 1 announce A 1",
		},
		{
			"what a former run announced is deleted first",
			func(s *stage) {
				s.former = formerVersions([]string{named("A", 1, eno1).Text(), named("B", 1, eno1).Text(), named("A", 1, eno2).Text(), "rubbish"})
				s.want(0, eno1, []sdp.Session{named("A", 2, eno1), named("B", 1, eno1)})
				s.until(5 * time.Second)
			},
			"0s 1 delete A 1, 0s 1 delete A 1, 0s 1 announce A 2, 0s 1 announce B 1, " +
				"1s 1 delete A 1, 1s 1 delete A 1, 1s 1 announce A 2, 1s 1 announce B 1",
		},
		{
			"what a former run announced and this one does not is deleted",
			func(s *stage) {
				s.former = formerVersions([]string{named("C", 1, eno2).Text()})
				s.want(0, eno1, nil)
				s.until(time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(1500 * time.Millisecond)
				s.want(s.now, eno1, nil)
				s.until(3 * time.Second)
			},
			"1s 1 delete C 1, 1s 1 announce A 2, 1.1s 1 delete C 1, 1.2s 1 delete C 1, " +
				"1.5s 1 delete A 2, 1.6s 1 delete A 2, 1.7s 1 delete A 2",
		},
		{
			"what was deleted into a cable that was out is deleted again when it is back",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.want(s.now, eno1, nil)
				s.until(10 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(12 * time.Second)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1, 2.1s 1 delete A 1, 2.2s 1 delete A 1, " +
				"10s 1 delete A 1, 10s 1 announce A 2, 11s 1 delete A 1, 11s 1 announce A 2",
		},
		{
			"what could not be deleted at all is deleted when the interface is back",
			func(s *stage) {
				s.want(0, eno1, []sdp.Session{named("A", 1, eno1)})
				s.until(2 * time.Second)
				s.broken = func(route) bool { return s.now < aes67.MonoTime(5*time.Second) }
				s.want(s.now, eno1, nil)
				s.until(10 * time.Second)
				s.want(s.now, eno1, []sdp.Session{named("A", 2, eno1)})
				s.until(11500 * time.Millisecond)
			},
			"0s 1 announce A 1, 1s 1 announce A 1, 2s 1 delete A 1 failed, " +
				"10s 1 delete A 1, 10s 1 announce A 2, 11s 1 delete A 1, 11s 1 announce A 2",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage()
			test.play(s)
			if diff := cmp.Diff(s.lines, strings.Split(test.want, ", ")); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
		})
	}
}

// TestOneTextOfASessionIsAlive changes sessions, addresses and interfaces at
// random and watches as a listener would that goes by origin and hash.
func TestOneTextOfASessionIsAlive(t *testing.T) {
	for seed := range uint64(20) {
		s, random := newStage(), newRandom(seed)
		alive := map[string]sdp.Origin{}
		lossy := seed%2 == 1
		step := func(end aes67.MonoTime) {
			for at, ok := s.next(); ok && at <= end; at, ok = s.next() {
				s.now = max(s.now, at)
				for _, x := range s.due(s.now) {
					sent := !lossy || random.IntN(10) > 0
					s.settle(s.now, x, sent)
					key := fmt.Sprint(x.packet.Origin, x.packet.Hash)
					o, _ := sdp.ParseOrigin(x.packet.Payload)
					if was, ok := alive[key]; ok && was != o {
						t.Fatalf("seed %d: one hash stands for %+v and %+v", seed, was, o)
					}
					switch {
					case sent && x.packet.Delete:
						delete(alive, key)
					case sent:
						alive[key] = o
					}
					for other, was := range alive {
						if seed%2 == 0 && !x.packet.Delete && was.ID == o.ID && other != key {
							t.Fatalf("seed %d: %+v is announced while %+v is alive", seed, o, was)
						}
					}
				}
			}
			s.now = end
		}
		var sessions []sdp.Session
		via, version := eno1, uint64(0)
		for range 100 {
			if random.IntN(8) == 0 {
				via = []route{eno1, eno2}[random.IntN(2)]
			}
			sessions = nil
			for _, name := range []string{"A", "B", "C"} {
				if version += uint64(random.IntN(2)); random.IntN(6) > 0 {
					sessions = append(sessions, named(name, version, via))
				}
			}
			s.want(s.now, via, sessions)
			for _, e := range s.entries {
				if len(e.replaced) > maxReplaced {
					t.Fatalf("seed %d: %d replaced texts kept", seed, len(e.replaced))
				}
			}
			step(s.now.Add(time.Duration(random.IntN(1500)) * time.Millisecond))
		}
		lossy = false
		step(s.now.Add(2 * time.Minute))
		if len(s.entries) != len(sessions) || len(s.schedule.goodbyes) != 0 {
			t.Fatalf("seed %d: %d entries, %d goodbyes for %d sessions", seed, len(s.entries), len(s.schedule.goodbyes), len(sessions))
		}
		if seed%2 == 0 && len(alive) != len(sessions) {
			t.Fatalf("seed %d: %d alive, want %d", seed, len(alive), len(sessions))
		}
	}
}

func TestHashesThatMeetAreMovedApart(t *testing.T) {
	s := newStage()
	a, b := named("A", 1, eno1), named("B", 1, eno1)
	s.want(0, eno1, []sdp.Session{a})
	s.entries[0].hash = Hash(b.Text()) // as if A's text had B's hash
	s.want(0, eno1, []sdp.Session{b, a})
	if got, want := s.entries[0].hash, Hash(b.Text())+1; got != want {
		t.Errorf("B's hash: got %#x, want %#x", got, want)
	}
	s.want(0, eno1, []sdp.Session{b, a})
	if got, want := s.entries[0].hash, Hash(b.Text())+1; got != want {
		t.Errorf("B's hash, asked again: got %#x, want %#x", got, want)
	}
}
