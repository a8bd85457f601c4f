package bridge

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// toldPulls is what a recorder was told.
type toldPulls struct {
	pulls, starved, skipped, flowing int

	fill, peak float64
	pause      time.Duration // the longest
}

func (r *toldPulls) Pulled(fill float64, _ aes67.PPB, peak float64, pause time.Duration, starved, skipped, flows bool) {
	r.pulls++
	r.fill, r.peak, r.pause = fill, max(r.peak, peak), max(r.pause, pause)
	for _, c := range []struct {
		count *int
		yes   bool
	}{{&r.starved, starved}, {&r.skipped, skipped}, {&r.flowing, flows}} {
		if c.yes {
			*c.count++
		}
	}
}

func TestARecorderIsToldOfEachPull(t *testing.T) {
	r := newRig(t, PipelineConfig{Latency: 40 * time.Millisecond, CeilingDBFS: -1}, 0)
	r.SetConfirmed(true)
	told := &toldPulls{}
	r.rooms.cfg.Recorder = told
	r.pullFor(time.Second, nil)
	if told.pulls != 1000 || told.flowing < 800 || told.starved > 0 || math.Abs(told.peak-0.5) > 0.01 || math.Abs(told.fill-float64(r.Snapshot().Target)) > 100 {
		t.Errorf("playing: %+v, target %d", told, r.Snapshot().Target)
	}
	*told = toldPulls{}
	r.stopped = true
	r.pullFor(90*time.Millisecond, nil)
	if told.starved != 1 || told.pause < 85*time.Millisecond || told.pause > 120*time.Millisecond || told.flowing > 60 {
		t.Errorf("the server stands still: %+v", told)
	}
}

// BenchmarkNote is what a pull costs more with a recorder: 1000 ns are 0.1 % of a core
// at a packet time of 1 ms.
func BenchmarkNote(b *testing.B) {
	p, err := NewPipeline(PipelineConfig{Channels: 2, SinkRate: 48000, StreamRate: 48000, PacketFrames: 48}, &mediaclock.Clock{})
	if err != nil {
		b.Fatal(err)
	}
	rooms := alone(b, p)
	rooms.cfg.Recorder = &toldPulls{}
	b.ReportAllocs()
	for b.Loop() {
		rooms.note(0)
	}
}
