package bridge

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/drift"
	"aes67-sink/mediaclock"
)

const (
	testRate  = 48000
	block     = 48
	message   = 256
	lessThan1 = time.Millisecond
)

// rig plays a tone on the left and another on the right through a pipeline, in
// simulated time: the server renders a message each 5.33 ms, the sender pulls
// each millisecond of the grandmaster.
type rig struct {
	*Pipeline
	rooms   *Rooms // of it alone
	clock   mediaclock.Clock
	now     aes67.MonoTime // of the last pull
	sent    aes67.Frames   // messages rendered so far, in frames
	next    aes67.MonoTime // when the next message arrives
	stopped bool           // the sound server is away
	missed  int            // messages that were due meanwhile
	samples []float32
	out     [][]float64
	open    bool
	program func(n aes67.Frames) (left, right float64) // tone, as a rule
}

func silence(aes67.Frames) (left, right float64) { return 0, 0 }

func newRig(t *testing.T, cfg PipelineConfig, skew aes67.PPB) *rig {
	t.Helper()
	cfg.Channels, cfg.SinkRate, cfg.StreamRate, cfg.PacketFrames = 2, testRate, testRate, block
	r := &rig{samples: make([]float32, 2*message), out: [][]float64{make([]float64, block), make([]float64, block)}, open: true, program: tone}
	r.clock.Step(0, 1e18, skew)
	if skew == 0 {
		r.tie()
	}
	var err error
	if r.Pipeline, err = NewPipeline(cfg, &r.clock); err != nil {
		t.Fatal(err)
	}
	r.rooms = alone(t, r.Pipeline)
	return r
}

// alone are the rooms of a single sink.
func alone(t testing.TB, p *Pipeline) *Rooms {
	t.Helper()
	rooms, err := NewRooms(RoomsConfig{StreamRate: p.cfg.StreamRate, PacketFrames: p.cfg.PacketFrames, CeilingDBFS: p.cfg.CeilingDBFS},
		[]Room{{Pipeline: p, Channels: make([]string, p.cfg.Channels)}})
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}

// tie lets the clock tick with CLOCK_MONOTONIC, steer at another rate.
func (r *rig) tie() {
	r.steer(0)
	m, _ := r.clock.Load()
	m.Tied = true
	r.clock.Set(m)
}

func (r *rig) steer(rate aes67.PPB) {
	r.clock.Steer(aes67.RawTime(r.now), rate)
	m, _ := r.clock.Load()
	m.Tied = false
	r.clock.Set(m)
}

// tone is the frame n of the program: 500 Hz left, 750 Hz right, -6 dBFS.
func tone(n aes67.Frames) (left, right float64) {
	at := float64(n) / testRate
	return 0.5 * math.Sin(2*math.Pi*500*at), 0.5 * math.Sin(2*math.Pi*750*at)
}

// pull advances the world by one packet time of the grandmaster.
func (r *rig) pull() (silent bool) {
	m, _ := r.clock.Load()
	r.now = aes67.MonoTime(m.RawAt(m.PTPAt(aes67.RawTime(r.now)).Add(lessThan1))) // the two clocks are one
	for r.next <= r.now {
		if r.stopped {
			r.missed++
		} else {
			r.message(r.next)
		}
		r.next = r.next.Add(aes67.Frames(message).Duration(testRate))
	}
	return r.rooms.Pull(r.out, r.now, r.open)
}

// pullBeforeArrivals is a pull that is sooner than the thread of the monitor.
func (r *rig) pullBeforeArrivals() {
	r.now = r.now.Add(lessThan1)
	r.rooms.Pull(r.out, r.now, r.open)
}

// message renders one message that arrives at the given instant.
func (r *rig) message(at aes67.MonoTime) {
	for i := range message {
		left, right := r.program(r.sent + aes67.Frames(i))
		r.samples[2*i], r.samples[2*i+1] = float32(left), float32(right)
	}
	r.Frames(r.samples, at)
	r.sent += message
}

// late lets the server's thread go without the processor for so long; then it
// renders at once what was due.
func (r *rig) late(d time.Duration) {
	r.stopped, r.missed = true, 0
	r.pullFor(d, nil)
	r.stopped = false
	for range r.missed {
		r.message(r.now)
	}
}

