// Package desk is a bridge that plays itself: everything that a page shows, lively,
// and faults on demand.
package desk

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"aes67-sink/health"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

// Fault is what a desk may be told to suffer.
type Fault string

// The faults.
const (
	Well    Fault = ""
	NoClock Fault = "no-clock"
	NoCable Fault = "no-cable"
	NoSound Fault = "no-sound"
	Late    Fault = "late"
)

const (
	fast = 250 * time.Millisecond
	slow = time.Minute
	kept = 2 * time.Minute
	day  = 24 * time.Hour
)

// Desk is the bridge.
type Desk struct {
	mu      sync.Mutex
	fault   Fault
	started time.Time
	last    time.Time // of the fast track
	history recorder.History
	events  []recorder.Event
	packets uint64
	now     sample
	random  *rand.Rand
	paired  bool
	muted   [2]bool // the speakers
	shows   [2]bool
}

type sample struct{ offset, bound, lateness, fill, ratio, limited, left, right float64 }

// Fresh makes a bridge that has recorded nothing yet, and never does.
func Fresh() *Newborn { return &Newborn{New(time.Now())} }

// Newborn is a bridge without recordings.
type Newborn struct{ *Desk }

// History is empty.
func (Newborn) History() recorder.History { return recorder.History{} }

// Points are none.
func (Newborn) Points(float64) recorder.Track { return recorder.Track{} }

// Events are none.
func (Newborn) Events(uint64) []recorder.Event { return nil }

// New makes a bridge that has run for a day.
func New(now time.Time) *Desk {
	d := &Desk{started: now.Add(-27*time.Hour - 12*time.Minute), last: now.Add(-kept), random: rand.New(rand.NewPCG(1, 2)), packets: 97_920_000}
	d.history.Fast = recorder.Track{StepS: fast.Seconds(), Series: map[string]recorder.Numbers{}}
	d.history.Slow = recorder.Track{StepS: slow.Seconds(), Series: map[string]recorder.Numbers{}}
	d.history.Lateness = recorder.Histogram{
		EdgesUS: recorder.Numbers{10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 17000, 50000},
		Counts:  []uint64{61_204_113, 18_400_230, 5_303_020, 812_004, 91_020, 8_012, 41, 6, 0, 0, 0, 0, 0},
	}
	for at := now.Add(-day); at.Before(now); at = at.Add(slow) {
		d.slow(at)
	}
	d.advance(now)
	for i, e := range []recorder.Event{
		{At: now.Add(-9 * time.Hour), Kind: "grandmaster", Text: "the grandmaster is 00-1D-C1-FF-FE-12-9A-03"},
		{At: now.Add(-8 * time.Hour), Kind: "state", Text: "sending"},
		{At: now.Add(-3 * time.Hour), Kind: "incident", Text: "the left and right stream were 3.4 ms late for 5 packets", Ill: true, Why: "late-1"},
		{At: now.Add(-70 * time.Minute), Kind: "volume", Text: "the volume is -18.0 dB"},
		{At: now.Add(-95 * time.Second), Kind: "server", Text: "the sound server skipped 21 ms", Ill: true, Why: "skip-2"},
		{At: now.Add(-40 * time.Second), Kind: "volume", Text: "the volume is -12.0 dB"},
	} {
		e.Number = uint64(i + 1)
		d.events = append(d.events, e)
	}
	return d
}

// Suffer lets a fault come, or all be well.
func (d *Desk) Suffer(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
	text := "all is well again"
	if f != Well {
		text = "the problem is " + string(f)
	}
	d.events = append(d.events, recorder.Event{Number: uint64(len(d.events) + 1), At: time.Now(), Kind: "problem", Text: text, Ill: f != Well})
}

