package pulse

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/pipewire"
)

func TestServersThatTellTheLatency(t *testing.T) {
	for _, c := range []struct {
		name, network string
		want          bool
	}{
		{"PulseAudio (on PipeWire 1.4.2)", "unix", true},
		{"PulseAudio (on PipeWire 1.10.0)", "unix", true},
		{"PulseAudio (on PipeWire 2.0.0)", "unix", true},
		{"PulseAudio (on PipeWire 1.4.2)", "tcp", false},
		{"PulseAudio (on PipeWire 1.2.7)", "unix", false},
		{"PulseAudio (on PipeWire 0.3.65)", "unix", false},
		{"PulseAudio 17.0", "unix", false},
		{"PulseAudio (on PipeWire x)", "unix", false},
	} {
		s := &server{name: c.name, address: address{network: c.network}}
		if got := s.tellsLatency(); got != c.want {
			t.Errorf("%s over %s: %v, want %v", c.name, c.network, got, c.want)
		}
	}
}

func TestFrontArgumentsReadBack(t *testing.T) {
	cfg := stereo()
	plain := moduleArgs(cfg.SinkID, "Bob's \"loud\" ones", cfg.Rate, cfg.Channels, false)
	front := frontArgs(cfg.SinkID, plain)
	outer, ok := pipewireArguments(front + `50000000}"'`)
	if !ok {
		t.Fatalf("PipeWire cannot read %s", front)
	}
	inner, ok := pipewireArguments(outer["sink_properties"])
	if !ok || outer["sink_name"] != cfg.SinkID || outer["master"] != cfg.SinkID+hiddenEnd || outer["remix"] != "no" || outer["rate"] != "48000" ||
		inner["device.description"] != "Bob’s ”loud” ones" || inner[ownerKey] != ownerValue ||
		inner["monitor.channel-volumes"] != "true" || inner["node.param.Props"] != "{latencyOffsetNsec=50000000}" {
		t.Errorf("%s read as %q and %q", front, outer, inner)
	}
	hidden, ok := pipewireArguments(cfg.hiddenArgs())
	if !ok || hidden["sink_name"] != outer["master"] || hidden["channel_map"] != outer["channel_map"] {
		t.Errorf("%s read as %q", cfg.hiddenArgs(), hidden)
	}
	other := moduleArgs(cfg.SinkID, "another name", cfg.Rate, cfg.Channels, false)
	for _, c := range []struct {
		args  string
		front bool
	}{
		{front + `1}"'`, true},
		{front + `70000000}"'`, true},
		{plain, false},
		{frontArgs(cfg.SinkID, other) + `1}"'`, false},
	} {
		if got := isFront(cfg.SinkID, c.args, []string{plain}); got != c.front {
			t.Errorf("%s is a front of %s: %v, want %v", c.args, plain, got, c.front)
		}
	}
}

// told is a Config whose latency is known.
func told(latency *atomic.Int64) Config {
	cfg := stereo()
	cfg.Latency = func() (time.Duration, bool) { return time.Duration(latency.Load()), true }
	return cfg
}

// modules counts our modules.
func (l *lab) modules() int {
	return strings.Count(l.sh("pactl list short modules"), ownerKey)
}

// portsTell is what the sink's ports tell.
func (l *lab) portsTell() time.Duration {
	told, err := pipewire.Latency(l.t.Context(), l.dir+"/run/pipewire-0", "aes67")
	if err != nil {
		l.t.Logf("ports: %v", err)
	}
	return told
}

// startTellingLab starts a server that tells, or skips.
func startTellingLab(t *testing.T) *lab {
	t.Helper()
	l := startLab(t, "pipewire")
	answer, err := ask(t.Context(), l.where())
	if err != nil {
		t.Fatal(err)
	}
	if s := (&server{name: answer.Server, address: answer.address}); !s.tellsLatency() {
		t.Skipf("%s cannot tell players the latency", answer.Server)
	}
	return l
}

