package pulse

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

// scenarios are what a real server must go through with us.
var scenarios = []struct {
	name string
	run  func(t *testing.T, l *lab)
}{
	{"the sink appears with its label, quiet", appearsQuiet},
	{"a full-scale player is never loud before the first volume", neverLoud},
	{"samples pass untouched and left is left", passesUntouched},
	{"eight channels keep their places", eightChannels},
	{"volume and mute are in the samples", volumeInSamples},
	{"the monitor's own volume is set back", monitorsOwnVolume},
	{"players are counted", countsPlayers},
	{"the server is described", describesTheServer},
	{"a leftover is adopted with its volume", adoptsLeftover},
	{"a sink stays for the next run", staysForTheNext},
	{"a leftover of another kind is replaced", replacesLeftover},
	{"a leftover at an unchosen volume is turned down", turnsDownLeftover},
	{"a foreign sink of that name is waited for", waitsForForeignSink},
	{"two bridges make one sink", twoBridgesOneSink},
	{"a sink that the user unloads is made again", madeAgain},
	{"a recording that is killed is begun again", recordsAgain},
	{"a suspended sink is told", tellsSuspension},
	{"another default sink stays", defaultStays},
	{"a label with quotes is shown", showsQuotes},
	{"a second sink of one label says whose it is", saysWhose},
	{"a tone can be played and cut off", playsTone},
	{"the sink is made anew when the session manager was restarted", outlivesSessionManager},
	{"a server that hangs does not hold up the end", endsBesideHungServer},
	{"the sink is back after the server has died", backAfterDeath},
}

func TestOnPipeWire(t *testing.T)   { onServer(t, "pipewire") }
func TestOnPulseAudio(t *testing.T) { onServer(t, "pulseaudio") }

func onServer(t *testing.T, kind string) {
	shared := startLab(t, kind)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			l := *shared
			l.t = t
			t.Cleanup(func() {
				if left := l.sinks("aes67"); len(left) > 0 {
					t.Errorf("sinks left behind: %v", left)
					for _, sink := range left {
						l.sh("pactl unload-module %s", sink.module)
					}
				}
			})
			s.run(t, &l)
		})
	}
}

// listed is a sink as pactl lists it.
type listed struct{ index, module, description, volume string }

// sinks lists the sinks whose names begin as given.
func (l *lab) sinks(name string) []listed {
	l.t.Helper()
	var found []listed
	for _, block := range strings.Split(l.sh("pactl list sinks"), "\n\n") {
		value := func(key string) string {
			_, rest, _ := strings.Cut(block, "\n\t"+key+": ")
			line, _, _ := strings.Cut(rest, "\n")
			return line
		}
		if strings.HasPrefix(value("Name"), name) {
			index, _, _ := strings.Cut(strings.TrimPrefix(block, "Sink #"), "\n")
			found = append(found, listed{index, value("Owner Module"), value("Description"), value("Volume")})
		}
	}
	return found
}

// one is the only sink of our name.
func (l *lab) one() listed {
	l.t.Helper()
	found := l.sinks("aes67")
	if len(found) != 1 {
		l.t.Fatalf("%d sinks of our name, want 1: %v", len(found), found)
	}
	return found[0]
}

// play starts a player; the returned function ends it.
func (l *lab) play(cfg Config, fill func(samples []float32) int) (stop func()) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- play(ctx, l.where(), PlayConfig{SinkID: cfg.SinkID, Rate: cfg.Rate, Channels: cfg.Channels, Name: "test"}, fill)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Errorf("player: %v", err)
		}
	})
	l.t.Cleanup(stop)
	return stop
}

// playAlways plays whenever the sink is there; the returned function ends it.
func (l *lab) playAlways(cfg Config, fill func(samples []float32) int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = play(ctx, l.where(), PlayConfig{SinkID: cfg.SinkID, Rate: cfg.Rate, Channels: cfg.Channels, Name: "loud"}, fill)
		}
	}()
	return func() { cancel(); <-done }
}

// counting fills in a counter: channel c of frame n is (n+1)·2^-22, with the sign
// of odd channels turned, plus c steps of 2^-3.
func counting(channels int) func([]float32) int {
	n := 0
	return func(samples []float32) int {
		for i := range samples {
			c := i % channels
			if c == 0 {
				n++
			}
			samples[i] = countingSample(n, c)
		}
		return len(samples)
	}
}