// advance plays on until now.
func (d *Desk) advance(now time.Time) {
	for at := d.last.Add(fast); !at.After(now); at = at.Add(fast) {
		d.last = at
		s := d.play(at)
		d.now = s
		put(&d.history.Fast, at, kept, map[string]float64{
			recorder.OffsetNS: s.offset, recorder.BoundNS: s.bound, recorder.LatenessUS: s.lateness, recorder.FillFrames: s.fill,
			recorder.TargetFrames: 720, recorder.RatioPPB: s.ratio, recorder.LimitedDB: s.limited,
			recorder.PeakPrefix + "0": s.left, recorder.PeakPrefix + "1": s.right,
		})
		d.packets += 250
		d.history.Lateness.Counts[0] += 170
		d.history.Lateness.Counts[1] += 80
	}
}

func (d *Desk) play(at time.Time) sample {
	t, n := float64(at.UnixMilli())/1e3, d.random.NormFloat64
	wave := func(period float64) float64 { return math.Sin(2 * math.Pi * t / period) }
	s := sample{
		offset: 300*wave(47) + 220*n(), bound: 1400 + 150*wave(80), lateness: 14 + 9*math.Abs(n()),
		fill: 720 + 14*wave(33) + 5*n(), ratio: 49_870 + 40*wave(61), left: -11 + 7*wave(4) + 2*n(), right: -13 + 7*wave(4.6) + 2*n(),
	}
	if d.random.IntN(40) == 0 {
		s.lateness = 90 + 200*d.random.Float64()
	}
	if top := max(s.left, s.right); top > -3 {
		s.limited = top + 3
	}
	s.left, s.right = min(s.left, -3), min(s.right, -3)
	switch d.fault {
	case Late:
		s.lateness = 3400 + 300*n()
	case NoClock:
		s.offset, s.bound = math.NaN(), 25_000
	case NoSound:
		s.left, s.right, s.fill, s.ratio = status.SilenceDB, status.SilenceDB, math.NaN(), math.NaN()
	}
	return s
}

func (d *Desk) slow(at time.Time) {
	s := d.play(at)
	values := map[string]float64{}
	three := func(name string, median, low, high float64) {
		values[name], values[name+recorder.MinSuffix], values[name+recorder.MaxSuffix] = median, low, high
	}
	spread := 400 + 300*d.random.Float64()
	three(recorder.OffsetNS, s.offset/3, s.offset/3-spread, s.offset/3+spread)
	three(recorder.BoundNS, s.bound, s.bound-100, s.bound+200)
	high := 60 + 240*d.random.Float64()
	if d.random.IntN(300) == 0 {
		high = 1000 + 3000*d.random.Float64()
	}
	three(recorder.LatenessUS, 14+2*d.random.Float64(), 5, high)
	three(recorder.FillFrames, 720+3*d.random.NormFloat64(), 690, 748)
	three(recorder.TargetFrames, 720, 720, 720)
	three(recorder.RatioPPB, s.ratio, s.ratio-30, s.ratio+30)
	three(recorder.LimitedDB, 0, 0, s.limited)
	level := -26 + 8*math.Sin(float64(at.Unix())/9000)
	three(recorder.PeakPrefix+"0", level, level-20, level+12+3*d.random.Float64())
	three(recorder.PeakPrefix+"1", level-1, level-21, level+10+3*d.random.Float64())
	put(&d.history.Slow, at, day, values)
}

// put adds a point to a track, and drops what is too old.
func put(t *recorder.Track, at time.Time, keep time.Duration, values map[string]float64) {
	t.UnixS = append(t.UnixS, float64(at.UnixMilli())/1e3)
	for name, x := range values {
		t.Series[name] = append(t.Series[name], x)
	}
	if most := int(keep.Seconds() / t.StepS); len(t.UnixS) > most {
		t.UnixS = t.UnixS[1:]
		for name := range t.Series {
			t.Series[name] = t.Series[name][1:]
		}
	}
}

// from copies a track's points from an index on.
func from(t recorder.Track, first int) recorder.Track {
	c := recorder.Track{StepS: t.StepS, UnixS: slices.Clone(t.UnixS[first:]), Series: map[string]recorder.Numbers{}}
	for name, all := range t.Series {
		c.Series[name] = slices.Clone(all[first:])
	}
	return c
}

