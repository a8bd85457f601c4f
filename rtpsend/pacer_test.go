package rtpsend

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// sending is one packet in simulated time.
type sending struct {
	decision
	at    aes67.RawTime
	steps uint32 // of the clock at that instant
	base  mediaclock.Map
}

// rig runs a pacer in simulated time.
type rig struct {
	t      *testing.T
	pacer  pacer
	clock  mediaclock.Clock
	now    aes67.RawTime
	wakeUp func() time.Duration // how late a sleep ends
	pull   func(d decision) (silent bool)
	events []event
	stop   bool
	sent   []sending
	ended  bool
	jumps  int
}

// event happens when simulated time reaches at.
type event struct {
	at aes67.RawTime
	do func(r *rig)
}

// fadeTime is how long the simulated source fades.
const fadeTime = 5 * time.Millisecond

func newRig(t *testing.T, ptime aes67.PacketTime, rate aes67.Hz) *rig {
	t.Helper()
	r := &rig{
		t:      t,
		pacer:  newPacer(ptime.Frames(rate), rate),
		now:    1_000_000_000_000,
		wakeUp: func() time.Duration { return 20 * time.Microsecond },
	}
	var faded time.Duration
	r.pull = func(d decision) bool {
		if d.open {
			faded = 0
			return false
		}
		faded += r.pacer.period
		return faded >= fadeTime
	}
	return r
}

// set starts the clock at a PTP time that is no multiple of anything.
func (r *rig) set(rate aes67.PPB) {
	r.clock.Step(r.now, 1_700_000_000_123_456_789, rate)
}

func (r *rig) after(d time.Duration, do func(r *rig)) {
	r.events = append(r.events, event{r.now.Add(d), do})
}

func stall(d time.Duration) func(r *rig) {
	return func(r *rig) { r.now = r.now.Add(d) }
}

// run simulates the given time, or until the pacer ends.
func (r *rig) run(d time.Duration) {
	r.t.Helper()
	end := r.now.Add(d)
	for turns := 0; r.now < end; turns++ {
		if turns > 10_000_000 {
			r.t.Fatal("the pacer does not let time pass")
		}
		for i := 0; i < len(r.events); i++ {
			if r.now >= r.events[i].at {
				do := r.events[i].do
				r.events = append(r.events[:i], r.events[i+1:]...)
				i--
				do(r)
			}
		}
		clock, set := r.clock.Load()
		d := r.pacer.decide(r.now, clock, set, r.stop)
		switch d.act {
		case actSleep:
			if d.until <= r.now {
				r.t.Fatalf("at %d: asked to sleep until %d, which has passed", r.now, d.until)
			}
			r.now = d.until.Add(r.wakeUp())
		case actSend:
			if d.jumped {
				r.jumps++
			}
			silent := true
			if !d.mute {
				silent = r.pull(d)
			}
			r.now = r.now.Add(10 * time.Microsecond)
			r.pacer.sent(d, r.now, silent)
			r.sent = append(r.sent, sending{d, r.now, clock.Steps, r.pacer.base})
		case actEnd:
			r.ended = true
			return
		}
	}
}

// check holds what must be true of every stream of packets.
func (r *rig) check() {
	r.t.Helper()
	for i, s := range r.sent {
		if s.media%aes67.MediaTime(r.pacer.frames) != 0 {
			r.t.Fatalf("packet %d: media time %d is not a multiple of %d", i, s.media, r.pacer.frames)
		}
		instant := s.base.RawAt(s.media.PTP(r.pacer.rate))
		if s.due < instant || s.at < instant {
			r.t.Fatalf("packet %d: due %v, sent %v before its RTP instant", i, instant.Sub(s.due), instant.Sub(s.at))
		}
		if off := s.due.Sub(instant) - r.pacer.offset; off < -time.Microsecond || off > time.Microsecond {
			r.t.Fatalf("packet %d: due %v off the constant", i, off)
		}
		if late := s.at.Sub(s.due); late > r.pacer.limit+time.Millisecond {
			r.t.Fatalf("packet %d: sent %v late", i, late)
		}
		if i == 0 {
			continue
		}
		if step := s.media - r.sent[i-1].media; !s.jumped && step != aes67.MediaTime(r.pacer.frames) {
			r.t.Fatalf("packet %d: media time steps by %d without a counted jump", i, step)
		}
	}
}

