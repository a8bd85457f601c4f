package sdp_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"aes67-sink/sdp"
)

func TestNextVersion(t *testing.T) {
	tests := []struct {
		name                string
		previous, now, want uint64
	}{
		{"the very first is the time", 0, 3950412801, 3950412801},
		{"later, the time", 3950412801, 3950412999, 3950412999},
		{"twice within a second, one more", 3950412801, 3950412801, 3950412802},
		{"the clock was set back, one more", 3950412801, 17, 3950412802},
		{"no clock at all, one more", 5, 0, 6},
	}
	for _, test := range tests {
		if got := sdp.NextVersion(test.previous, test.now); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestVersionsAlwaysIncrease(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	version := uint64(0)
	for range 1000 {
		next := sdp.NextVersion(version, uint64(r.Uint32()))
		if next <= version {
			t.Fatalf("%d after %d", next, version)
		}
		version = next
	}
}

func TestNTPSecondsCountFrom1900(t *testing.T) {
	if got := sdp.NTPSeconds(0); got != 2208988800 {
		t.Errorf("the Unix epoch: got %d", got)
	}
	if got := sdp.NTPSeconds(math.MaxUint32 - 2208988800 + 1); got != math.MaxUint32+1 {
		t.Errorf("after 32 bits: got %d", got)
	}
}

func TestSessionIDs(t *testing.T) {
	seen := map[uint64]string{}
	for _, host := range []string{"a", "b", "1e0f7c8d", "1e0f7c8e", ""} {
		for _, sink := range []string{"aes67", "aes67.2", "\x00aes67"} {
			for first := range 8 {
				id := sdp.SessionID(host, sink, first)
				who := strings.Join([]string{host, sink, string(rune('0' + first))}, "/")
				if id == 0 || id > math.MaxUint32 {
					t.Errorf("%q: %d does not fit 32 bits", who, id)
				}
				if other, ok := seen[id]; ok {
					t.Errorf("%q and %q have the same id", who, other)
				}
				seen[id] = who
			}
		}
	}
	if got, want := sdp.SessionID("host", "aes67", 0), uint64(2874363994); got != want {
		t.Errorf("the id of a known host changed: got %d, want %d; receivers would lose their subscriptions", got, want)
	}
}

func TestLabels(t *testing.T) {
	for position, want := range map[string]string{
		"mono": "Mono", "front-left": "Left", "front-right": "Right", "front-center": "Center", "lfe": "LFE",
		"rear-left": "Rear Left", "side-right": "Side Right", "aux0": "Aux 0", "aux31": "Aux 31",
		"front-left-of-center": "Left of Center", "top-front-left": "Top Front Left", "": "",
	} {
		if got := sdp.Label(position); got != want {
			t.Errorf("%q: got %q, want %q", position, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("ä", 40)
	tests := []struct{ name, got, want string }{
		{"an ordinary name stays", sdp.CleanName("studio-pc AES67 Speakers Left"), "studio-pc AES67 Speakers Left"},
		{"a long one is cut between characters", sdp.CleanName("x" + long), "x" + strings.Repeat("ä", 31)},
		{"head and tail are joined", sdp.JoinName("studio-pc AES67 Speakers", "Left"), "studio-pc AES67 Speakers Left"},
		{"a long head leaves the tail whole", sdp.JoinName(long, "Right"), strings.Repeat("ä", 28) + " Right"},
		{"a long tail leaves no head", sdp.JoinName("head", strings.Repeat("t", 70)), strings.Repeat("t", 63)},
		{"no head", sdp.JoinName("", "Left"), "Left"},
		{"nothing", sdp.JoinName("\n", "\t"), "-"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
		if len(test.got) > sdp.MaxName || !utf8.ValidString(test.got) {
			t.Errorf("%s: %q has %d bytes", test.name, test.got, len(test.got))
		}
	}
}