// render lets so much sound arrive at once, now.
func (r *rig) render(d time.Duration) {
	for range aes67.FramesIn(d, testRate) / message {
		r.message(r.now)
	}
}

func (r *rig) pullFor(d time.Duration, each func(silent bool)) {
	for end := r.now.Add(d); r.now < end; {
		silent := r.pull()
		if each != nil {
			each(silent)
		}
	}
}

func (r *rig) peak() float64 {
	peak := 0.0
	for _, channel := range r.out {
		for _, x := range channel {
			peak = max(peak, math.Abs(x))
		}
	}
	return peak
}

// Heard is what is open: not before the volume is confirmed, nor while the sound server is
// away, nor while nothing is let out.
func TestHeardIsWhatIsOpen(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	heard := func(d time.Duration) bool {
		before := r.HeardAt()
		r.pullFor(d, nil)
		return r.HeardAt() > max(before, r.now.Add(-10*time.Millisecond))
	}
	if heard(time.Second) {
		t.Error("before the volume is confirmed")
	}
	r.SetConfirmed(true)
	if !heard(time.Second) {
		t.Error("not what plays")
	}
	r.open = false
	if heard(100 * time.Millisecond) {
		t.Error("while nothing is let out")
	}
	r.open = true
	if !heard(time.Second) {
		t.Error("not what plays again")
	}
	if r.stopped = true; heard(time.Second) {
		t.Error("while the sound server is away")
	}
}

func TestZerosUntilTheVolumeIsConfirmed(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.pullFor(time.Second, func(bool) {
		if r.peak() != 0 {
			t.Fatalf("peak %v before the volume is confirmed", r.peak())
		}
	})
	r.SetConfirmed(true)
	r.pullFor(200*time.Millisecond, nil)
	if r.peak() < 0.4 {
		t.Errorf("peak %v after it is confirmed, want about 0.5", r.peak())
	}
}

// steepest returns the largest step between neighbouring samples of the left
// channel over d, from what was pulled last on: a click shows as a step that the tone
// does not have.
func (r *rig) steepest(d time.Duration) float64 {
	worst, last := 0.0, r.out[0][block-1]
	r.pullFor(d, func(bool) {
		for _, x := range r.out[0] {
			worst = max(worst, math.Abs(x-last))
			last = x
		}
	})
	return worst
}

// toneStep is the steepest step of the left tone itself.
const toneStep = 0.5 * 2 * math.Pi * 500 / testRate

func TestEveryEdgeIsAFade(t *testing.T) {
	plainOnly(t)
	tests := []struct {
		name string
		edge func(*rig)
	}{
		{"the sound server goes away", func(r *rig) { r.stopped = true }},
		{"the sound server comes back", func(r *rig) {
			r.stopped = true
			r.pullFor(time.Second, nil)
			r.stopped = false
		}},
		{"the sender closes", func(r *rig) { r.open = false }},
		{"the volume is in doubt", func(r *rig) { r.SetConfirmed(false) }},
		{"300 ms of sound come at once", func(r *rig) { r.render(300 * time.Millisecond) }},
		{"the sender stood still for 300 ms", func(r *rig) {
			r.now = r.now.Add(300 * time.Millisecond)
			r.Skipped(14400)
			clear(r.out[0]) // nothing was heard meanwhile
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, PipelineConfig{}, 50_000)
			r.SetConfirmed(true)
			r.pullFor(2*time.Second, nil)
			test.edge(r)
			if got := r.steepest(time.Second); got > 1.1*toneStep {
				t.Errorf("steepest step %.4f, the tone's is %.4f", got, toneStep)
			}
		})
	}
}

