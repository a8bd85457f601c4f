package bridge

import (
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestTroubleIsToldAndGoesAway(t *testing.T) {
	const ms = time.Millisecond
	calm := PipelineSnapshot{Cycle: 5 * ms, Buffer: 9 * ms, Least: 7 * ms}
	fixed := calm
	fixed.Asked = 25 * ms
	tests := []struct {
		name   string
		base   PipelineSnapshot
		happen func(s *PipelineSnapshot)
		times  int
		words  string // none: silence
	}{
		{"three underruns", calm, func(s *PipelineSnapshot) { s.Underruns++ }, 3, ""},
		{"four underruns", calm, func(s *PipelineSnapshot) { s.Underruns++ }, 4, `broke off more than 3 times in the last minute, for the sound server was late: end what keeps the computer busy, or set sink.latency to "60ms"`},
		{"the same with a fixed latency", fixed, func(s *PipelineSnapshot) { s.Underruns++ }, 4, `set sink.latency to "auto", or to more than 25ms`},
		{"a long burst", calm, func(s *PipelineSnapshot) { s.Overruns += 300 }, 1, "sound was lost in the last minute"},
		{"a server that loses time", calm, func(s *PipelineSnapshot) { s.Jumps++ }, 6, "lost time more than 5 times"},
		{"a server that loses time now and then", calm, func(s *PipelineSnapshot) { s.Jumps++ }, 5, ""},
	}
	for _, test := range tests {
		var trouble trouble
		s, now := test.base, aes67.MonoTime(1e12)
		s.Underruns, s.Overruns, s.Jumps = 1000, 1000, 1000 // of another day
		if got, next := trouble.look(s, now); got != "" || next != 0 {
			t.Errorf("%s: at the first look: %q", test.name, got)
		}
		for range test.times {
			now = now.Add(3 * time.Second)
			test.happen(&s)
			trouble.look(s, now)
		}
		if got, next := trouble.look(s, now); next <= now || (got == "") != (test.words == "") || !strings.Contains(got, test.words) {
			t.Errorf("%s: %q, want %q", test.name, got, test.words)
		}
		for calm := now.Add(70 * time.Second); ; { // it says itself when to look
			got, next := trouble.look(s, now)
			if next == 0 && got == "" {
				break
			}
			if now = next; next == 0 || now > calm {
				t.Errorf("%s: after a calm minute: %q, to be looked at again at %v", test.name, got, next)
				break
			}
		}
	}
}

// What cannot be kept is told for as long as it is asked for.
func TestALatencyThatCannotBeKeptIsTold(t *testing.T) {
	var trouble trouble
	s := PipelineSnapshot{Asked: 10 * time.Millisecond, Least: 23 * time.Millisecond, Cycle: 21333 * time.Microsecond, Buffer: 23 * time.Millisecond}
	for now := aes67.MonoTime(0); now < 300e9; now += 1e9 {
		if got, _ := trouble.look(s, now); !strings.Contains(got, "sink.latency is 10ms, but the sound server hands over 21.3ms at a time") {
			t.Fatalf("%q", got)
		}
	}
}

// The words change only with what is wrong, though the buffer goes up and down.
func TestTheAdviceDoesNotGoBackAndForthWithTheBuffer(t *testing.T) {
	var trouble trouble
	now := aes67.MonoTime(time.Hour)
	trouble.look(PipelineSnapshot{}, now)
	changes, last := 0, ""
	for i := range uint64(80) {
		now = now.Add(time.Second)
		said, _ := trouble.look(PipelineSnapshot{Underruns: i, Buffer: time.Duration(80-60*(i%2)) * time.Millisecond}, now)
		if said != last {
			changes, last = changes+1, said
		}
	}
	if changes != 1 || !strings.Contains(last, `"180ms"`) {
		t.Errorf("the sentence changed %d times, to %q in the end", changes, last)
	}
}
