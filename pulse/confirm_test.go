package pulse

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

// A volume that is shown for a moment at the end of all patience is not believed: it has to
// settle, or to be seen gone.
func TestAVolumeOfAMomentSettlesNothing(t *testing.T) {
	const ms = aes67.MonoTime(time.Millisecond)
	s := standing{long: 200 * time.Millisecond, messages: 7}
	for _, l := range []struct {
		at       aes67.MonoTime
		good     bool
		messages uint64
		settles  bool
	}{{0, true, 7, false}, {10, false, 8, false}, {20, true, 9, true}, {30, true, 10, true}, {40, false, 11, false}} {
		if s.look(l.at*ms, l.good, l.messages) || s.settles() != l.settles {
			t.Errorf("after %d ms it settles: %v, want %v", l.at, s.settles(), l.settles)
		}
	}
}

func TestAVolumeStandsOnlyWhileSomethingIsRecorded(t *testing.T) {
	const ms = aes67.MonoTime(time.Millisecond)
	type look struct {
		at       aes67.MonoTime
		good     bool
		messages uint64
		enough   bool
	}
	for _, c := range []struct {
		name  string
		long  time.Duration
		looks []look
	}{
		{"PulseAudio: at once", 0, []look{{0, false, 7, false}, {1, true, 7, true}}},
		{"from the first message on", 200 * time.Millisecond, []look{
			{0, true, 7, false}, {1000, true, 7, false}, // the session manager is not there yet
			{1010, true, 8, false}, {1100, true, 30, false}, {1190, true, 40, false}, {1210, true, 41, true},
		}},
		{"from when it is shown on", 200 * time.Millisecond, []look{
			{0, true, 8, false},
			{100, true, 20, false},
			{190, true, 30, false},
			{195, false, 31, false},
			{200, true, 32, false},
			{300, true, 40, false},
			{395, true, 50, false},
			{400, true, 51, true},
		}},
		{"not while the computer stood still", 200 * time.Millisecond, []look{
			{0, true, 8, false},
			{1000, true, 9, false},
			{1090, true, 30, false},
			{1110, true, 40, true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := standing{long: c.long, messages: 7}
			for _, l := range c.looks {
				if got := s.look(l.at*ms, l.good, l.messages); got != l.enough {
					t.Errorf("after %d ms: %v, want %v", l.at, got, l.enough)
				}
			}
		})
	}
}
