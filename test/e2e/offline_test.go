package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTheSinkFollowsTheNetwork takes the cable out of a playing desk: the desktop
// plays elsewhere, and with the cable the speakers are the chosen output again.
func TestTheSinkFollowsTheNetwork(t *testing.T) {
	shared(t)
	for _, kind := range []string{"pipewire", "pulseaudio"} {
		t.Run(kind, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w, s := newWire(t), startServer(t, kind)
				startGrandmaster(t, w, 0)
				s.pactl("load-module", "module-null-sink", "sink_name=builtin")
				desk := stationAt(w, s)
				b := desk.run()
				b.loud(15 * time.Second)
				b.follows(15 * time.Second)
				s.pactl("set-default-sink", "aes67")
				player := start(t, "paplay", s.env, s.by("paplay", makeTones(t, time.Minute))...) // into the chosen output
				b.playing(15 * time.Second)
				link := func(state string) {
					t.Helper()
					mustOutput(t, nil, "ip", "-n", w.prefix+"-"+pc, "link", "set", "eth0", state)
				}

				link("down")
				b.reaches(5*time.Second, "it has no network", func(r report) bool { return r.State == "waiting-network" })
				pass(3 * time.Second)
				if count(s.sinks(), "aes67") != 1 {
					t.Error("the sink is gone after 3 s without a network")
				}
				eventually(t, 10*time.Second, "the sink goes", func() bool { return count(s.sinks(), "aes67") == 0 })
				told := b.reaches(2*time.Second, "it says so", func(r report) bool { return r.Sink.State == "withdrawn" })
				if told.State != "waiting-network" || told.Problem == "" {
					t.Errorf("state %q, problem %q", told.State, told.Problem)
				}
				if player.ended() {
					t.Error("the player has ended with the sink")
				}
				chosen := func(sink string) func() bool {
					return func() bool { return strings.TrimSpace(s.pactl("get-default-sink")) == sink }
				}
				eventually(t, 5*time.Second, "the desktop plays elsewhere", chosen("builtin"))

				link("up")
				mustOutput(t, nil, "ip", "-n", w.prefix+"-"+pc, "addr", "replace", "10.67.0.1/24", "dev", "eth0")
				began := time.Now()
				eventually(t, 10*time.Second, "the sink is back", func() bool { return count(s.sinks(), "aes67") == 1 })
				figures.atMost(t, "the sink is back after the cable", time.Since(began).Seconds(), 5, "s")
				eventually(t, 5*time.Second, "it is the chosen output again", chosen("aes67"))
				if r := b.sends(15 * time.Second); *r.Sink.VolumeDB < -0.1 {
					t.Errorf("the volume is %.1f dB, was 0", *r.Sink.VolumeDB)
				}
				if slices.Contains(s.sinks(), "aes67.2") {
					t.Error("a second sink")
				}
				b.end()
			})
		})
	}
}