func TestPacketsGoOutOneByOneAtTheirInstant(t *testing.T) {
	for _, rate := range aes67.Rates {
		for _, ptime := range aes67.PacketTimes() {
			t.Run(fmt.Sprintf("%d Hz %v", rate, ptime), func(t *testing.T) {
				r := newRig(t, ptime, rate)
				r.set(100_000) // +100 ppm
				r.run(time.Second)
				r.check()
				want := int(float64(rate) * 1.0001 / float64(ptime.Frames(rate)))
				if got := len(r.sent); got < want-1 || got > want+1 {
					t.Errorf("%d packets in one second, want %d", got, want)
				}
				for i, s := range r.sent {
					if late := s.at.Sub(s.due); late < 0 || late > 31*time.Microsecond || s.jumped || !s.open {
						t.Fatalf("packet %d: late %v, jumped %v, open %v", i, late, s.jumped, s.open)
					}
				}
			})
		}
	}
}

func TestNothingIsSentWhileTheClockIsUnset(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.run(time.Second)
	if len(r.sent) != 0 {
		t.Fatalf("%d packets without a clock, want none", len(r.sent))
	}
	r.set(0)
	r.run(time.Second)
	r.check()
	if got := len(r.sent); got < 985 || got > 1001 {
		t.Errorf("%d packets in the second after the clock was set", got)
	}
	if r.sent[0].jumped || r.jumps != 0 {
		t.Error("the beginning counts as a jump")
	}
}

func TestStallsAreCaughtUpOrSkipped(t *testing.T) {
	tests := []struct {
		name  string
		ptime aes67.PacketTime
		rate  aes67.Hz
		stall time.Duration
		jump  bool
	}{
		{"half a packet time", aes67.PacketTime1ms, 48000, 500 * time.Microsecond, false},
		{"5 ms is caught up", aes67.PacketTime1ms, 48000, 5 * time.Millisecond, false},
		{"16 ms is caught up", aes67.PacketTime1ms, 48000, 16 * time.Millisecond, false},
		{"18 ms is skipped", aes67.PacketTime1ms, 48000, 18*time.Millisecond + 100*time.Microsecond, true},
		{"10 s is skipped", aes67.PacketTime1ms, 48000, 10 * time.Second, true},
		{"16 ms at 44.1 kHz is caught up", aes67.PacketTime1ms, 44100, 16 * time.Millisecond, false},
		{"18 ms at 44.1 kHz is skipped, 17 packets or not", aes67.PacketTime1ms, 44100, 18*time.Millisecond + 200*time.Microsecond, true},
		{"2 ms of 125 us packets is caught up", aes67.PacketTime125us, 48000, 2 * time.Millisecond, false},
		{"2.5 ms of 125 us packets is more than 17 of them", aes67.PacketTime125us, 48000, 2500 * time.Microsecond, true},
		{"16 ms of 4 ms packets is caught up", aes67.PacketTime4ms, 48000, 16 * time.Millisecond, false},
		{"22 ms of 4 ms packets is skipped", aes67.PacketTime4ms, 48000, 22 * time.Millisecond, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.ptime, tt.rate)
			r.set(-50_000)
			r.after(100*time.Millisecond, stall(tt.stall))
			var before int
			r.after(99*time.Millisecond, func(r *rig) { before = len(r.sent) })
			r.run(200*time.Millisecond + tt.stall)
			r.check()
			if tt.jump != (r.jumps == 1) || r.jumps > 1 {
				t.Fatalf("%d jumps, want jump %v", r.jumps, tt.jump)
			}
			var afterStall []sending
			for i, s := range r.sent {
				if i >= before && s.at.Sub(r.sent[i-1].at) > tt.stall/2 && len(afterStall) == 0 || len(afterStall) > 0 {
					afterStall = append(afterStall, s)
				}
				if s.jumped {
					if want := s.media - r.sent[i-1].media - aes67.MediaTime(r.pacer.frames); aes67.MediaTime(s.skipped) != want {
						t.Errorf("skipped %d frames, but the media time jumped over %d", s.skipped, want)
					}
				}
			}
			if len(afterStall) == 0 {
				t.Fatal("the stall left no trace")
			}
			first := afterStall[0]
			if tt.jump {
				if !first.jumped || first.at.Sub(first.due) > 100*time.Microsecond {
					t.Errorf("after the stall: moved %v, late %v; want a jump and a punctual packet", first.jumped, first.at.Sub(first.due))
				}
				return
			}
			var caughtUp time.Duration
			for i, s := range afterStall {
				if late := s.at.Sub(s.due); late < 200*time.Microsecond {
					caughtUp = s.at.Sub(first.at)
					break
				}
				if i > 0 && r.pacer.period > spreadOver/8 {
					// No burst: even 17 packets lie some 100 µs apart.
					if gap := s.at.Sub(afterStall[i-1].at); gap < 70*time.Microsecond {
						t.Errorf("packets of the backlog only %v apart", gap)
					}
				}
			}
			// Each packet's wake-up costs its own 30 µs on top.
			if caughtUp > spreadOver+spreadOver/2+r.pacer.period {
				t.Errorf("the backlog took %v to send, want about %v", caughtUp, spreadOver)
			}
		})
	}
}