// History is what the plots show.
func (d *Desk) History() recorder.History {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(time.Now())
	h := d.history
	return recorder.History{
		Fast: from(h.Fast, 0), Slow: from(h.Slow, 0),
		Lateness: recorder.Histogram{EdgesUS: h.Lateness.EdgesUS, Counts: slices.Clone(h.Lateness.Counts)},
	}
}

// Points are the newest of the fast track.
func (d *Desk) Points(after float64) recorder.Track {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(time.Now())
	x := d.history.Fast.UnixS
	return from(d.history.Fast, len(x)-len(x[min(len(x), index(x, after)):]))
}

func index(x recorder.Numbers, after float64) int {
	n, found := slices.BinarySearch(x, after)
	if found {
		n++
	}
	return n
}

// Events are those after a number.
func (d *Desk) Events(after uint64) []recorder.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events[min(int(after), len(d.events)):])
}

// Incidents explain events.
func (d *Desk) Incidents() []recorder.Incident {
	return []recorder.Incident{
		{
			ID: "skip-2", At: time.Now(), Cause: "server-skipped",
			Sentence: "The sound server skipped 21 ms: a gap was heard on all streams, because it ran no cycle while another program held its graph.",
			Bill:     []recorder.Share{{Name: "server skipped", Percent: 100, MS: 21}},
			Context:  []string{"PipeWire 1.4.2, quantum 1024 at 48000 Hz", "the buffer held 720 frames, 15 ms", "no packet was late"},
		},
		{
			ID: "late-1", At: time.Now(), Cause: "late",
			Sentence: "The left and right stream were 3.4 ms late for 5 packets: the sender waited 3.1 ms for a core while SCHED_OTHER; receivers with less than 4 ms heard a click.",
			Bill: []recorder.Share{
				{Name: "waited for a core", Percent: 91, MS: 3.1},
				{Name: "timer", Percent: 5, MS: 0.17},
				{Name: "own work", Percent: 3, MS: 0.1},
				{Name: "send call", Percent: 1, MS: 0.03},
			},
			Context: []string{"the sender ran 0.1 ms and waited 3.1 ms (schedstat)", "1 forced switch", "cpu pressure: some 41 % of 10 s", "load: 3.2"},
		},
	}
}

// Bundle is a text.
func (d *Desk) Bundle(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "PK")
	return err
}

// SharedBundle is the same.
func (d *Desk) SharedBundle(ctx context.Context, w io.Writer) error { return d.Bundle(ctx, w) }

// Reload does nothing.
func (d *Desk) Reload() status.Reloaded { return status.Reloaded{} }

// Sessions are left and right.
func (d *Desk) Sessions() []status.Session {
	var all []status.Session
	for i, name := range []string{"Left", "Right"} {
		all = append(all, status.Session{Name: "studio-pc " + name, Text: fmt.Sprintf("v=0\r\no=- 3960%d 1 IN IP4 192.168.10.1\r\ns=studio-pc %s\r\nc=IN IP4 239.69.10.%d/32\r\nt=0 0\r\na=clock-domain:PTPv2 0\r\nm=audio 5004 RTP/AVP 97\r\na=rtpmap:97 L24/48000/1\r\na=ptime:1\r\na=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-9A-03:0\r\na=mediaclk:direct=0\r\n", i, name, i+1)})
	}
	return all
}

