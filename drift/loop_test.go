package drift

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// A bench is a loop with a punctual server of 240 frames each 5 ms, which the
// test can stop, and a caller that pulls each ms.
type bench struct {
	loop     *Loop
	now      aes67.MonoTime
	total    aes67.Frames
	consumed float64
	ratio    float64
	stopped  bool
}

func newBench() *bench {
	return &bench{loop: NewLoop(Config{InRate: 48000, Target: 720}), now: 1e12}
}

// run lets time pass. The caller reads unless the loop acquires.
func (b *bench) run(length time.Duration) {
	for end := b.now.Add(length); b.now < end; {
		b.now = b.now.Add(time.Millisecond)
		if b.loop.State() != Acquire {
			b.consumed += 48 / (1 + b.ratio)
		}
		if b.now%5e6 == 0 && !b.stopped {
			b.total += 240
			b.loop.Arrived(b.total, b.now)
		}
		b.ratio = float64(b.loop.Update(b.now, b.consumed, 0)) * 1e-9
	}
}

// start lets time pass until the loop lets the caller begin.
func (b *bench) start(t *testing.T) {
	t.Helper()
	for range 1000 {
		b.run(time.Millisecond)
		if skip, ok := begin(b.loop, b.now, aes67.Frames(b.consumed)); ok {
			b.consumed += float64(skip)
			return
		}
	}
	t.Fatalf("no start within 1 s; state %v", b.loop.State())
}

func TestStartLeavesTheTarget(t *testing.T) {
	b := newBench()
	b.start(t)
	if got := b.now - 1e12; got > 200e6 {
		t.Errorf("started after %v, want 200 ms at most", time.Duration(got))
	}
	b.run(time.Millisecond)
	if got := b.loop.Fill(); math.Abs(got-720) > 0.5 {
		t.Errorf("fill %.3f after Start, want 720 within half a frame", got)
	}
	if b.loop.State() != Coarse {
		t.Errorf("state %v after Start, want coarse", b.loop.State())
	}
	if _, ok := begin(b.loop, b.now, aes67.Frames(b.consumed)); ok {
		t.Error("Start says yes while reading")
	}
}

func TestStartWaits(t *testing.T) {
	b := newBench()
	if _, ok := begin(b.loop, b.now, 0); ok {
		t.Error("Start says yes before anything has arrived")
	}
	b.run(100 * time.Millisecond)
	if _, ok := begin(b.loop, b.now, 0); ok {
		t.Error("Start says yes after 100 ms")
	}
	b.run(100 * time.Millisecond)
	if _, ok := begin(b.loop, b.now, b.total-240); ok {
		t.Error("Start says yes with less in the ring than the target")
	}
	b.stopped = true
	b.run(101 * time.Millisecond)
	if _, ok := begin(b.loop, b.now, 0); ok {
		t.Error("Start says yes after arrivals have stopped")
	}
}

func TestFillDoesNotDependOnThePhaseOfThePulls(t *testing.T) {
	for phase := aes67.MonoTime(0); phase < 5e6; phase += 317_001 {
		loop := NewLoop(Config{InRate: 48000, Target: 720})
		total := aes67.Frames(0)
		var fill float64
		for now := aes67.MonoTime(1e12); now < 1001e9; now += 5e6 {
			total += 240
			loop.Arrived(total, now)
			loop.Update(now+phase, float64(now+phase-1e12)*48e-6, 0)
			fill = loop.Fill()
		}
		if math.Abs(fill-240) > 0.001 {
			t.Errorf("%d us after an arrival the fill is %.4f, want 240", phase/1000, fill)
		}
	}
}