func countingSample(n, c int) float32 {
	v := float32(n)/(1<<22) + float32(c)/8
	if c%2 == 1 {
		return -v
	}
	return v
}

// counted returns how many of a counter's frames came in rows of leastRow at least without
// a gap (a busy machine may starve the player). Every frame must be exactly right in all
// channels; where PipeWire mixes what a late player is just writing, one of them is silent
// (seen once on a machine that stood still), which ends a row too.
func (r *recorder) counted(t *testing.T) int {
	t.Helper()
	const leastRow = 2400 // 50 ms
	r.mu.Lock()
	defer r.mu.Unlock()
	for ; len(r.samples) >= r.channels; r.samples = r.samples[r.channels:] {
		n, whole := 0, true
		for c, sample := range r.samples[:r.channels] {
			if sample == 0 {
				whole = false
				continue
			}
			if n == 0 {
				n = int(max(sample, -sample)*(1<<22)) - c<<19
			}
			if n <= 0 || sample != countingSample(n, c) {
				t.Fatalf("channel %d of frame %d: %v, want %v", c, n, sample, countingSample(n, c))
			}
		}
		if !whole || n != r.last+1 {
			r.row = 0
		}
		r.row, r.last = r.row+1, n
		switch {
		case r.row == leastRow:
			r.inRows += leastRow
		case r.row > leastRow:
			r.inRows++
		}
	}
	return r.inRows
}

// square fills in a square wave of one magnitude.
func square(magnitude float32) func([]float32) int {
	n := 0
	return func(samples []float32) int {
		for i := range samples {
			samples[i] = magnitude
			if n++; n/64%2 == 1 {
				samples[i] = -magnitude
			}
		}
		return len(samples)
	}
}

func appearsQuiet(t *testing.T, l *lab) {
	saved := &store{}
	cfg := stereo()
	cfg.Volume = saved
	s := l.run(cfg)
	status := s.await("the flow of the monitor", flowing)
	if math.Abs(status.VolumeDB+40) > 0.01 || status.Muted || status.Problem != "" || status.Clients != 0 {
		t.Errorf("status %+v, want -40 dB", status)
	}
	want := map[string]string{"pipewire": "PulseAudio (on PipeWire ", "pulseaudio": "PulseAudio 1"}[l.kind]
	if !strings.HasPrefix(status.Server, want) {
		t.Errorf("server %q, want %q…", status.Server, want)
	}
	if sink := l.one(); sink.description != "AES67 Speakers" || strings.Count(sink.volume, "-40.00 dB") != 2 {
		t.Errorf("sink %+v", sink)
	}
	if properties := l.sh("LC_ALL=C pactl list sinks"); !strings.Contains(properties, `device.icon_name = "audio-speakers"`) {
		t.Errorf("no icon in\n%s", properties)
	}
	eventually(t, "a saved volume", func() bool { v, ok := saved.Load(); return ok && math.Abs(v.DB()+40) < 0.01 })
	s.stop()
	if status := s.Snapshot(); status != (Status{}) {
		t.Errorf("status after the end: %+v", status)
	}
}

func neverLoud(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Volume = nil
	defer l.playAlways(cfg, square(1))()
	s := l.run(cfg)
	s.await("a player", func(st Status) bool { return st.Playing == 1 })
	eventually(t, "sound", func() bool { p, _ := s.peaks(); return p[0] > 0 })
	eventually(t, "0.2 s of it", func() bool { _, n := s.peaks(); return n > 9600 })
	if p, _ := s.peaks(); max(p[0], p[1]) > 0.01001 {
		t.Errorf("peaks %v, want 0.01 at -40 dB", p)
	}
}

func passesUntouched(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Volume = remembered(0, 2)
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	s.rise(t, cfg.Rate)
	l.play(cfg, counting(2))
	eventually(t, "half a second", func() bool { return s.counted(t) > 24000 })
}

func eightChannels(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Channels = []string{"front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right", "side-left", "side-right"}
	cfg.Volume = remembered(0, 8)
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	s.rise(t, cfg.Rate)
	l.play(cfg, counting(8))
	eventually(t, "0.2 s", func() bool { return s.counted(t) > 9600 })
}