// Listing is a small studio.
func (d *Desk) Listing() status.Listing {
	return status.Listing{
		Sessions: []status.ListedSession{
			{Name: "studio-pc Left", Own: true, Via: []string{"sap", "mdns"}, Source: "192.168.10.1", Group: "239.69.10.1", Port: 5004, Encoding: "L24", RateHz: 48000, Channels: 1, PtimeUS: 1000},
			{Name: "studio-pc Right", Own: true, Via: []string{"sap", "mdns"}, Source: "192.168.10.1", Group: "239.69.10.2", Port: 5004, Encoding: "L24", RateHz: 48000, Channels: 1, PtimeUS: 1000},
			{Name: "Stage box 1-8", Via: []string{"sap"}, Source: "192.168.10.40", Host: "stagebox.local", Group: "239.69.40.1", Port: 5004, Encoding: "L24", RateHz: 48000, Channels: 8, PtimeUS: 1000},
		},
		Masters: d.masters(),
	}
}

func (d *Desk) masters() []status.ListedMaster {
	return []status.ListedMaster{
		{Grandmaster: "00-1D-C1-FF-FE-12-9A-03", Followed: true, Port: "00-1D-C1-FF-FE-12-9A-03-1", Address: "192.168.10.40", Interface: "eno1", Priority1: 128, Priority2: 128, Class: 248, Why: "the best in domain 0"},
		{Grandmaster: "AC-DE-48-FF-FE-00-11-22", Port: "AC-DE-48-FF-FE-00-11-22-1", Address: "192.168.10.41", Interface: "eno1", Priority1: 200, Priority2: 128, Class: 248, Why: "its priority1 200 is above 128"},
	}
}

// Model is the picture.
func (d *Desk) Model() status.Model {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(time.Now())
	s := d.now
	m := status.Model{
		Version: "1.4.0", UptimeS: status.Tenths(time.Since(d.started).Seconds()), State: status.Sending,
		Sink: status.Sink{
			State: "running", Server: "PulseAudio (on PipeWire 1.4.2)", Name: "AES67 Speakers", ID: "aes67", RateHz: 48000,
			Channels: []string{"front-left", "front-right"}, VolumeDB: new(status.Tenths(-12)), Muted: new(false), Clients: new(1), Playing: new(1),
		},
		Clock: status.Clock{
			State: "locked", Role: "follower", Grandmaster: "00-1D-C1-FF-FE-12-9A-03", OffsetNS: whole(s.offset),
			OffsetRMSNS: whole(310), PathDelayNS: whole(3100), FrequencyPPB: whole(49873), ErrorBoundNS: whole(s.bound), Masters: d.masters(),
		},
		Drift:       status.Drift{State: "fine", Mode: "resample", RatioPPB: whole(s.ratio), FillFrames: whole(s.fill), FillTargetFrames: whole(720)},
		Network:     status.Network{Interface: "eno1", Address: "192.168.10.1", Carrier: new(true), Reason: "PTP grandmaster 00-1D-C1-FF-FE-12-9A-03"},
		Sender:      &status.Thread{Policy: "SCHED_FIFO", Priority: 20},
		Announce:    status.Announce{SAP: "announcing", MDNS: "established", RTSPPort: new(8554)},
		Heard:       status.Heard{Sessions: 1, Masters: 2},
		LatencyMS:   &status.Latency{Buffer: 15, Resampler: 1.4, Packet: 0.5, Total: 16.9},
		CeilingDBFS: new(status.Tenths(-3)),
	}
	for i, name := range []string{"Left", "Right"} {
		peak := status.Tenths([]float64{s.left, s.right}[i])
		m.Streams = append(m.Streams, status.Stream{
			Name: "studio-pc AES67 Speakers " + name, Channels: m.Sink.Channels[i : i+1], Group: fmt.Sprintf("239.69.10.%d", i+1), Port: 5004,
			Encoding: "L24", RateHz: 48000, PtimeUS: 1000, Packets: d.packets, Late: 47, Late2: 6, TimestampJumps: new(uint64(0)),
			LatenessP50US: whole(14), LatenessP99US: whole(210 + s.lateness), LatenessMaxUS: whole(3410), PeakDBFS: &peak, LimitedDB: new(status.Tenths(s.limited)),
		})
	}
	healthy := status.Health{Overall: health.Healthy, Link: health.Healthy, Transmission: health.Healthy, ExternalSynchronization: health.Healthy, Essence: health.Healthy}
	m.Status = &healthy
	if d.paired {
		d.speakers(&m)
	}
	d.suffer(&m)
	return m
}

