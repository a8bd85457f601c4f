package bridge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// untouched returns whether the block on both channels is the program's own
// frames, and from which on.
func (r *rig) untouched(expected aes67.Frames) (first aes67.Frames, yes bool) {
	for n := max(0, expected-3*message); n <= expected+3*message; n++ {
		same := true
		for i := range block {
			left, right := r.program(n + aes67.Frames(i))
			if r.out[0][i] != float64(float32(left)) || r.out[1][i] != float64(float32(right)) {
				same = false
				break
			}
		}
		if same {
			return n, true
		}
	}
	return 0, false
}

func exactRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(20*time.Second, nil)
	if s := r.Snapshot(); !s.Untouched {
		t.Fatalf("after 20 s as grandmaster: %+v, want the exact path", s)
	}
	return r
}

// While the media clock is CLOCK_MONOTONIC's and the server's too, every sample
// is the program's.
func TestEqualClocksLeaveSamplesUntouched(t *testing.T) {
	plainOnly(t)
	r := exactRig(t)
	var last aes67.Frames
	for i := range 20_000 {
		r.pull()
		first, yes := r.find()
		if !yes {
			t.Fatalf("block %d is not the program's", i)
		}
		if i > 0 && first != last+block {
			t.Fatalf("block %d begins with frame %d, the last one with %d", i, first, last)
		}
		last = first
	}
	if s := r.Snapshot(); s.Underruns != 0 || !s.Untouched || s.Ratio != 0 {
		t.Errorf("ends as %+v", s)
	}
}

// Noise of 24 bits up to 0.04 dB below full scale is limited while it is
// resampled, behind another grandmaster, since the signal between its samples is
// larger. Soon after that one has gone it goes out bit for bit, and status tells
// so only then.
func TestFullScaleNoiseIsUntouchedOnceItIsToldSo(t *testing.T) {
	plainOnly(t)
	r := newRig(t, PipelineConfig{}, 50)
	r.program = func(n aes67.Frames) (left, right float64) {
		noise := rand.New(rand.NewPCG(uint64(n), 1))
		whole := func() float64 { return float64(noise.IntN(2*8_350_000)-8_350_000) / (1 << 23) }
		return whole(), whole()
	}
	r.SetConfirmed(true)
	limited, exactFor, told := false, 0, 0
	for i := range 60_000 {
		if i == 3000 {
			r.tie()
		}
		r.pull()
		s := r.Snapshot()
		limited = limited || r.GainReduction() > 0
		if exactFor++; !s.Untouched {
			exactFor = 0
		}
		if s.BitExact {
			told++
			if _, yes := r.find(); !yes {
				t.Fatalf("after %v: told to be untouched, and is not", r.now)
			}
		}
		if longest := 1500; exactFor > longest && !s.BitExact { // the gain, and then a window of GainReduction
			t.Fatalf("%d ms after the resampler was left the noise is limited by %.2f dB", exactFor, r.GainReduction())
		}
	}
	if !limited || told < 5000 {
		t.Fatalf("limited while it was resampled: %v; untouched for %d ms", limited, told)
	}
}

// find looks for the block in the program, near where it must be.
func (r *rig) find() (aes67.Frames, bool) {
	return r.untouched(r.sent - aes67.Frames(math.Round(r.rate.loop.Fill())) - aes67.Frames(math.Round(r.rate.resampler.Delay())) - block)
}

// steepest is the largest second difference of a channel: a click has one that
// the tone of 750 Hz at half scale and fades do not have.
func steepest(x []float64) (worst float64) {
	for i := 2; i < len(x); i++ {
		worst = max(worst, math.Abs(x[i]-2*x[i-1]+x[i-2]))
	}
	return worst
}