func volumeInSamples(t *testing.T, l *lab) {
	saved := remembered(0, 2)
	cfg := stereo()
	cfg.Volume = saved
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	l.play(cfg, square(0.5))
	for _, c := range []struct {
		command     string
		left, right float64
		db          float64
		muted       bool
	}{
		{"set-sink-volume aes67 50%", 0.0625, 0.0625, -18.06, false},
		{"set-sink-volume aes67 100% 25%", 0.5, 0.5 / 64, 0, false},
		{"set-sink-mute aes67 1", 0, 0, 0, true},
		{"set-sink-mute aes67 0", 0.5, 0.5 / 64, 0, false},
		{"set-sink-volume aes67 125%", 0.5, 0.5, 0, false}, // turned back
	} {
		l.sh("pactl %s", c.command)
		s.await(c.command, func(st Status) bool { return math.Abs(st.VolumeDB-c.db) < 0.01 && st.Muted == c.muted })
		near := func(got, want float64) bool { return math.Abs(got-want) <= 1e-4 }
		eventually(t, c.command+" in the samples", func() bool {
			s.clear()
			eventually(t, "20 ms of sound", func() bool { _, n := s.peaks(); return n > 960 })
			p, _ := s.peaks()
			return near(p[0], c.left) && near(p[1], c.right) && (!c.muted || p[0] == 0 && p[1] == 0)
		})
	}
	eventually(t, "the saved volume", func() bool { v, _ := saved.Load(); return v.DB() == 0 && v.Levels[1] == LevelNorm })
}

func monitorsOwnVolume(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Volume = remembered(0, 2)
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	l.play(cfg, square(0.1))
	heard := func() bool {
		s.clear()
		eventually(t, "20 ms of sound", func() bool { _, n := s.peaks(); return n > 960 })
		p, _ := s.peaks()
		return math.Abs(p[0]-0.1) <= 1e-4 && math.Abs(p[1]-0.1) <= 1e-4
	}
	eventually(t, "the sound", heard)
	for _, command := range []string{
		"set-source-volume aes67.monitor 150%", "set-source-volume aes67.monitor 10%", "set-source-mute aes67.monitor 1",
		"set-source-output-volume $(pactl list short source-outputs | cut -f1) 200%",
		"set-source-output-mute $(pactl list short source-outputs | cut -f1) 1",
	} {
		l.sh("pactl %s", command)
		eventually(t, "the sound after "+command, heard)
	}
}