func TestStates(t *testing.T) {
	b := newBench()
	expect := func(want State, when string) {
		t.Helper()
		if got := b.loop.State(); got != want {
			t.Fatalf("%s: state %v, want %v", when, got, want)
		}
	}
	expect(Acquire, "new")
	b.start(t)
	b.run(9 * time.Second)
	expect(Coarse, "after 9 s")
	b.run(2 * time.Second)
	expect(Fine, "after 11 s")
	b.stopped = true
	b.run(45 * time.Millisecond)
	expect(Fine, "45 ms without arrivals")
	b.run(15 * time.Millisecond)
	expect(Holding, "60 ms without arrivals")
	b.stopped = false
	for range 11 { // what was held up
		b.total += 240
		b.loop.Arrived(b.total, b.now)
	}
	b.run(10 * time.Millisecond)
	expect(Fine, "arrivals go on")
	b.stopped = true
	b.run(110 * time.Millisecond)
	expect(Acquire, "110 ms without arrivals")
	b.stopped = false
	b.start(t)
	expect(Coarse, "arrivals are back")
	b.consumed -= 300
	b.run(time.Millisecond)
	expect(Coarse, "300 frames too many")
	b.consumed += 700
	b.run(time.Millisecond)
	expect(Coarse, "400 frames too few")
	b.consumed -= 850
	b.run(time.Millisecond)
	expect(Acquire, "450 frames too many, 9.4 ms")
	b.start(t)
	b.loop.Reset()
	expect(Acquire, "reset")
	b.start(t)
	b.stopped = true
	b.run(110 * time.Millisecond)
	expect(Acquire, "110 ms without arrivals, soon after a reset")
	b.stopped = false
	b.loop.Reset()
	b.total, b.consumed = 0, 0
	b.start(t)
	b.run(time.Millisecond)
	if got := b.loop.Fill(); math.Abs(got-720) > 0.5 {
		t.Errorf("fill %.3f with the count begun from zero, want 720", got)
	}
}

func TestHoldingKeepsTheRatio(t *testing.T) {
	b := newBench()
	b.start(t)
	b.run(time.Second)
	b.consumed -= 40
	b.run(100 * time.Millisecond) // the ratio is on its way
	b.stopped = true
	b.run(52 * time.Millisecond)
	before := b.ratio
	b.run(40 * time.Millisecond)
	if b.loop.State() != Holding || b.ratio != before || before == 0 {
		t.Errorf("%v: ratio %g, want the %g from before and not 0", b.loop.State(), b.ratio, before)
	}
}

func TestUpdateOfTheSameInstantChangesNothing(t *testing.T) {
	b := newBench()
	b.start(t)
	b.run(time.Second)
	for range 100 {
		if got := b.loop.Update(b.now, b.consumed+100, 100_000); float64(got)*1e-9 != b.ratio {
			t.Fatalf("ratio %v, want %g", got, b.ratio*1e9)
		}
	}
}

func TestTargetIsTakenAtOnceWhileAcquiring(t *testing.T) {
	b := newBench()
	b.loop.SetTarget(960)
	b.start(t)
	b.run(time.Millisecond)
	if got := b.loop.Fill(); math.Abs(got-960) > 0.5 || b.loop.Target() != 960 {
		t.Errorf("fill %.3f, target %d, want 960", got, b.loop.Target())
	}
}

func TestRateIsTheServers(t *testing.T) {
	loop := NewLoop(Config{InRate: 48000, Target: 720})
	for i := range aes67.Frames(4000) {
		loop.Arrived(i*256, aes67.MonoTime(1e12+float64(i)*256e9/48000/1.0001))
		loop.Update(aes67.MonoTime(1e12+float64(i)*256e9/48000/1.0001), 0, 0)
	}
	if got := loop.Rate(); math.Abs(float64(got)-100_000) > 20 {
		t.Errorf("rate %.0f ppb, want 100000", got)
	}
}

func TestWanderIsTheDeviationOfTheTrim(t *testing.T) {
	var w wander
	for i := range 600_000 {
		w.add(time.Millisecond, 5e-6+1e-6*math.Sin(float64(i)*0.01))
	}
	if got, want := math.Sqrt(w.square), 1e-6/math.Sqrt2; math.Abs(got-want) > 0.02e-6 {
		t.Errorf("wander %g, want %g", got, want)
	}
}

func TestLoopDoesNotAllocate(t *testing.T) {
	b := newBench()
	b.start(t)
	if n := testing.AllocsPerRun(2000, func() { b.run(5 * time.Millisecond) }); n != 0 {
		t.Fatalf("five updates and an arrival allocate %v times, want 0", n)
	}
	b.stopped = true
	b.run(time.Second)
	b.stopped = false
	if n := testing.AllocsPerRun(100, func() {
		b.run(5 * time.Millisecond)
		begin(b.loop, b.now, aes67.Frames(b.consumed))
	}); n != 0 {
		t.Fatalf("Start allocates %v times, want 0", n)
	}
}

// begin asks for a place and takes it.
func begin(l *Loop, at aes67.MonoTime, consumed aes67.Frames) (skip aes67.Frames, ok bool) {
	if skip, ok = l.Place(at, consumed); ok {
		l.Start()
	}
	return skip, ok
}
