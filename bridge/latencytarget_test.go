package bridge

import (
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// server lets a punctual server of 256 frames at 48 kHz live for a time, pulled
// each millisecond; late says by how much each cycle is late.
type punctualServer struct {
	target
	now aes67.MonoTime
}

func newPunctual() *punctualServer {
	s := &punctualServer{target: newTarget(48000, 0, time.Millisecond)}
	s.cycled(256)
	return s
}

func (s *punctualServer) run(length time.Duration, late func(cycle int) time.Duration) {
	const cycle = 256 * time.Second / 48000
	arrivals := func(at aes67.MonoTime) int { // cycles that have arrived
		n := int(time.Duration(at) / cycle)
		for n > 0 && time.Duration(n)*cycle+late(n) > time.Duration(at) {
			n--
		}
		return n
	}
	for end := s.now.Add(length); s.now < end; {
		s.now = s.now.Add(time.Millisecond)
		written := time.Duration(s.now).Seconds() * 48000
		s.behind(written-256*float64(arrivals(s.now)), true, s.now)
	}
}

func onTime(int) time.Duration { return 0 }

// once makes one cycle late, and with it those that are due meanwhile.
func once(n int, by time.Duration) func(int) time.Duration {
	return func(cycle int) time.Duration {
		return max(0, by-time.Duration(cycle-n)*256*time.Second/48000) * time.Duration(min(1, max(0, cycle-n+1)))
	}
}

const least = 256 + 49 + 96 // a cycle, a pull and 2 ms

func TestTheTargetLearnsExactlyWhatWasLate(t *testing.T) {
	for _, late := range []time.Duration{5, 10, 20, 40, 90} {
		late *= time.Millisecond
		s := newPunctual()
		s.run(time.Second, onTime)
		if got := s.goal(false); got != least {
			t.Fatalf("a punctual server: %d frames, want %d", got, least)
		}
		s.run(time.Second, once(300, late))
		want := 256 + 49 + aes67.FramesIn(late+spareMost, 48000)
		if got := s.goal(false); got < want-75 || got > want+1 {
			t.Errorf("%v late: %d frames, want %d to within a pull and a half", late, got, want)
		}
	}
}

func TestTheTargetForgetsAfterTenMinutes(t *testing.T) {
	s := newPunctual()
	s.run(time.Second, onTime)
	s.run(time.Second, once(300, 20*time.Millisecond))
	learnt := s.goal(false)
	s.run(9*time.Minute, onTime)
	if got := s.goal(false); got != learnt {
		t.Errorf("after nine minutes %d frames, learnt were %d", got, learnt)
	}
	s.run(2*time.Minute, onTime)
	if got := s.goal(false); got != least {
		t.Errorf("after eleven minutes %d frames, want %d", got, least)
	}
}

func TestTheTargetLearnsNothingFromAnAbsence(t *testing.T) {
	s := newPunctual()
	s.run(time.Second, onTime)
	s.run(2*time.Second, once(300, 400*time.Millisecond))
	if got := s.goal(false); got != least {
		t.Errorf("400 ms late, which is away: %d frames, want %d", got, least)
	}
	s.run(15*time.Millisecond, once(562, 20*time.Millisecond))
	s.pardon()
	s.run(time.Second, once(562, 20*time.Millisecond))
	if got := s.goal(false); got != least {
		t.Errorf("all stood still: %d frames, want %d", got, least)
	}
	s.run(time.Second, once(800, 20*time.Millisecond))
	if got := s.goal(false); got == least {
		t.Error("nothing is learnt after a pardon")
	}
	s.behind(5000, true, s.now)
	s.behind(0, false, s.now) // the count began anew: it has not caught up
	s.run(time.Second, onTime)
	if got := s.goal(false); got > 256+49+1100 {
		t.Errorf("what was counted anew is learnt: %d frames", got)
	}
}

// What is late while the sound is to begin counts at once.
func TestABeginningWaitsForWhatIsLate(t *testing.T) {
	s := newPunctual()
	s.run(time.Second, onTime)
	s.behind(256+480, true, s.now)
	if !s.waits() {
		t.Error("10 ms late: does not wait")
	}
	if got, want := s.goal(true), aes67.Frames(256+49+480+48); got != want {
		t.Errorf("to begin: %d frames, want %d", got, want)
	}
	if got := s.goal(false); got != least {
		t.Errorf("while it plays: %d frames, want %d", got, least)
	}
	s.behind(10, true, s.now)
	if s.waits() {
		t.Error("all has come: waits")
	}
}

func TestALongerCycleIsNoLateness(t *testing.T) {
	s := newPunctual()
	s.run(time.Second, onTime)
	s.run(100*time.Millisecond, once(188, 37*time.Millisecond)) // the first of 2048 frames
	s.cycled(2048)
	if got, want := s.goal(false), aes67.Frames(2048+49+96); got != want {
		t.Errorf("cycles of 2048: %d frames, want %d", got, want)
	}
	s.run(400*time.Millisecond, onTime)
	s.cycled(256)
	if got := s.goal(false); got != least {
		t.Errorf("cycles of 256 again: %d frames, want %d", got, least)
	}
}

// Whatever happens, the target is within its bounds and at least what was asked.
func TestTheTargetIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for _, asked := range []aes67.Frames{0, 96, 4800} {
		target := newTarget(48000, asked.Duration(48000), time.Millisecond)
		var at aes67.MonoTime
		for range 100_000 {
			at = at.Add(time.Duration(random.IntN(2_000_000)))
			switch random.IntN(50) {
			case 0:
				target.cycled(aes67.Frames(16 + random.IntN(9000)))
			case 1:
				target.pardon()
			}
			target.behind(random.NormFloat64()*3000, random.IntN(100) > 0, at)
			goal := target.goal(random.IntN(2) == 0)
			if low, high := max(asked, target.least()), max(asked, target.cycle+49+4800+97); goal < low || goal > high {
				t.Fatalf("asked %d, cycle %d: goal %d, want %d to %d", asked, target.cycle, goal, low, high)
			}
		}
	}
}

