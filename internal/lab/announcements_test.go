package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestRecorderJudges(t *testing.T) {
	home := netip.MustParseAddr("10.0.0.1")
	text := func(id, version uint64, name string) string {
		return fmt.Sprintf("v=0\r\no=- %d %d IN IP4 10.0.0.1\r\ns=%s\r\n", id, version, name)
	}
	announce := func(hash uint16, text string) Announcement {
		return Announcement{Hash: hash, Origin: home, Text: []byte(text)}
	}
	remove := func(hash uint16, text string) Announcement {
		return Announcement{Delete: true, Hash: hash, Origin: home, Text: []byte(text)}
	}
	for _, test := range []struct {
		name  string
		heard []Announcement
		fault string // the beginning of the only fault; empty: none
		alive int
	}{
		{"two sessions, repeated", []Announcement{announce(1, text(7, 1, "a")), announce(2, text(8, 1, "b")), announce(1, text(7, 1, "a"))}, "", 2},
		{"a change in order", []Announcement{announce(1, text(7, 1, "a")), remove(1, text(7, 1, "a")), announce(2, text(7, 2, "b"))}, "", 1},
		{"a deletion by its o= line alone", []Announcement{announce(1, text(7, 1, "a")), remove(1, "o=- 7 1 IN IP4 10.0.0.1\r\n")}, "", 0},
		{"a change without a deletion", []Announcement{announce(1, text(7, 1, "a")), announce(2, text(7, 2, "b"))}, "announced while 10.0.0.1/0001 is alive", 2},
		{"a change without a version", []Announcement{announce(1, text(7, 1, "a")), remove(1, text(7, 1, "a")), announce(2, text(7, 1, "b"))}, "another text without a higher version", 1},
		{"a change without a hash", []Announcement{announce(1, text(7, 1, "a")), announce(1, text(7, 2, "b"))}, "one hash stands for two texts", 1},
		{"another hash for one text", []Announcement{announce(1, text(7, 1, "a")), remove(1, text(7, 1, "a")), announce(2, text(7, 1, "a"))}, "one text has two hashes", 1},
		{"a deletion that names another", []Announcement{announce(1, text(7, 1, "a")), remove(2, text(7, 1, "a"))}, "", 1},
		{"rubbish", []Announcement{announce(1, "v=0\r\n")}, "a packet without an o= line", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewRecorder()
			for _, a := range test.heard {
				r.Hear(0, a)
			}
			faults := r.Faults()
			if test.fault == "" && len(faults) != 0 || test.fault != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0], test.fault)) {
				t.Errorf("faults %q, want %q", faults, test.fault)
			}
			if got := len(r.Alive()); got != test.alive {
				t.Errorf("%d alive, want %d", got, test.alive)
			}
			if len(r.History()) != len(test.heard) {
				t.Errorf("history %q", r.History())
			}
		})
	}
}