func TestSteeringNeverJumps(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.set(0)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 80 {
		r.after(time.Duration(i)*125*time.Millisecond, func(r *rig) {
			r.clock.Steer(r.now.Add(-time.Duration(random.IntN(3e6))), aes67.PPB(random.Float64()*1e6-5e5))
		})
	}
	r.run(10 * time.Second)
	r.check()
	if r.jumps != 0 {
		t.Errorf("%d jumps while steered by ±500 ppm, want none", r.jumps)
	}
}

func TestAStepOfTheClockFadesThenJumps(t *testing.T) {
	for _, by := range []time.Duration{
		time.Microsecond, -time.Microsecond, 300 * time.Microsecond, time.Second, -time.Second,
		-40 * 365 * 24 * time.Hour, 37 * time.Second,
	} {
		t.Run(by.String(), func(t *testing.T) {
			r := newRig(t, aes67.PacketTime1ms, 48000)
			r.set(20_000)
			var stepped aes67.RawTime
			r.after(100*time.Millisecond, func(r *rig) {
				old, _ := r.clock.Load()
				stepped = r.now
				r.clock.Step(r.now, old.PTPAt(r.now).Add(by), -20_000)
			})
			r.run(300 * time.Millisecond)
			r.check()
			if r.jumps != 1 {
				t.Fatalf("%d jumps, want 1", r.jumps)
			}
			var fade []sending
			for i, s := range r.sent {
				switch {
				case s.jumped:
					if gap := s.at.Sub(r.sent[i-1].at); gap > 2*time.Millisecond+50*time.Microsecond {
						t.Errorf("%v without a packet at the step", gap)
					}
					if !s.open || s.skipped < 0 || s.skipped > 48 {
						t.Errorf("after the step: open %v, skipped %d frames; want true and less than a packet", s.open, s.skipped)
					}
					if s.base.Steps != 1 {
						t.Errorf("the jump came before the new time base")
					}
				case s.at < stepped || s.base.Steps == 1:
					if !s.open {
						t.Errorf("packet %d is closed without need", i)
					}
				default:
					fade = append(fade, s)
				}
			}
			if len(fade) != 5 {
				t.Errorf("%d packets of fade, want 5", len(fade))
			}
			for _, s := range fade {
				if s.open || s.mute {
					t.Errorf("fading packet: open %v, mute %v; want both false", s.open, s.mute)
				}
			}
		})
	}
}

