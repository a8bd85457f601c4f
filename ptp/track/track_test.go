package track_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/track"
)

// estimator is the seam: whatever makes estimates of samples.
type estimator interface {
	Add(d track.Direction, s track.Sample)
	Estimate(now aes67.RawTime) (track.Estimate, bool)
	Reset()
}

// lastPair is the least that could be done: the offset of the latest two samples,
// and the rate over the first and the last of ten seconds. It is what the
// estimator is compared with.
type lastPair struct {
	last  [2]track.Sample
	first track.Sample
}

func (e *lastPair) Reset() { *e = lastPair{} }

func (e *lastPair) Add(d track.Direction, s track.Sample) {
	e.last[d] = s
	if e.first.At == 0 || s.At.Sub(e.first.At) > 10*time.Second {
		e.first = s
	}
}

func (e *lastPair) Estimate(now aes67.RawTime) (track.Estimate, bool) {
	us, master := e.last[track.ToUs], e.last[track.ToMaster]
	span := us.At.Sub(e.first.At)
	if master.At == 0 || span < time.Second {
		return track.Estimate{}, false
	}
	rate := -float64(us.Offset-e.first.Offset) / span.Seconds()
	return track.Estimate{At: now, Base: master.Offset, Offset: float64(us.Offset-master.Offset) / 2, Rate: aes67.PPB(rate)}, true
}

// boot is when the simulations begin.
const boot = aes67.RawTime(5000 * time.Second)

// path is a simulated master of the media profile and the way to it.
type path struct {
	clock    lab.Oscillator
	down, up *lab.Link
	dead     bool // no message passes
	asked    time.Duration
}

// follow lets time pass: a Sync each 125 ms, and a Delay_Req in between.
func (p *path) follow(e estimator, from, until aes67.RawTime, then func(now aes67.RawTime, est track.Estimate, ok bool)) {
	const each = 125 * time.Millisecond
	for now := from; now < until; now = now.Add(each) {
		at := now
		for _, d := range p.up.Pass() {
			sent := at.Add(-each / 2)
			if p.dead || sent.Sub(from) < p.asked {
				continue
			}
			e.Add(track.ToMaster, track.Sample{At: sent, Offset: int64(sent) - int64(p.clock.At(sent.Add(d)))})
		}
		for _, d := range p.down.Pass() {
			if !p.dead {
				at = at.Add(d)
				e.Add(track.ToUs, track.Sample{At: at, Offset: int64(at) - int64(p.clock.At(at.Add(-d)))})
			}
		}
		est, ok := e.Estimate(at)
		then(at, est, ok)
	}
}

func newPath(seed uint64, jitter lab.Jitter) *path {
	return &path{
		clock: lab.Oscillator{Start: boot, Epoch: 1e18, Skew: 50_000},
		down:  lab.NewLink(seed, 2500*time.Nanosecond, jitter, 0), up: lab.NewLink(seed+1, 2500*time.Nanosecond, jitter, 0),
	}
}

func TestEstimatorsSideBySide(t *testing.T) {
	const minute = aes67.RawTime(time.Minute)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "clock\twindows by prediction: rms ns (limit)\trate ppb (limit)\tlast pair: rms ns\trate ppb")
	for _, c := range []struct {
		name        string
		jitter      lab.Jitter
		edit        func(*path)
		limit, rate float64 // ns, ppb
	}{
		// Software timestamps: one message has 200 ns, a minute of them some ns.
		{"steady", lab.Kernel(), func(*path) {}, 40, 20},
		{"warm-up of 2 ppm in 5 min", lab.Kernel(), func(p *path) { p.clock.Course = lab.WarmUp(2000, 5*time.Minute) }, 120, 60},
		{"random-walk frequency, 3 ppb in 1 s", lab.Kernel(), func(p *path) { p.clock.Course = lab.RandomWalk(1, 3) }, 120, 60},
		{"5 ppm over 20 s", lab.Kernel(), func(p *path) { p.clock.Wander, p.clock.Period = 5000, 20*time.Second }, 500, 2000},
		{"queue of 20 µs each way", lab.Sum(lab.Kernel(), lab.Exponential(20*time.Microsecond)), func(*path) {}, 1900, 500},
	} {
		results := map[bool][2]float64{}
		for _, ours := range []bool{true, false} {
			p := newPath(1, c.jitter)
			c.edit(p)
			var e estimator = new(lastPair)
			if ours {
				e = new(track.Estimator)
			}
			var est track.Estimate
			var phase, rate []float64
			p.follow(e, boot, boot+5*minute, func(now aes67.RawTime, latest track.Estimate, ok bool) {
				if ok {
					est = latest
				}
				if now > boot+minute {
					phase = append(phase, float64(est.TimeAt(now).Sub(p.clock.At(now))))
					rate = append(rate, float64(est.RateAt(now)-p.clock.Rate(now)))
				}
			})
			results[ours] = [2]float64{lab.RMS(phase), lab.RMS(rate)}
		}
		ours, other := results[true], results[false]
		fmt.Fprintf(w, "%s\t%.0f (%.0f)\t%.0f (%.0f)\t%.0f\t%.0f\n", c.name, ours[0], c.limit, ours[1], c.rate, other[0], other[1])
		if ours[0] > c.limit || ours[1] > c.rate {
			t.Errorf("%s: %.0f ns and %.0f ppb rms off, want at most %.0f ns and %.0f ppb", c.name, ours[0], ours[1], c.limit, c.rate)
		}
	}
}