// A sender that missed some packets passes over what the sink played meanwhile:
// the latency stays, and the pitch, for nothing is left to catch up with.
func TestAGapOfTheMediaClockCostsNoLatency(t *testing.T) {
	plainOnly(t)
	for _, gap := range []time.Duration{3 * time.Millisecond, 40 * time.Millisecond, 90 * time.Millisecond} {
		r := newRig(t, PipelineConfig{Latency: 40 * time.Millisecond}, 50_000)
		r.SetConfirmed(true)
		r.pullFor(20*time.Second, nil)
		if s := r.Snapshot(); s.Drift != drift.Fine {
			t.Fatalf("before the gap drift is %v", s.Drift)
		}
		r.now = r.now.Add(gap)
		r.Skipped(aes67.FramesIn(gap, testRate))
		r.pullBeforeArrivals()
		if got := steepest(append([]float64{0}, r.out[0]...)); got > 1.1*toneStep {
			t.Errorf("%v: a step of %.4f behind the gap", gap, got)
		}
		if got := r.steepest(time.Second); got > 1.1*toneStep {
			t.Errorf("%v: steepest step %.4f, the tone's is %.4f", gap, got, toneStep)
		}
		s := r.Snapshot()
		if off := math.Abs(s.Fill - float64(s.Target)); off > message/2 {
			t.Errorf("%v: the fill is %.0f frames off its target of %d", gap, off, s.Target)
		}
		if s.Underruns != 0 || r.peak() < 0.4 {
			t.Errorf("%v: %d underruns, peak %v", gap, s.Underruns, r.peak())
		}
	}
}

func TestSilenceWhileTheSoundServerIsAwayThenSoundAgain(t *testing.T) {
	r := newRig(t, PipelineConfig{}, -100_000)
	r.SetConfirmed(true)
	r.pullFor(time.Second, nil)
	r.stopped = true
	r.pullFor(100*time.Millisecond, nil)
	r.pullFor(time.Second, func(silent bool) {
		if !silent || r.peak() != 0 {
			t.Fatalf("silent %v, peak %v while nothing arrives", silent, r.peak())
		}
	})
	r.stopped = false
	r.pullFor(300*time.Millisecond, nil)
	if r.peak() < 0.4 {
		t.Errorf("peak %v 300 ms after the server's return", r.peak())
	}
}

func TestChannelsStayApart(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(time.Second, nil)
	// Left has no 750 Hz in it and right no 500 Hz: correlate over whole periods of both (4 ms).
	var leftAt750, rightAt500 float64
	n := 0
	r.pullFor(400*time.Millisecond, func(bool) {
		for i := range block {
			_, at750 := tone(aes67.Frames(n))
			at500, _ := tone(aes67.Frames(n))
			leftAt750 += r.out[0][i] * at750
			rightAt500 += r.out[1][i] * at500
			n++
		}
	})
	if scale := float64(n); math.Abs(leftAt750)/scale > 1e-4 || math.Abs(rightAt500)/scale > 1e-4 {
		t.Errorf("crosstalk: %v of right in left, %v of left in right", leftAt750/scale, rightAt500/scale)
	}
}

func TestFollowsTheGrandmasterWithoutUnderrun(t *testing.T) {
	plainOnly(t)
	for _, skew := range []aes67.PPB{-100_000, 0, 100_000} {
		r := newRig(t, PipelineConfig{}, skew)
		r.SetConfirmed(true)
		r.pullFor(20*time.Second, nil)
		s := r.Snapshot()
		if s.Underruns != 0 || s.Overruns != 0 || s.Phase != Flowing {
			t.Errorf("at %v ppb: %+v", skew, s)
		}
		if math.Abs(float64(s.Ratio-skew)) > 200 {
			t.Errorf("at %v ppb the ratio is %v ppb", skew, s.Ratio)
		}
		if math.Abs(s.Fill-float64(s.Target)) > message {
			t.Errorf("at %v ppb the fill is %v, the target %v", skew, s.Fill, s.Target)
		}
	}
}

func TestAutomaticLatencyGrowsAfterALateMessage(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	before := r.Snapshot()
	r.late(18 * time.Millisecond)
	r.pullFor(time.Second, nil)
	after := r.Snapshot()
	if after.Underruns != before.Underruns+1 {
		t.Errorf("underruns %d, want %d", after.Underruns, before.Underruns+1)
	}
	if after.Target <= before.Target {
		t.Errorf("target %d after an underrun, before %d", after.Target, before.Target)
	}
	if math.Abs(after.Fill-float64(after.Target)) > block {
		t.Errorf("fill %v a second after an underrun, the target is %d", after.Fill, after.Target)
	}
}

