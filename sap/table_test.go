package sap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

func anyone(sdp.Origin) bool { return true }

func at(d time.Duration) aes67.MonoTime { return aes67.MonoTime(d) }

// announcement makes the packet of a session.
func announcement(s sdp.Session) Packet {
	text := s.Text()
	return Packet{Hash: Hash(text), Origin: s.Origin, Payload: []byte(text)}
}

func deletion(s sdp.Session) Packet {
	p := announcement(s)
	p.Delete = true
	return p
}

func TestTableKeepsASession(t *testing.T) {
	table, a := newTable(), named("A", 1, eno1)
	if got := table.take(at(time.Second), 3, ip("10.0.0.7"), announcement(a), anyone); got != changed {
		t.Errorf("the first announcement: got %v, want changed", got)
	}
	if got := table.take(at(31*time.Second), 3, ip("10.0.0.7"), announcement(a), anyone); got != refreshed {
		t.Errorf("the second: got %v, want refreshed", got)
	}
	list := table.list()
	if len(list) != 1 {
		t.Fatalf("got %d sessions, want 1", len(list))
	}
	h := list[0]
	if h.Index != 3 || h.Source != ip("10.0.0.7") || h.Origin != eno1.addr || h.Description.Name != "A" ||
		h.FirstHeard != at(time.Second) || h.LastHeard != at(31*time.Second) {
		t.Errorf("got %+v", h)
	}
	a.Version = 2
	if got := table.take(at(40*time.Second), 3, ip("10.0.0.7"), announcement(a), anyone); got != changed {
		t.Errorf("a new version: got %v, want changed", got)
	}
	if list := table.list(); len(list) != 1 || list[0].Description.Origin.Version != 2 {
		t.Errorf("got %+v, want version 2 alone", list)
	}
}

func TestTableHonoursDeletionsFromTheOriginAlone(t *testing.T) {
	a := named("A", 1, eno1)
	source := ip("10.0.0.7")
	other, newer, line, group, bare, zero := deletion(a), named("A", 2, eno1), deletion(a), deletion(a), deletion(a), deletion(a)
	other.Origin = ip("10.0.0.8")
	line.Payload = []byte("o=- 65 1 IN IP4 192.168.10.1\r\n")
	group.Payload = fmt.Appendf(nil, "%sc=IN IP4 %v\r\n", line.Payload, a.Stream.Group)
	bare.Payload = nil
	zero.Hash, zero.Payload = 0, nil
	tests := []struct {
		name   string
		index  int
		source netip.Addr
		packet Packet
		want   outcome
	}{
		{"the announcer's", 3, source, deletion(a), changed},
		{"the announcer's, with the o= line alone", 3, source, line, changed},
		{"the announcer's, with the o= and the c= line", 3, source, group, changed},
		{"the announcer's, with no payload", 3, source, bare, changed},
		{"somebody else's", 3, ip("10.0.0.8"), deletion(a), ignored},
		{"one that names another origin", 3, source, other, ignored},
		{"one of another version", 3, source, deletion(newer), ignored},
		{"one of another session", 3, source, deletion(named("B", 1, eno1)), ignored},
		{"one heard on another interface", 4, source, deletion(a), ignored},
		{"one without hash or payload", 3, source, zero, ignored},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := newTable()
			table.take(0, 3, source, announcement(a), anyone)
			if got := table.take(at(time.Second), test.index, test.source, test.packet, anyone); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if left := len(table.list()); (left == 0) != (test.want == changed) {
				t.Errorf("%d sessions left", left)
			}
		})
	}
}

func TestTableDoesNotMixSessionsOfOneHash(t *testing.T) {
	table, a, b := newTable(), announcement(named("A", 1, eno1)), announcement(named("B", 1, eno1))
	a.Hash, b.Hash = 7, 7 // announcers exist that use one hash for all
	table.take(0, 3, eno1.addr, a, anyone)
	table.take(0, 3, eno1.addr, b, anyone)
	a.Delete = true
	table.take(0, 3, eno1.addr, a, anyone)
	if list := table.list(); len(list) != 1 || list[0].Description.Name != "B" {
		t.Errorf("got %+v, want B alone", list)
	}
}

func TestTableTellsSessionsOfOneOriginLineApart(t *testing.T) {
	table := newTable()
	raw, err := os.ReadFile("testdata/pipewire-1.4.2.sap") // hash 0, o=root 0 0
	if err != nil {
		t.Fatal(err)
	}
	one, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	two := one
	two.Payload = bytes.ReplaceAll(one.Payload, []byte("239.69.9.9"), []byte("239.69.9.10"))
	for range 2 {
		table.take(0, 3, one.Origin, one, anyone)
		table.take(0, 3, one.Origin, two, anyone)
	}
	if list := table.list(); len(list) != 2 {
		t.Fatalf("got %+v, want two", list)
	}
	two.Delete = true
	table.take(0, 3, one.Origin, two, anyone)
	if list := table.list(); len(list) != 1 || list[0].Description.Group != ip("239.69.9.9") {
		t.Errorf("after a deletion: got %+v, want the first", list)
	}
}

func TestTableFollowsASessionToAnotherGroup(t *testing.T) {
	table, a := newTable(), named("A", 1, eno1)
	table.take(0, 3, eno1.addr, announcement(a), anyone)
	a.Version, a.Stream.Group = 2, ip("239.69.10.99")
	table.take(0, 3, eno1.addr, announcement(a), anyone)
	if list := table.list(); len(list) != 1 || list[0].Description.Group != a.Stream.Group {
		t.Errorf("got %+v, want the new group alone", list)
	}
}