func TestAReplyThatIsAloneIsNoDisaster(t *testing.T) {
	p := newPath(7, lab.Kernel())
	p.asked = 29900 * time.Millisecond
	var e track.Estimator
	p.follow(&e, boot, boot.Add(30*time.Second), func(now aes67.RawTime, est track.Estimate, ok bool) {
		if off := est.TimeAt(now).Sub(p.clock.At(now)).Abs(); ok && now > boot.Add(5*time.Second) && off > 5*time.Microsecond {
			t.Fatalf("at %v s: off by %v, want no more than the unknown delay", now.Sub(boot).Seconds(), off)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	p := newPath(3, lab.Kernel())
	var e track.Estimator
	var clock mediaclock.Clock
	servo := track.NewServo(&clock)
	servo.Start(boot)
	warm := boot.Add(90 * time.Second)
	p.follow(&e, boot, warm, func(aes67.RawTime, track.Estimate, bool) {})
	now, made := warm, 0
	r := rand.New(rand.NewPCG(1, 1))
	each := func() {
		for range 8 {
			now = now.Add(125 * time.Millisecond)
			late := time.Duration(r.Int64N(500))
			e.Add(track.ToMaster, track.Sample{At: now, Offset: int64(now) - int64(p.clock.At(now.Add(late)))})
			e.Add(track.ToUs, track.Sample{At: now, Offset: int64(now) - int64(p.clock.At(now.Add(-late)))})
			if est, ok := e.Estimate(now); ok {
				servo.Take(now, est)
				made++
			}
		}
	}
	if n := testing.AllocsPerRun(100, each); n > 0 {
		t.Errorf("%v allocations in a second of samples and estimates, want 0", n)
	}
	e.Reset()
	if n := testing.AllocsPerRun(100, each); n > 0 {
		t.Errorf("%v allocations in a second after a Reset, want 0", n)
	}
	if made < 100 {
		t.Errorf("%d estimates were made, want at least 100", made)
	}
}

func TestResetForgetsEverything(t *testing.T) {
	p := newPath(5, lab.Kernel())
	var used, fresh track.Estimator
	p.follow(&used, boot, boot.Add(20*time.Second), func(aes67.RawTime, track.Estimate, bool) {})
	used.Reset()
	if n, span := used.Count(track.ToUs); n != 0 || span != 0 {
		t.Errorf("after Reset: %d samples over %v", n, span)
	}
	var got, want []track.Estimate
	again := func(e *track.Estimator, list *[]track.Estimate) {
		newPath(6, lab.Kernel()).follow(e, boot.Add(time.Minute), boot.Add(65*time.Second), func(_ aes67.RawTime, est track.Estimate, ok bool) {
			*list = append(*list, est)
		})
	}
	again(&used, &got)
	again(&fresh, &want)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("estimate %d is %+v, of a new one %+v", i, got[i], want[i])
		}
	}
}

// steps drives a servo with an estimate for so many ticks.
func steps(s *track.Servo, from aes67.RawTime, ticks int, est func(now aes67.RawTime) track.Estimate) (now aes67.RawTime) {
	for now = from; ticks > 0; ticks-- {
		now = now.Add(track.ServoInterval)
		s.Take(now, est(now))
		s.Tick(now)
	}
	return now
}

func TestStates(t *testing.T) {
	var clock mediaclock.Clock
	s := track.NewServo(&clock)
	now := boot
	want := func(what string, state track.State) {
		t.Helper()
		if s.State() != state {
			t.Fatalf("%s: %v, want %v", what, s.State(), state)
		}
	}
	good := func(now aes67.RawTime) track.Estimate {
		return track.Estimate{At: now, Base: -int64(now-boot) / 50_000, Rate: 20_000, OffsetSE: 100, Window: 8 * time.Second}
	}
	bad := func(now aes67.RawTime) track.Estimate {
		e := good(now)
		e.OffsetSE, e.Base = 2e6, e.Base+int64(3*time.Millisecond)
		return e
	}
	want("at first", track.Empty)
	s.Start(now)
	s.Tick(now)
	want("before an estimate", track.Measuring)
	now = steps(&s, now, 1, good)
	want("with one", track.Stepped)
	now = steps(&s, now, 10, good)
	want("close to it", track.Locked)
	before, _ := clock.Load()
	now = steps(&s, now, 40, bad)
	want("of a bad one", track.Held)
	if m, _ := clock.Load(); m.Steps != 0 || math.Abs(float64(m.PTPAt(now)-before.PTPAt(now))) > 1000 {
		t.Errorf("a bad estimate moved the clock by %d ns in %d steps", m.PTPAt(now)-before.PTPAt(now), m.Steps)
	}
	now = steps(&s, now, 10, good)
	want("of a good one again", track.Locked)
	s.Hold(now)
	want("without Syncs", track.Held)
	now = steps(&s, now, 10, good)
	want("with Syncs", track.Locked)
	s.Start(now)
	want("another clock", track.Held)
	now = steps(&s, now, 10, good)
	want("which is measured", track.Locked)
	absurd := good(now)
	absurd.Rate = -1e9
	if s.Take(now, absurd) {
		t.Error("the rate of a clock that stands still was taken")
	}
	want("a clock that stands still", track.Held)
	if m, _ := clock.Load(); m.Rate != 20_000 {
		t.Errorf("runs on at %v ppb, want its last good rate of 20000", m.Rate)
	}
	s.Trust()
	want("a time from elsewhere", track.Held)
}

func TestADifferenceOfManyMillisecondsIsAStep(t *testing.T) {
	var clock mediaclock.Clock
	s := track.NewServo(&clock)
	s.Start(boot)
	good := func(now aes67.RawTime) track.Estimate { return track.Estimate{At: now, Base: 0, OffsetSE: 100} }
	moved := func(now aes67.RawTime) track.Estimate {
		return track.Estimate{At: now, Base: int64(5 * time.Millisecond), OffsetSE: 100}
	}
	now := steps(&s, boot, 20, good)
	now = steps(&s, now, 7, moved)
	if m, _ := clock.Load(); m.Steps != 0 {
		t.Errorf("stepped within a second")
	}
	now = steps(&s, now, 2, moved)
	m, _ := clock.Load()
	if off := m.PTPAt(now) - aes67.PTPTime(int64(now)-int64(5*time.Millisecond)); m.Steps != 1 || off != 0 {
		t.Errorf("%d steps, %d ns off; want one step", m.Steps, off)
	}
}

// A clock that is right from the start, as an inherited one, is not stepped: what it
// holds, before it was ever locked, is the other's rate all the same.
func TestARateIsHeldThatWasNeverLockedTo(t *testing.T) {
	const rate = 40_000
	clock, start := mediaclock.Clock{}, aes67.RawTime(time.Hour)
	clock.Step(start, aes67.PTPTime(start), rate)
	s := track.NewServo(&clock)
	s.Trust()
	s.Start(start)
	now := steps(&s, start, 1, func(now aes67.RawTime) track.Estimate {
		gained := float64(now.Sub(start)) * rate * 1e-9
		return track.Estimate{At: now, Offset: -gained, OffsetSE: 1000, Rate: rate, Window: time.Second}
	})
	s.Hold(now)
	if m, _ := clock.Load(); m.Rate != rate {
		t.Errorf("holds %v ppb, want %v", m.Rate, rate)
	}
}