// A better master, its loss, and a sound card that drives the server: the path
// is left and entered without a click, and no frame is lost.
func TestTheExactPathIsLeftAndEnteredWithoutAClick(t *testing.T) {
	plainOnly(t)
	// Of the loudest tone: a (2 pi f / rate)².
	most := 1.05 * 0.5 * math.Pow(2*math.Pi*750/testRate, 2)
	for _, c := range []struct {
		name  string
		leave func(r *rig)
		back  func(r *rig)
	}{
		{"a better master", func(r *rig) { r.steer(30_000) }, func(r *rig) { r.tie() }},
		{"a clock that is steered a little", func(r *rig) { r.steer(20) }, func(r *rig) { r.tie() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := exactRig(t)
			var left []float64
			record := func(silent bool) {
				if silent {
					t.Fatal("silence")
				}
				left = append(left, r.out[1]...)
			}
			r.pullFor(100*time.Millisecond, record)
			c.leave(r)
			r.pullFor(200*time.Millisecond, record)
			if r.Snapshot().Untouched {
				t.Fatal("still exact")
			}
			r.pullFor(10*time.Second, record)
			c.back(r)
			r.pullFor(80*time.Second, record)
			if !r.Snapshot().Untouched {
				t.Errorf("not exact again after 80 s: %+v", r.Snapshot())
			}
			if worst := steepest(left); worst > most {
				t.Errorf("second difference of %.6f, the tone has %.6f at most", worst, most)
			}
			if s := r.Snapshot(); s.Underruns+s.Overruns != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A server whose rounding lets the fill grow is let grow for a while, then the
// fill is brought back, inaudibly, and the samples are untouched again.
func TestTheFillIsRecentredNowAndThen(t *testing.T) {
	plainOnly(t)
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	// Each message is said to last 5333 µs where it lasts 5333.33: PulseAudio.
	period := 5333 * time.Microsecond
	left, exactly, most := 0, 0, 0.0
	for end := r.now.Add(330 * time.Second); r.now < end; {
		r.now = r.now.Add(time.Millisecond)
		for r.next <= r.now {
			r.message(r.next)
			r.next = r.next.Add(period)
		}
		was := r.Snapshot().Untouched
		r.Pull(r.out, r.now, true)
		s := r.Snapshot()
		if was && !s.Untouched {
			left++
		}
		if s.Untouched {
			exactly++
		}
		if r.now > aes67.MonoTime(time.Second) {
			most = max(most, math.Abs(s.Fill-float64(s.Target)))
		}
	}
	s := r.Snapshot()
	if s.Underruns+s.Overruns != 0 {
		t.Errorf("%+v", s)
	}
	if left == 0 || exactly < 150_000 {
		t.Errorf("the path was left %d times and used for %d ms of 330 000", left, exactly)
	}
	if limit := untouchedAbove.Seconds()*testRate + 5; most > limit {
		t.Errorf("the fill was %.0f frames off, want at most %.0f", most, limit)
	}
}

// What was late is forgotten after ten minutes; as long as the samples go out untouched
// the buffer becomes shorter in silence alone.
func TestForgettingLeavesSamplesUntouched(t *testing.T) {
	plainOnly(t)
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(time.Second, nil)
	r.late(20 * time.Millisecond)
	r.pullFor(time.Second, nil)
	long := r.Snapshot().Target
	r.pullFor(11*time.Minute, func(silent bool) {
		if silent || !r.rate.untouched.whole() {
			t.Fatalf("after %v: silent %v; %+v", time.Duration(r.now), silent, r.Snapshot())
		}
	})
	if s := r.Snapshot(); s.Target != long {
		t.Errorf("a buffer for %d frames became one for %d while the samples went out untouched: %+v", long, s.Target, s)
	}
	nothing := func(aes67.Frames) (left, right float64) { return 0, 0 }
	for pause := 12 * time.Millisecond; pause < 60*time.Millisecond; pause += 3 * time.Millisecond {
		r.program = nothing
		r.pullFor(pause, nil)
		r.program = tone
		r.pullFor(200*time.Millisecond, func(bool) {
			if !r.rate.untouched.whole() {
				t.Fatalf("after a pause of %v: %+v", pause, r.Snapshot())
			}
		})
	}
	r.program = nothing
	r.pullFor(time.Second, nil)
	r.program = tone
	r.pullFor(time.Second, nil)
	if s := r.Snapshot(); s.Target >= long-700 || math.Abs(s.Fill-float64(s.Target)) > 100 || !s.Untouched {
		t.Errorf("after a second of silence, from %d frames: %+v", long, s)
	}
}

// A sound card that drives the server's graph is another clock.
func TestAnotherClockIsResampled(t *testing.T) {
	plainOnly(t)
	for _, skew := range []float64{8e-6, -30e-6} {
		r := newRig(t, PipelineConfig{}, 0)
		r.SetConfirmed(true)
		random := rand.New(rand.NewPCG(1, 2))
		at := 0.0
		for end := r.now.Add(100 * time.Second); r.now < end; {
			r.now = r.now.Add(time.Millisecond)
			for r.next <= r.now {
				r.message(r.next.Add(time.Duration(random.IntN(20_000))))
				at += 256.0 / testRate * 1e9 / (1 + skew)
				r.next = aes67.MonoTime(at)
			}
			r.Pull(r.out, r.now, true)
		}
		s := r.Snapshot()
		if s.Untouched || s.Underruns != 0 {
			t.Errorf("beside a card %g fast: %+v, want it resampled", skew, s)
		}
		if want := -skew * 1e9; math.Abs(float64(s.Ratio)-want) > 1000 {
			t.Errorf("ratio %v ppb, want about %v", s.Ratio, want)
		}
	}
}

// plainOnly leaves a long simulation of one goroutine to the build without race
// detector (`make alloc`), which takes a twentieth of the time.
func plainOnly(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("one goroutine, and long: run without the race detector")
	}
}

// Where the clocks are one from the start, so is every sample from the first on.
func TestEqualClocksAreUntouchedFromTheFirstSound(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	began := false
	r.pullFor(time.Second, func(silent bool) {
		s := r.Snapshot()
		began = began || !silent
		if began && !s.Untouched {
			t.Fatalf("resampled %v after the start", time.Duration(r.now))
		}
	})
	if !r.Snapshot().BitExact {
		t.Error("not bit-exact after a second")
	}
	if _, yes := r.find(); !yes {
		t.Error("told to be bit-exact, and is not")
	}
}
