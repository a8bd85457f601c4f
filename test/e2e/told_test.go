package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// earMS is a loudspeaker's link offset, as stream.receiver-latency says it.
const earMS = 10

// halfCycleMS is half of the 256 frames at 48 kHz for which the bridge asks PipeWire's graph:
// what the server leaves out by itself.
const halfCycleMS = 1e3 * 128 / 48000.0

// portsTellWithin is three heartbeats of the bridge's: at each, players are told what has changed.
const portsTellWithin = 6 * time.Second

// TestPlayersAreToldTheLatency compares when PipeWire 1.4 tells a player that a mark is
// heard with when it is: on the wire, and the loudspeaker's latency later.
func TestPlayersAreToldTheLatency(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		w := newWire(t)
		startGrandmaster(t, w, 50_000)
		s := startNewPipeWire(t, w, "")
		b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", "stream.receiver-latency=10ms")
		b.loud(15 * time.Second)
		b.follows(40 * time.Second)
		s.realtime()
		l := listenMarks(t, w, subscriptionOf(t, b.descriptions()[0]))
		player := start(t, "player", s.env, labtool, "marks", "-ahead", "-latency", (2 * playersBuffer).String()) // one that needs no shorter cycles
		eventually(t, 20*time.Second, "marks come", func() bool { return len(l.Marks()) > 0 })
		s.realtime()
		if sinks := s.sinks(); !slices.Equal(sinks, []string{"aes67"}) {
			t.Errorf("sinks: %q, want aes67 alone", sinks)
		}
		l.lasts(t, 6*time.Second) // the buffer jumps at first
		judge := func(when string) (r report) {
			from, length := rtthread.Now(), window(6*time.Second, 12*time.Second)
			pass(length)
			r = b.sends(20 * time.Second)
			off := toldOff(writtenMarks(player.output.String()), l.Marks(), from)
			if len(off) == 0 {
				t.Fatalf("%s: no mark came of which the server told", when)
			}
			if len(off) < 20 {
				t.spoilt(ofSound(length), fmt.Sprintf("%s: %d marks came", when, len(off)))
			}
			t.Logf("%s: told later than heard by %.2f ms (1st to 9th decile %.2f to %.2f); latency %+v", when, median(off), quantile(off, 0.1), quantile(off, 0.9), *r.LatencyMS)
			figures.atMost(t, when+": what a Pulse client is told against the wire", math.Abs(median(off)), 2, "ms")
			return r
		}
		before := judge("as it began")
		apart := math.Inf(1) // a buffer that still learns is told at a heartbeat
		for end := time.Now().Add(portsTellWithin); apart > 2 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			now := b.sends(5 * time.Second).LatencyMS.Total
			apart = min(apart, math.Abs(s.portLatency(t)-now-earMS-halfCycleMS))
		}
		figures.atMost(t, "what the ports tell against status", apart, 2, "ms")
		s.forceQuantum(512) // and the buffer learns the longer cycles
		pass(4 * time.Second)
		after := judge("when the buffer has learnt")
		figures.atLeast(t, "learnt", after.LatencyMS.Total-before.LatencyMS.Total, 2, "ms")
	})
}

// toldOff is by how many ms the server told each mark to be heard later than it was.
func toldOff(all []written, came []lab.Mark, since aes67.MonoTime) (off []float64) {
	for _, w := range all {
		if w.at < since || w.ahead == 0 {
			continue
		}
		if took, _ := follow([]written{w}, came, since); len(took) == 1 {
			off = append(off, float64(w.ahead)/1e6-took[0]-earMS)
		}
	}
	return off
}

// dumped is an object as pw-dump tells it.
type dumped struct {
	ID   float64
	Type string
	Info struct {
		Props  map[string]any
		Params struct {
			Latency []struct {
				Direction string
				MaxNs     float64
			}
		}
	}
}

// portLatency is what a native client is told, in ms: the largest of the sink's input ports.
func (s *server) portLatency(t testing.TB) (ms float64) {
	t.Helper()
	out := mustOutput(t, s.env, s.by(script("sound-server.sh"), "client", s.dir, "pw-dump")...)
	var all []dumped
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("pw-dump: %v", err)
	}
	node := slices.IndexFunc(all, func(o dumped) bool { return o.Info.Props["node.name"] == "aes67" })
	if node < 0 {
		t.Fatalf("pw-dump shows no node of the sink")
	}
	for _, o := range all {
		if o.Info.Props["node.id"] != all[node].ID || o.Info.Props["port.direction"] != "in" {
			continue
		}
		for _, l := range o.Info.Params.Latency {
			if l.Direction == "Input" {
				ms = max(ms, l.MaxNs/1e6)
			}
		}
	}
	return ms
}
