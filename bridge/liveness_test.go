package bridge

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/safety"
)

var (
	livenessRuns = flag.Int("liveness", 500, "simulated desks of TestSoundAlwaysComesBack")
	livenessSeed = flag.Int("seed", -1, "only this one of them")
)

// desk is a sound server, its recording and a sender, each of which may stand
// still. The server's graph renders cycles; what stands in for pipewire-pulse
// cuts them into messages and hands them over. All in simulated time.
type desk struct {
	*Pipeline
	cfg    PipelineConfig
	random *rand.Rand
	clock  mediaclock.Clock
	now    aes67.MonoTime

	cycle   int            // frames that the graph renders at a time
	message int            // frames of one message, at most
	due     aes67.MonoTime // of the next cycle
	played  aes67.Frames   // the next frame of the program's tone
	waiting int            // frames rendered and not handed over
	waited  aes67.Frames   // and the first of them
	held    int            // frames that the server keeps of those, at most

	graph  aes67.MonoTime // the graph stands still until then
	hands  aes67.MonoTime // the main thread stands still until then
	loses  bool           // the graph loses the time that it stands still
	sender aes67.MonoTime // the sender stands still until then
	next   aes67.MonoTime // when the next block is due

	out     [][]float64
	last    float64
	steep   float64        // steepest step
	heard   aes67.MonoTime // when sound was last on the wire
	asleep  bool           // a speaker sleeps, and never wakes
	first   aes67.MonoTime // when the server's delivery began after it was interrupted
	gone    bool           // an interruption whose end was not seen yet
	most    aes67.Frames   // the greatest target
	ahead   aes67.Frames   // rendered ahead, all in all
	torn    bool           // the server itself has dropped sound in mid-wave
	history []string
}

const (
	deskTone      = 200. // Hz
	deskAmplitude = 0.8
	deskMessage   = 256
)

func newDesk(t *testing.T, seed uint64) *desk {
	t.Helper()
	d := &desk{random: rand.New(rand.NewPCG(seed, 7)), cycle: 256, message: deskMessage, held: 480_000}
	rates := []aes67.Hz{48000, 48000, 48000, 44100, 96000}
	d.cfg = PipelineConfig{
		Channels: 1, SinkRate: rates[d.random.IntN(len(rates))], StreamRate: rates[d.random.IntN(len(rates))],
		Latency: []time.Duration{0, 0, 0, 25 * time.Millisecond, 60 * time.Millisecond}[d.random.IntN(5)],
	}
	d.cfg.PacketFrames = []aes67.PacketTime{aes67.PacketTime1ms, aes67.PacketTime1ms, aes67.PacketTime125us, aes67.PacketTime4ms}[d.random.IntN(4)].Frames(d.cfg.StreamRate)
	d.clock.Step(0, 1e18, []aes67.PPB{0, 0, 30_000, -100_000}[d.random.IntN(4)])
	if m, _ := d.clock.Load(); m.Rate == 0 && d.random.IntN(3) > 0 { // we are the grandmaster
		m.Tied = true
		d.clock.Set(m)
	}
	d.start(t)
	return d
}

func (d *desk) start(t *testing.T) {
	t.Helper()
	var err error
	if d.Pipeline, err = NewPipeline(d.cfg, &d.clock); err != nil {
		t.Fatal(err)
	}
	d.SetConfirmed(true)
	d.asleep = d.random.IntN(4) == 0
	d.SetAsleep(d.asleep)
	d.out = [][]float64{make([]float64, d.cfg.PacketFrames)}
}