func TestAutomaticLatencyComesToWhatIsNeededAndStaysThere(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	const late = 18 * time.Millisecond
	underruns := r.Snapshot().Underruns
	for range 20 {
		r.late(late)
		r.pullFor(200*time.Millisecond, nil)
	}
	after := r.Snapshot()
	needed := aes67.FramesIn(late, testRate) + message + block
	if most := 1.5 * float64(needed); float64(after.Target) > most {
		t.Errorf("target %d where %d are needed, want at most %.0f", after.Target, needed, most)
	}
	if got := after.Underruns - underruns; got < 1 || got > 4 {
		t.Errorf("%d underruns until the latency sufficed, want 1 to 4", got)
	}
}

// A loaded PipeWire loses whole cycles: what should have been rendered never is.
func TestLostCyclesCostOneFade(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(3*time.Second, nil)
	underruns := r.Snapshot().Underruns
	r.next = r.next.Add(aes67.Frames(2 * message).Duration(testRate))
	silent := 0
	r.pullFor(2*time.Second, func(s bool) {
		if s {
			silent++
		}
	})
	after := r.Snapshot()
	if got := after.Underruns - underruns; got != 1 {
		t.Errorf("%d underruns after two lost cycles, want 1", got)
	}
	if silent > 160 { // drift begins anew, which takes 130 ms
		t.Errorf("silent for %d ms after two lost cycles, want at most 160", silent)
	}
	if lowest := float64(after.Target) - message/2; after.Fill < lowest {
		t.Errorf("fill %v, target %d", after.Fill, after.Target)
	}
}

func TestGivenLatencyIsKept(t *testing.T) {
	r := newRig(t, PipelineConfig{Latency: 50 * time.Millisecond}, 0)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	if s := r.Snapshot(); s.Target != 2400 || math.Abs(s.Fill-2400) > message {
		t.Errorf("target %d, fill %v; want 2400", s.Target, s.Fill)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 100_000)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	r.rooms.cfg.Recorder = &toldPulls{}
	if n := testing.AllocsPerRun(2000, func() { r.pull() }); n != 0 {
		t.Fatalf("a packet time allocates %v times, want 0", n)
	}
}

// What comes late makes a hole that is as long as it was late, no sound is lost,
// and nothing of the edge is heard above it: no click at -70 dB.
func TestALateCycleIsAHoleWithoutAClick(t *testing.T) {
	for _, late := range []time.Duration{10, 26, 40, 90} {
		late *= time.Millisecond
		r := newRig(t, PipelineConfig{}, 50_000)
		r.SetConfirmed(true)
		r.pullFor(2*time.Second, nil)
		before := r.Snapshot()
		var heard []float64
		silent := 0
		record := func(s bool) {
			heard = append(heard, r.out[0]...)
			if s {
				silent++
			}
		}
		r.stopped, r.missed = true, 0
		r.pullFor(late, record)
		r.stopped = false
		for range r.missed {
			r.message(r.now)
		}
		taken := r.feed.taken
		r.pullFor(200*time.Millisecond, record)
		s := r.Snapshot()
		if most := int(late/time.Millisecond) + 6; silent > most {
			t.Errorf("%v late: silent for %d ms, want %d at most", late, silent, most)
		}
		if s.Underruns != before.Underruns+1 || s.Phase != Flowing || r.peak() < 0.4 {
			t.Errorf("%v late: %+v", late, s)
		}
		if off := r.feed.taken - taken - 200*48; off > message {
			t.Errorf("%v late: %d frames were passed over", late, off)
		}
		if click := 20 * math.Log10(above(heard, 6000)/0.5); click > -70 {
			t.Errorf("%v late: a click of %.1f dB above 6 kHz", late, click)
		}
	}
}

// above returns the largest sample of what lies above a frequency.
func above(x []float64, hz float64) (most float64) {
	const taps = 255
	var h [taps]float64
	for i := range h {
		n := float64(i - taps/2)
		window := 0.42 + 0.5*math.Cos(2*math.Pi*n/taps) + 0.08*math.Cos(4*math.Pi*n/taps)
		if n == 0 {
			h[i] = 1 - 2*hz/testRate
		} else {
			h[i] = -math.Sin(2*math.Pi*hz/testRate*n) / (math.Pi * n) * window
		}
	}
	for i := taps; i < len(x); i++ {
		y := 0.0
		for j, c := range h {
			y += c * x[i-j]
		}
		most = max(most, math.Abs(y))
	}
	return most
}