func TestAStepDuringALongStallIsTakenAtOnce(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.set(0)
	r.after(50*time.Millisecond, func(r *rig) {
		stall(3 * time.Second)(r)
		old, _ := r.clock.Load()
		r.clock.Step(r.now, old.PTPAt(r.now).Add(-time.Hour), 0)
	})
	r.run(4 * time.Second)
	r.check()
	if r.jumps != 1 {
		t.Fatalf("%d jumps, want 1", r.jumps)
	}
	for _, s := range r.sent {
		if s.jumped && (s.skipped < 3*48000-48 || s.skipped > 3*48000+48 || !s.open) {
			t.Errorf("skipped %d frames, open %v; want those of 3 s, and open", s.skipped, s.open)
		}
	}
}

func TestASourceThatNeverFallsSilentDoesNotHoldUpAStep(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.pull = func(decision) bool { return false }
	r.set(0)
	r.after(50*time.Millisecond, func(r *rig) { r.clock.Step(r.now, 5e18, 0) })
	r.run(100 * time.Millisecond)
	r.check()
	if r.jumps != 1 {
		t.Fatalf("%d jumps in 50 ms after the step, want 1", r.jumps)
	}
}

func TestStoppingFadesAndEndsInZeros(t *testing.T) {
	tests := []struct {
		name   string
		silent bool // the source fades as it should
		want   int  // packets after the stop
	}{
		{"a source that fades in 5 ms", true, 5 + tailPackets},
		{"a source that never falls silent", false, 30 + tailPackets},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, aes67.PacketTime1ms, 48000)
			if !tt.silent {
				r.pull = func(decision) bool { return false }
			}
			r.set(0)
			var before int
			r.after(50*time.Millisecond, func(r *rig) {
				r.stop = true
				before = len(r.sent)
			})
			r.run(time.Second)
			r.check()
			if !r.ended {
				t.Fatal("it did not end")
			}
			tail := r.sent[before:]
			if len(tail) != tt.want {
				t.Fatalf("%d packets after the stop, want %d", len(tail), tt.want)
			}
			for i, s := range tail {
				if last := i >= len(tail)-tailPackets; s.open || s.mute != last {
					t.Errorf("packet %d after the stop: open %v, mute %v", i, s.open, s.mute)
				}
			}
		})
	}
}

func TestStoppingBeforeTheClockIsSetEndsAtOnce(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.stop = true
	r.run(time.Second)
	if !r.ended || len(r.sent) != 0 {
		t.Errorf("ended %v after %d packets, want true and 0", r.ended, len(r.sent))
	}
}

func TestPacerHoldsItsPromisesUnderRandomTrouble(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 67))
		rate := aes67.Rates[random.IntN(len(aes67.Rates))]
		ptimes := aes67.PacketTimes()
		ptime := ptimes[random.IntN(len(ptimes))]
		r := newRig(t, ptime, rate)
		r.wakeUp = func() time.Duration {
			if random.IntN(200) == 0 {
				return time.Duration(random.ExpFloat64() * 1e7)
			}
			return time.Duration(random.ExpFloat64() * 5e4)
		}
		r.set(aes67.PPB(random.Float64()*2e5 - 1e5))
		for range 20 {
			at := time.Duration(random.IntN(2_000_000_000))
			switch random.IntN(3) {
			case 0:
				r.after(at, stall(time.Duration(random.IntN(30_000_000))))
			case 1:
				r.after(at, func(r *rig) { r.clock.Steer(r.now, aes67.PPB(random.Float64()*2e5-1e5)) })
			default:
				r.after(at, func(r *rig) {
					r.clock.Step(r.now, aes67.PTPTime(random.Int64N(4e18)), aes67.PPB(random.Float64()*2e5-1e5))
				})
			}
		}
		r.after(2*time.Second, func(r *rig) { r.stop = true })
		r.run(3 * time.Second)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		r.check()
		if !r.ended {
			t.Fatalf("seed %d: it did not end", seed)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	r := newRig(t, aes67.PacketTime1ms, 48000)
	r.set(0)
	clock, set := r.clock.Load()
	if n := testing.AllocsPerRun(10_000, func() {
		d := r.pacer.decide(r.now, clock, set, false)
		if d.act == actSend {
			r.pacer.sent(d, r.now, false)
		}
		r.now = r.now.Add(700 * time.Microsecond)
	}); n != 0 {
		t.Fatalf("decide allocates %v times, want 0", n)
	}
}