// serve lets the server do what it would have done by now.
func (d *desk) serve() {
	period := aes67.Frames(d.cycle).Duration(d.cfg.SinkRate)
	for d.due <= d.now && d.now >= d.graph {
		if d.loses {
			d.due, d.loses = d.now, false // the program's sound goes on where it was
		}
		if d.waiting == 0 {
			d.waited = d.played
		}
		d.played += aes67.Frames(d.cycle)
		d.waiting += d.cycle
		d.due = d.due.Add(period)
		period = aes67.Frames(d.cycle).Duration(d.cfg.SinkRate)
	}
	if d.now < d.hands {
		return
	}
	if lost := d.waiting - max(d.held, 2*d.cycle); lost > 0 { // it has kept what it could
		d.waiting, d.waited, d.torn = max(d.held, 2*d.cycle), d.waited+aes67.Frames(lost), true
	}
	for d.waiting >= min(d.message, d.cycle) {
		d.hand(min(d.message, d.waiting))
	}
}

// hand hands over one message.
func (d *desk) hand(frames int) {
	samples := make([]float32, frames)
	for i := range samples {
		at := float64(d.waited+aes67.Frames(i)) / float64(d.cfg.SinkRate)
		samples[i] = float32(deskAmplitude * math.Sin(2*math.Pi*deskTone*at))
	}
	d.Frames(samples, d.now)
	d.waited += aes67.Frames(frames)
	d.waiting -= frames
	if d.gone && d.now >= d.graph && d.now >= d.hands && d.now >= d.sender {
		d.gone, d.first = false, d.now
	}
}

// step advances by one packet time. A sender that was held up pulls what is due
// by then, or, after too long, jumps (rtpsend's pacer).
func (d *desk) step() {
	period := d.cfg.PacketFrames.Duration(d.cfg.StreamRate)
	const fine = 125 * time.Microsecond // in which the server lives
	for end := d.now.Add(period); d.now < end; {
		d.now = min(end, d.now.Add(fine))
		d.serve()
	}
	if d.now < d.sender {
		return
	}
	if late := d.now.Sub(d.next); late > 17*time.Millisecond {
		blocks := late / period
		d.next = d.next.Add(blocks * period)
		d.Skipped(aes67.Frames(blocks) * d.cfg.PacketFrames)
		d.last = 0
	}
	for ; d.next <= d.now; d.next = d.next.Add(period) {
		d.Pull(d.out, d.next, true)
		d.most = max(d.most, d.goal)
		for _, x := range d.out[0] {
			d.steep = max(d.steep, math.Abs(x-d.last))
			d.last = x
			if math.Abs(x) > deskAmplitude/2 {
				d.heard = d.now
			}
		}
	}
}

func (d *desk) run(length time.Duration) {
	for end := d.now.Add(length); d.now < end; {
		d.step()
	}
}

// trouble lets one thing go wrong, and tells what.
func (d *desk) trouble() string {
	long := func(most time.Duration) time.Duration { // short ones are usual
		return time.Duration(math.Pow(float64(most/time.Millisecond), d.random.Float64()) * float64(time.Millisecond))
	}
	d.gone = true
	switch d.random.IntN(10) {
	case 0:
		for_ := long(10 * time.Second)
		d.hands = d.now.Add(for_)
		return fmt.Sprintf("the server's main thread stands still for %v", for_)
	case 1:
		for_ := long(10 * time.Second)
		d.graph, d.loses = d.now.Add(for_), d.random.IntN(2) == 0
		return fmt.Sprintf("the graph stands still for %v, loses the time: %v", for_, d.loses)
	case 2:
		for_ := long(10 * time.Second)
		d.sender = d.now.Add(for_)
		return fmt.Sprintf("the sender stands still for %v", for_)
	case 3:
		for_ := long(10 * time.Second)
		d.hands, d.graph, d.loses = d.now.Add(for_), d.now.Add(for_), d.random.IntN(2) == 0
		d.sender = d.now.Add(for_)
		return fmt.Sprintf("all stand still for %v, loses the time: %v", for_, d.loses)
	case 4:
		d.cycle = 32 << d.random.IntN(9)
		return fmt.Sprintf("cycles of %d frames", d.cycle)
	case 5:
		ahead := d.random.IntN(3*d.cycle + 1)
		d.ahead += aes67.Frames(ahead)
		d.due = d.due.Add(-aes67.Frames(ahead).Duration(d.cfg.SinkRate))
		return fmt.Sprintf("the server renders %d frames ahead", ahead)
	case 6:
		d.Gap()
		d.waiting = 0
		d.played += aes67.Frames(d.random.IntN(5000))
		return "the monitor is recorded anew"
	case 7:
		for_ := long(10 * time.Second)
		d.Gap()
		d.waiting = 0
		d.graph, d.loses = d.now.Add(for_), true
		return fmt.Sprintf("the server is away, or its sink suspended, for %v", for_)
	case 8:
		d.held = 4800 << d.random.IntN(7)
		for_ := long(10 * time.Second)
		d.hands = d.now.Add(for_)
		return fmt.Sprintf("the server keeps %d frames, and its main thread stands still for %v", d.held, for_)
	default:
		for_ := time.Duration(d.random.IntN(60)) * time.Millisecond
		d.due = d.due.Add(for_)
		return fmt.Sprintf("the server loses %v", for_)
	}
}