// What the server rendered ahead is dropped in the silence before a program's
// first sound, not steered away for minutes.
func TestSilencePutsTheFillRightAtOnce(t *testing.T) {
	for _, frames := range []aes67.Frames{400, -300} {
		r := newRig(t, PipelineConfig{Latency: 20 * time.Millisecond}, 50_000)
		r.program = silence
		r.SetConfirmed(true)
		r.pullFor(2*time.Second, nil)
		if frames > 0 {
			r.next = r.next.Add(-frames.Duration(testRate))
		} else {
			r.loop().SetTarget(r.goal)
			r.feed.drop(-frames) // as if it had been read
		}
		r.pullFor(50*time.Millisecond, nil)
		if off := r.loop().Fill() - float64(r.goal); math.Abs(off) > 50 {
			t.Errorf("%d frames off: still %.0f frames off after 50 ms of silence", frames, off)
		}
		r.program, r.sent = tone, 0
		if got := r.steepest(time.Second); got > 1.2*toneStep {
			t.Errorf("%d frames off: steepest step %.4f, the tone's is %.4f", frames, got, toneStep)
		}
		if s := r.Snapshot(); s.Underruns != 0 {
			t.Errorf("%d frames off: %+v", frames, s)
		}
	}
}

// Another sender takes over some milliseconds later: nobody tells of a gap.
func TestAnotherSenderCostsNoLatency(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 50_000)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	r.now = r.now.Add(9 * time.Millisecond)
	clear(r.out[0]) // nothing was heard meanwhile
	if got := r.steepest(time.Second); got > 1.1*toneStep {
		t.Errorf("steepest step %.4f, the tone's is %.4f", got, toneStep)
	}
	s := r.Snapshot()
	if off := math.Abs(s.Fill - float64(s.Target)); off > block || s.Underruns != 0 || r.peak() < 0.4 {
		t.Errorf("the fill is %.0f frames off: %+v", off, s)
	}
}

// Every latency that may be asked for is kept.
func TestEveryLatencySounds(t *testing.T) {
	for _, latency := range []time.Duration{2, 100, 400, 1000, 2000} {
		latency *= time.Millisecond
		r := newRig(t, PipelineConfig{Latency: latency}, 50_000)
		r.SetConfirmed(true)
		r.pullFor(latency+400*time.Millisecond, nil)
		if s := r.Snapshot(); s.Phase != Flowing || r.peak() < 0.4 || s.Jumps != 0 {
			t.Errorf("%v: %+v", latency, s)
		}
		r.pullFor(2*time.Second, nil)
		if s := r.Snapshot(); math.Abs(s.Fill-float64(s.Target)) > block || s.Underruns != 0 {
			t.Errorf("%v: %+v", latency, s)
		}
	}
}

// A server that is late while a program begins teaches nothing: it was silent.
func TestWhatIsLateInSilenceIsNotLearnt(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 50_000)
	r.program = silence
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	before := r.Snapshot()
	r.late(20 * time.Millisecond)
	r.program, r.sent = tone, 0
	r.pullFor(2*time.Second, nil)
	if s := r.Snapshot(); s.Target != before.Target || s.Underruns != 0 || s.Phase != Flowing || r.peak() < 0.4 {
		t.Errorf("%+v, before %+v", s, before)
	}
	r.late(20 * time.Millisecond)
	r.pullFor(2*time.Second, nil)
	if s := r.Snapshot(); s.Target <= before.Target || s.Underruns != 1 {
		t.Errorf("late while it sounds: %+v", s)
	}
}

func (r *rig) loop() *drift.Loop { return r.rate.loop }

func TestWhatDoesNotLeaveIsNotHeard(t *testing.T) {
	r := newRig(t, PipelineConfig{}, 0)
	r.SetConfirmed(true)
	r.pullFor(time.Second, nil)
	heard := r.HeardAt()
	if heard < r.now.Add(-2*lessThan1) {
		t.Fatalf("heard at %v, at %v", heard, r.now)
	}
	for range 100 {
		r.rooms.Unsent()
		r.pull()
	}
	if got := r.HeardAt(); got != heard {
		t.Errorf("heard at %v, want %v: nothing has left since", got, heard)
	}
}