func TestTableForgets(t *testing.T) {
	tests := []struct {
		name  string
		heard []time.Duration
		last  time.Duration // when it is still known
	}{
		{"one heard once, after 10 minutes", []time.Duration{0}, 10 * time.Minute},
		{"one heard each 30 s, after 10 minutes", []time.Duration{0, 30 * time.Second, time.Minute}, 11 * time.Minute},
		{"one heard each 2 minutes, after ten of these", []time.Duration{0, 2 * time.Minute}, 22 * time.Minute},
		{"the longest gap counts, not the repetition after a change", []time.Duration{0, 2 * time.Minute, 2*time.Minute + time.Second}, 22*time.Minute + time.Second},
		{"one heard each 9 minutes, after an hour", []time.Duration{0, 9 * time.Minute}, 69 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := newTable()
			for _, d := range test.heard {
				table.take(at(d), 3, eno1.addr, announcement(named("A", 1, eno1)), anyone)
			}
			if table.expire(at(test.last)); len(table.list()) != 1 {
				t.Errorf("gone after %v", test.last)
			}
			if table.expire(at(test.last + 1)); len(table.list()) != 0 {
				t.Errorf("still there after %v", test.last+1)
			}
			if len(table.bySource) != 0 {
				t.Errorf("sources left: %v", table.bySource)
			}
		})
	}
}

func TestTableIsBounded(t *testing.T) {
	table := newTable()
	flood := func(source netip.Addr, n int) (taken int) {
		for id := range n {
			s := named("F", 1, eno1)
			s.ID = uint64(id)
			if table.take(0, 3, source, announcement(s), anyone) == changed {
				taken++
			}
		}
		return taken
	}
	if got := flood(ip("10.0.0.66"), 300); got != maxPerSource {
		t.Errorf("one talker has %d sessions, want %d", got, maxPerSource)
	}
	if got := table.take(0, 3, ip("10.0.0.7"), announcement(named("A", 1, eno1)), anyone); got != changed {
		t.Errorf("another one's: got %v, want changed", got)
	}
	for i := range 5 {
		flood(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 300)
	}
	if got := len(table.list()); got != maxSessions {
		t.Errorf("%d sessions, want %d", got, maxSessions)
	}
	if !slices.ContainsFunc(table.list(), func(h Heard) bool { return h.Description.Group == named("A", 1, eno1).Stream.Group }) {
		t.Error("the flood drove out an older session")
	}
	// Room comes back when the flood is over.
	if got := table.take(at(time.Hour), 3, ip("10.9.9.9"), announcement(named("Z", 1, eno1)), anyone); got != changed {
		t.Errorf("an hour later: got %v, want changed", got)
	}
}

// FuzzTable feeds a table with packets that the input is cut into, from a few
// sources, with time passing: it stays within its bounds and agrees with itself.
func FuzzTable(f *testing.F) {
	var all []byte
	for _, b := range seeds(f) {
		f.Add(b, byte(3))
		all = append(append(all, b...), 0xFE)
	}
	f.Add(all, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		table, now := newTable(), aes67.MonoTime(0)
		own := func(o sdp.Origin) bool { return o.ID%7 != 0 }
		for i, raw := range split(b) {
			now = now.Add(time.Duration(step) * time.Second)
			p, err := Decode(raw)
			if err != nil {
				continue
			}
			table.take(now, 1+i%3, netip.AddrFrom4([4]byte{10, 0, 0, raw[0]}), p, own)
		}
		list := table.list()
		if len(list) > maxSessions {
			t.Fatalf("%d sessions", len(list))
		}
		sum := 0
		for _, n := range table.bySource {
			sum += n
		}
		if sum != len(list) {
			t.Fatalf("%d sessions, %d by source", len(list), sum)
		}
		for _, h := range list {
			d := &h.Description
			if len(fmt.Sprint(d.Name, d.Info, d.Encoding, d.RefClock, d.MediaClk, d.Origin.User)) > 2048 || !own(d.Origin) {
				t.Fatalf("kept %+v", h)
			}
		}
		for _, h := range list { // each can be deleted by its announcer
			key := keyOf(h.Index, h.Source, &h.Description)
			if table.sessions[key] == nil {
				continue // gone with one that has the same o= line and hash
			}
			p := Packet{Delete: true, Origin: h.Origin, Hash: table.sessions[key].hash}
			o, addr := h.Description.Origin, "-"
			if o.Addr.IsValid() {
				addr = o.Addr.String()
			}
			p.Payload = fmt.Appendf(nil, "o=%s %d 0 IN IP4 %s", o.User, o.ID, addr)
			if table.take(now, h.Index, h.Source, p, own) != changed {
				t.Fatalf("cannot delete %+v", h)
			}
		}
		if len(table.sessions) != 0 || len(table.bySource) != 0 {
			t.Fatalf("left %v, %v", table.sessions, table.bySource)
		}
	})
}

// split cuts the input into packets at 0xFE.
func split(b []byte) (out [][]byte) {
	start := 0
	for i := range b {
		if b[i] == 0xFE {
			out = append(out, b[start:i])
			start = i + 1
		}
	}
	return append(out, b[start:])
}