// Whatever stood still, was lost, came at once or changed: sound is back within
// 0.3 s of the first that the server delivers (three cycles and the latency aside,
// which cannot be had sooner, and a second more where a speaker sleeps that never wakes), without a click, and the buffer at its target.
func TestSoundAlwaysComesBack(t *testing.T) {
	plainOnly(t)
	for seed := range uint64(*livenessRuns) {
		if *livenessSeed >= 0 && seed != uint64(*livenessSeed) {
			continue
		}
		d := newDesk(t, seed)
		d.run(600 * time.Millisecond)
		for range 6 {
			d.history = append(d.history, fmt.Sprintf("%v: %s", time.Duration(d.now), d.trouble()))
			d.run(time.Duration(d.random.IntN(300)) * time.Millisecond)
		}
		for until := max(d.graph, d.hands, d.sender); d.now < until || d.gone; {
			d.step()
		}
		within := 300*time.Millisecond + 2*d.cfg.PacketFrames.Duration(d.cfg.StreamRate) + (d.Snapshot().Target + 3*aes67.Frames(d.cycle)).Duration(d.cfg.SinkRate)
		if d.asleep {
			within += wakeLimit
		}
		fail := func(form string, args ...any) {
			t.Helper()
			t.Errorf("seed %d, %d to %d Hz, packets of %d, latency %v: %s\n%s", seed, d.cfg.SinkRate, d.cfg.StreamRate,
				d.cfg.PacketFrames, d.cfg.Latency, fmt.Sprintf(form, args...), strings.Join(d.history, "\n"))
		}
		back := d.first
		for end := d.now.Add(3 * time.Second); d.now < end && d.heard <= d.first; back = d.now {
			d.step()
		}
		if took := back.Sub(d.first); took > within {
			fail("sound after %v, want it within %v; %+v", took, within, d.Snapshot())
			continue
		}
		// What was rendered ahead in the middle of a sound is brought back slowly.
		d.run(time.Second)
		silent := 0
		for range int(time.Second / d.cfg.PacketFrames.Duration(d.cfg.StreamRate)) {
			d.step()
			if d.silent {
				silent++
			}
		}
		s := d.Snapshot()
		if above := s.Fill - float64(d.most); silent > 0 || above > max(0.009*float64(d.cfg.SinkRate), float64(d.most)/2, float64(d.ahead)) || s.Phase != Flowing {
			fail("%d silent packets of the third second, the fill is %.0f frames above its target; %+v", silent, above, s)
		}
		perSecond := 2*math.Pi*deskTone + math.Pi/2/safety.FadeTime.Seconds()
		if limit := 1.15 * deskAmplitude * perSecond / float64(d.cfg.StreamRate); d.steep > limit && !d.torn {
			fail("a step of %.4f, the tone and its fades have %.4f", d.steep, limit)
		}
	}
}