// TestAVolumeThatJumpsIsNotHeardAtOnce lets the server raise what it records from
// -40 to 0 dBFS between two messages, after it has told that something changes.
func TestAVolumeThatJumpsIsNotHeardAtOnce(t *testing.T) {
	plainOnly(t)
	for _, answer := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond, 200 * time.Millisecond} {
		r := newRig(t, PipelineConfig{}, 0)
		r.SetConfirmed(true)
		play := func(d time.Duration, amplitude float32) (peak float64) {
			for end := r.now.Add(d); r.now < end; {
				r.now = r.now.Add(lessThan1)
				for r.next <= r.now {
					for i := range r.samples {
						r.samples[i] = amplitude
					}
					r.Frames(r.samples, r.next)
					r.next = r.next.Add(aes67.Frames(message).Duration(testRate))
				}
				r.Pull(r.out, r.now, true)
				peak = max(peak, r.peak())
			}
			return peak
		}
		if peak := play(500*time.Millisecond, 0.01); math.Abs(peak-0.01) > 0.0005 {
			t.Fatalf("a peak of %v before, want 0.01", peak)
		}
		r.Doubt()
		peak := play(answer, 1)
		r.Settle(r.Doubts(), aes67.Ramp{At: r.now, FromDB: -40, ToDB: 0, Rise: 6})
		// 0.1 s of the rise are 0.6 dB; the resampler overshoots a step by 9 %.
		if peak = max(peak, play(100*time.Millisecond, 1)); peak > 0.01*1.09*1.08 {
			t.Errorf("answered after %v: a peak of %v, want 0.01", answer, peak)
		}
		if r.Snapshot().BitExact {
			t.Errorf("answered after %v: told to be bit-exact", answer)
		}
		if peak = play(8*time.Second, 1); math.Abs(peak-1) > 0.001 {
			t.Errorf("answered after %v: a peak of %v in the end, want 1", answer, peak)
		}
	}
}

// A server that has lost a moment is late for good by what a short buffer has not to
// spare. The sound breaks off with each cycle then, but not for ever.
func TestALostMomentDoesNotBreakTheSoundForEver(t *testing.T) {
	plainOnly(t)
	for _, lost := range []time.Duration{time.Millisecond, 1300 * time.Microsecond, 3 * time.Millisecond} {
		for _, skew := range []aes67.PPB{0, 30_000} {
			r := newRig(t, PipelineConfig{Latency: 6900 * time.Microsecond}, skew) // the least that can be
			r.SetConfirmed(true)
			r.pullFor(2*time.Second, nil)
			r.next = r.next.Add(lost)
			r.pullFor(2*time.Second, nil)
			before := r.Snapshot().Underruns
			r.pullFor(3*time.Second, func(silent bool) {
				if silent {
					t.Fatalf("%v lost, %v: silent after %v: %+v", lost, skew, time.Duration(r.now), r.Snapshot())
				}
			})
			if s := r.Snapshot(); s.Underruns != before {
				t.Errorf("%v lost, %v: %d breaks in 3 s, 2 s after that", lost, skew, s.Underruns-before)
			}
		}
	}
}

// A buffer that has become too long comes down by the zeros that there are in a pause,
// and inaudibly by the rest: what sounds behind the pause is not thrown away.
func TestAShortPauseBreaksNothing(t *testing.T) {
	plainOnly(t)
	for _, skew := range []aes67.PPB{0, 50_000} {
		for pause := aes67.Frames(100); pause < 1500; pause += 100 {
			r := newRig(t, PipelineConfig{}, skew)
			r.SetConfirmed(true)
			r.target.minutes[0] = 960
			r.pullFor(2*time.Second, nil)
			r.target.minutes, r.target.young = [10]float64{}, 0
			r.pullFor(time.Second, nil)
			from := r.sent
			r.program = func(n aes67.Frames) (left, right float64) {
				if n < from+pause {
					return 0, 0
				}
				return 0.9, 0.9
			}
			heard := time.Duration(0)
			r.pullFor(time.Second, func(silent bool) {
				switch {
				case !silent && r.out[0][0] > 0.7:
					heard += time.Millisecond
				case heard > 0:
					t.Fatalf("%v, a pause of %d frames: silent again after %v: %+v", skew, pause, heard, r.Snapshot())
				}
			})
			if heard < 850*time.Millisecond {
				t.Errorf("%v, a pause of %d frames: heard for %v of the second: %+v", skew, pause, heard, r.Snapshot())
			}
		}
	}
}