// TestPlayersAreTold follows a latency that changes, a run that follows another, and the end.
func TestPlayersAreTold(t *testing.T) {
	l := startTellingLab(t)
	var latency atomic.Int64
	latency.Store(int64(30 * time.Millisecond))
	cfg := told(&latency)
	b := l.run(cfg)
	b.await("sound flows", flowing)
	b.await("players are told", func(s Status) bool { return s.LatencyTold })
	if got := l.portsTell(); got != 30*time.Millisecond {
		t.Errorf("ports tell %v, want 30ms", got)
	}
	if sinks := l.sh("pactl list short sinks"); strings.Count(sinks, "\n") != 0 || !strings.Contains(sinks, "\taes67\t") {
		t.Errorf("sinks: %q, want aes67 alone", sinks)
	}
	if sources := l.sh("pactl list short sources"); strings.Count(sources, "\n") != 0 {
		t.Errorf("sources: %q, want the monitor alone", sources)
	}
	if got := l.modules(); got != 2 {
		t.Errorf("%d modules of ours, want 2", got)
	}
	module := l.sh("pactl list short modules")
	latency.Store(int64(42 * time.Millisecond))
	eventually(t, "ports tell 42 ms", func() bool { return l.portsTell() == 42*time.Millisecond })
	latency.Store(int64(42*time.Millisecond + 900*time.Microsecond)) // not worth it
	if again := l.sh("pactl list short modules"); again != module {
		t.Errorf("modules changed from\n%s\nto\n%s", module, again)
	}
	b.await("told still", func(s Status) bool { return s.LatencyTold })
	if _, frames := b.peaks(); frames == 0 || b.Snapshot().Problem != "" {
		t.Errorf("%d frames, status %+v", frames, b.Snapshot())
	}
	b.stop()
	if got := l.modules(); got != 0 {
		t.Errorf("%d modules of ours are left", got)
	}
}

// TestBothModulesAreAdopted has the run that follows adopt both modules, and whoever has
// another form make the sink anew.
func TestBothModulesAreAdopted(t *testing.T) {
	l := startTellingLab(t)
	var latency atomic.Int64
	latency.Store(int64(30 * time.Millisecond))
	cfg := told(&latency)
	cfg.Follows = func() bool { return true }
	first := l.run(cfg)
	first.await("sound flows", flowing)
	module := l.sh("pactl list short modules")
	first.stop()
	if again := l.sh("pactl list short modules"); again != module {
		t.Fatalf("modules changed from\n%s\nto\n%s", module, again)
	}
	latency.Store(int64(50 * time.Millisecond))
	cfg.Follows = nil
	second := l.run(cfg)
	second.await("sound flows", flowing)
	second.await("players are told", func(s Status) bool { return s.LatencyTold })
	if again := l.sh("pactl list short modules"); again != module {
		t.Errorf("not adopted: modules changed from\n%s\nto\n%s", module, again)
	}
	if got := l.portsTell(); got != 50*time.Millisecond {
		t.Errorf("ports tell %v, want 50ms", got)
	}
	// Somebody unloads what is behind.
	l.sh("pactl unload-module $(pactl list short modules | grep aes67_null.*Internal | cut -f1)")
	eventually(t, "both modules are there again", func() bool { return l.modules() == 2 && l.sh("pactl list short modules") != module })
	second.await("sound flows", flowing)
	second.stop()
	if got := l.modules(); got != 0 {
		t.Errorf("%d modules of ours are left", got)
	}
	cfg.Latency = nil
	cfg.Follows = func() bool { return true }
	plain := l.run(cfg)
	plain.await("sound flows", flowing)
	if got := l.modules(); got != 1 {
		t.Errorf("%d modules of a sink that tells nothing, want 1", got)
	}
	plain.stop()
	// It stays for as long as somebody plays into it.
	module = l.sh("pactl list short modules | grep %s", ownerKey)
	stop := l.play(cfg, square(0.5))
	third := l.run(told(&latency))
	third.await("somebody plays", func(s Status) bool { return flowing(s) && s.Playing == 1 })
	if again := l.sh("pactl list short modules | grep %s", ownerKey); again != module {
		t.Errorf("made anew under a player: modules changed from\n%s\nto\n%s", module, again)
	}
	stop()
	third.await("players are told", func(s Status) bool { return s.LatencyTold })
	if got := l.modules(); got != 2 {
		t.Errorf("%d modules of a sink that tells, want 2", got)
	}
}