// Pair gives it two speakers.
func (d *Desk) Pair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paired = true
}

// Set is which speakers are muted, and which show themselves.
func (d *Desk) Set() (muted, shows [2]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.muted, d.shows
}

// SetMute mutes a speaker.
func (d *Desk) SetMute(_ context.Context, channel string, yes bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return set(&d.muted, channel, yes)
}

// Identify lets a speaker show itself.
func (d *Desk) Identify(_ context.Context, channel string, yes bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return set(&d.shows, channel, yes)
}

func set(both *[2]bool, channel string, yes bool) error {
	i := slices.Index([]string{"front-left", "front-right"}, channel)
	if i < 0 {
		return fmt.Errorf("speaker %q is none of the pair", channel)
	}
	both[i] = yes
	return nil
}

// speakers are those of the pair.
func (d *Desk) speakers(m *status.Model) {
	m.SliderMoves = "speakers"
	for i, name := range []string{"Desk left", "Desk right"} {
		m.Speakers = append(m.Speakers, status.Speaker{
			Name: name, Channel: m.Sink.Channels[i], Model: "KH 120 II AES67", Serial: fmt.Sprint(6382437 + i), Address: fmt.Sprintf("[fe80::%d%%eno1]:45", i+1), Reachable: true,
			LevelDBSPL: new(status.Tenths(72)), Muted: new(d.muted[i]), Local: new(false), InputDB: new(status.Tenths([]float64{d.now.left, d.now.right}[i] - 12)), StandbyInM: new(status.Tenths(90)),
		})
	}
}

// suffer changes the picture by the fault.
func (d *Desk) suffer(m *status.Model) {
	find := func(f health.Finding) {
		m.Problems, m.Problem = append(m.Problems, f), f.Sentence
	}
	switch d.fault {
	case NoClock:
		m.State, m.Clock.State, m.Clock.OffsetNS = status.Holdover, "holdover", nil
		m.Status.ExternalSynchronization = health.PartiallyHealthy
		find(health.Finding{
			Code: "clock-lost", Title: "The network's clock is gone", Severity: health.Defect,
			Sentence: "no Announce of grandmaster 00-1D-C1-FF-FE-12-9A-03 for 12 s: receivers drift apart by and by; switch it on, or let this computer be the grandmaster", Command: "aes67-sink run --set clock.mode=\"auto\"",
		})
		find(health.Finding{Code: "governor", Title: "The processor saves power", Severity: health.Notice, Sentence: "beware: the governor is powersave", Command: "sudo cpupower frequency-set -g performance"})
	case NoCable:
		m.State, m.Network = status.WaitingNetwork, status.Network{Interface: "eno1", Carrier: new(false)}
		m.Streams = nil
		find(health.Finding{Code: "no-carrier", Title: "No cable in eno1", Severity: health.Silence, Sentence: "eno1 has no carrier: nothing reaches the speakers; plug in its cable"})
	case NoSound:
		m.State, m.Sink.State, m.Sink.VolumeDB = status.WaitingSoundServer, "waiting", nil
		m.Drift = status.Drift{}
		find(health.Finding{Code: "no-sound-server", Title: "No sound server answers", Severity: health.Silence, Sentence: "/run/user/1000/pulse/native: connection refused; start pipewire-pulse", Command: "systemctl --user start pipewire-pulse"})
	case Late:
		m.Status.Transmission = health.PartiallyHealthy
		find(health.Finding{Code: "late", Title: "Packets leave late", Severity: health.Defect, Sentence: "packets were 3.4 ms late: the sender has no real-time priority; install rtkit", Command: "sudo apt install rtkit"})
	case Well:
	}
}

func whole(x float64) *int64 {
	if math.IsNaN(x) {
		return nil
	}
	return new(int64(math.Round(x)))
}