// What two messages in a row that came late make of the cycle's length does not undo what
// was learnt of them.
func TestLatenessIsLearntThoughCyclesSeemToChange(t *testing.T) {
	s := newPunctual()
	s.run(time.Second, onTime)
	for _, c := range []struct {
		late  time.Duration
		cycle aes67.Frames // it seems to be, when two were late
	}{{6 * time.Millisecond, 512}, {20 * time.Millisecond, 1024}} {
		for range 40 {
			next := int(time.Duration(s.now)/(256*time.Second/48000)) + 10
			s.run(100*time.Millisecond, once(next, c.late))
			s.cycled(c.cycle)
			s.run(30*time.Millisecond, onTime)
			s.cycled(256)
			s.run(370*time.Millisecond, onTime)
		}
		if got, want := s.goal(false), 256+aes67.FramesIn(c.late, 48000); got < want {
			t.Errorf("%v late twice a second: %d frames, want %d at least", c.late, got, want)
		}
	}
}

// A buffer that was asked for and cannot be kept is chosen as if none was.
func TestALatencyThatCannotBeKeptLearns(t *testing.T) {
	s := newPunctual()
	s.asked = 6 * time.Millisecond
	s.run(time.Second, onTime)
	if got := s.goal(false); got != least {
		t.Errorf("6 ms asked: %d frames, want %d", got, least)
	}
	s.run(time.Second, once(300, 20*time.Millisecond))
	if got := s.goal(false); got < 256+49+900 {
		t.Errorf("6 ms asked, and a cycle 20 ms late: %d frames", got)
	}
	s.asked = 40 * time.Millisecond
	if got := s.goal(false); got != 1920 {
		t.Errorf("40 ms asked: %d frames", got)
	}
}