func countsPlayers(t *testing.T, l *lab) {
	cfg := stereo()
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	l.sh("pactl load-module module-null-sink sink_name=other norewinds=1 >$HOME/other")
	defer l.sh("pactl unload-module $(cat $HOME/other)")
	other := cfg
	other.SinkID = "other"
	defer l.play(other, square(0.1))() // must not count
	stop := l.play(cfg, square(0.1))
	s.await("one player", func(st Status) bool { return st.Clients == 1 && st.Playing == 1 })

	// A second one, paused.
	framer := newFramer(2, nil)
	second, err := connect(context.Background(), l.where(), framer, now, nil, func(any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	channels, _ := channelMap(cfg.Channels)
	reply := &proto.CreatePlaybackStreamReply{}
	if err := second.request("playing", &proto.CreatePlaybackStream{
		SampleSpec: proto.SampleSpec{Format: proto.FormatFloat32LE, Channels: 2, Rate: 48000}, ChannelMap: channels,
		SinkIndex: proto.Undefined, SinkName: cfg.SinkID, Corked: true, ChannelVolumes: uniform(LevelNorm, 2, false).wire(),
		BufferMaxLength: proto.Undefined, BufferTargetLength: proto.Undefined, BufferPrebufferLength: proto.Undefined, BufferMinimumRequest: proto.Undefined,
		Properties: proto.PropList{"media.name": proto.PropListString("paused")},
	}, reply); err != nil {
		t.Fatal(err)
	}
	s.await("a paused player", func(st Status) bool { return st.Clients == 2 && st.Playing == 1 })
	stop()
	s.await("the paused player alone", func(st Status) bool { return st.Clients == 1 && st.Playing == 0 })
	if err := second.request("playing on", &proto.CorkPlaybackStream{StreamIndex: reply.StreamIndex}, nil); err != nil {
		t.Fatal(err)
	}
	s.await("it playing", func(st Status) bool { return st.Clients == 1 && st.Playing == 1 })
}

func defaultStays(t *testing.T, l *lab) {
	l.sh("pactl load-module module-null-sink sink_name=card >$HOME/card")
	defer l.sh("pactl unload-module $(cat $HOME/card)")
	eventually(t, "another default sink", func() bool { return l.sh("pactl get-default-sink") == "card" })
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	if got := l.sh("pactl get-default-sink"); got != "card" {
		t.Errorf("default sink %q, want card", got)
	}
}

func showsQuotes(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.SinkName = `Bob's "loud" {ones}; 50 % = #1 ☃`
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	if got, want := l.one().description, `Bob’s ”loud” {ones}; 50 % = #1 ☃`; got != want {
		t.Errorf("label %q, want %q", got, want)
	}
}

func saysWhose(t *testing.T, l *lab) {
	other := l.sh(`pactl load-module module-null-sink sink_name=tunnel "sink_properties='device.description=\"AES67 Speakers\"'"`)
	defer l.sh("pactl unload-module %s", other)
	cfg := stereo()
	cfg.Host = "desk"
	l.leave(cfg, func() {})
	before := l.one()
	if want := "AES67 Speakers on desk"; before.description != want {
		t.Errorf("label %q, want %q", before.description, want)
	}
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	if after := l.one(); after != before {
		t.Errorf("sink %+v, want %+v adopted", after, before)
	}
}

func playsTone(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Volume = remembered(0, 2)
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	if l.kind == "pipewire" {
		// A graph cycle that the machine sleeps through is lost for every program,
		// so here it is one that is longer than most sleep.
		l.sh("pw-metadata -n settings 0 clock.force-quantum 1024")
		defer l.sh("pw-metadata -n settings 0 clock.force-quantum 0")
	}
	const frames = 12000
	quarter := func() (whole bool) {
		t.Helper()
		left := 2 * frames
		tone := square(0.25)
		begin := time.Now()
		err := play(context.Background(), l.where(), PlayConfig{SinkID: cfg.SinkID, Rate: cfg.Rate, Channels: cfg.Channels, Name: "tone"}, func(samples []float32) int {
			n := tone(samples[:min(left, len(samples))])
			left -= n
			return n
		})
		took := time.Since(begin)
		if err != nil || took < 200*time.Millisecond {
			t.Errorf("play: %v after %v, want 0.25 s", err, took)
		}
		return took <= 3*time.Second
	}
	heard := func() (n int) {
		s.recorder.mu.Lock()
		defer s.recorder.mu.Unlock()
		for _, sample := range s.samples {
			if sample != 0 {
				n++
			}
		}
		return n
	}
	for tries, smooth := 1, 0; ; tries++ {
		s.clear()
		whole := quarter()
		_, before := s.peaks()
		eventually(t, "what comes after it", func() bool { _, n := s.peaks(); return n > before+9600 })
		got, gap := heard(), s.gap()
		if got == 2*frames && whole {
			break
		}
		if gap < 40*time.Millisecond { // else a server that was held up has lost cycles of 21 ms
			smooth++
		}
		if smooth == 3 || tries == 10 {
			t.Errorf("%d samples of a tone of %d in try %d, with messages %v apart at most; within 3 s: %v", got, 2*frames, tries, gap, whole)
			break
		}
	}

	stop := l.play(cfg, square(0.25))
	s.clear()
	eventually(t, "a tone", func() bool { return heard() > 9600 })
	stop()
	_, before := s.peaks()
	eventually(t, "what comes after it", func() bool { _, n := s.peaks(); return n > before+9600 })
	s.recorder.mu.Lock()
	last := float32(1)
	for i := len(s.samples) - 1; i >= 0 && last == 1; i-- {
		if s.samples[i] != 0 {
			last = max(s.samples[i], -s.samples[i])
		}
	}
	s.recorder.mu.Unlock()
	if last > 0.001 {
		t.Errorf("the tone ends with a step of %v", last)
	}

	err := play(context.Background(), l.where(), PlayConfig{SinkID: "nowhere", Rate: 48000, Channels: cfg.Channels}, square(0))
	if !errors.Is(err, ErrNoSink) || !strings.Contains(err.Error(), `sink "nowhere": not there`) {
		t.Errorf("play into no sink: %v", err)
	}
}
