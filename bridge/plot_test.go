package bridge

import (
	"flag"
	"math"
	"os"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/chart"
)

var update = flag.Bool("update", false, "draw the plots of docs/buffer.md anew")

// The plots of docs/buffer.md are what the pipeline does, in simulated time.
func TestPlots(t *testing.T) {
	for name, c := range map[string]chart.Chart{"late.svg": plotLate(t), "standstill.svg": plotStandstill(t)} {
		file := "../docs/buffer/" + name
		if *update {
			if err := os.WriteFile(file, []byte(c.SVG()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != c.SVG() {
			t.Errorf("%s is not what the pipeline does (%v): go test ./bridge -run TestPlots -update", file, err)
		}
	}
}

// plot follows what lies in the buffer, each millisecond.
func plot(r *rig, from aes67.MonoTime, c *chart.Chart) {
	milliseconds := func(frames float64) float64 { return frames * 1000 / testRate }
	if c.Lines == nil {
		c.Lines = []chart.Line{{Name: "sound or silence"}, {Name: "target"}, {Name: "in the buffer"}, {Name: "on average"}}
	}
	sounds, average, target := 1.0, math.NaN(), math.NaN()
	if r.silent {
		sounds = 0
	}
	if r.watch.state != stateFilling {
		average, target = milliseconds(r.rate.loop.Fill()), milliseconds(float64(r.goal))
	}
	at := time.Duration(r.now - from).Seconds()
	for i, y := range []float64{sounds, target, milliseconds(float64(r.feed.ring.Available())), average} {
		c.Lines[i].Add(at, y)
	}
}

// plotted is a rig that plays, and what records its pulls.
func plotted(t *testing.T, c *chart.Chart) (r *rig, record func(bool)) {
	r = newRig(t, PipelineConfig{}, 50_000)
	r.SetConfirmed(true)
	r.pullFor(2*time.Second, nil)
	from := r.now
	return r, func(bool) { plot(r, from, c) }
}

// standStill lets the server stand still, and hand over then what it has kept.
func (r *rig) standStill(long time.Duration, record func(bool)) {
	r.stopped, r.missed = true, 0
	r.pullFor(long, record)
	r.stopped = false
	for range r.missed {
		r.message(r.now)
	}
}

func plotLate(t *testing.T) chart.Chart {
	c := chart.Chart{
		Title: "Cycles that are 1, 8 and 20 ms late", X: "seconds", Y: "ms",
		From: 0, To: 0.85, Low: 0, High: 32, Every: 0.1, Each: 4,
	}
	r, record := plotted(t, &c)
	for _, late := range []time.Duration{1, 8, 20} {
		r.pullFor(200*time.Millisecond, record)
		for r.next.Sub(r.now) > lessThan1 { // until a cycle is due
			record(r.pull())
		}
		r.standStill(late*time.Millisecond, record)
	}
	r.pullFor(200*time.Millisecond, record)
	return c
}

func plotStandstill(t *testing.T) chart.Chart {
	c := chart.Chart{
		Title: "The sound server stands still for two seconds, then hands over all it has kept", X: "seconds", Y: "ms",
		From: 0, To: 3, Low: 0, High: 32, Every: 0.5, Each: 4,
	}
	r, record := plotted(t, &c)
	r.pullFor(500*time.Millisecond, record)
	r.standStill(2*time.Second, record)
	r.pullFor(500*time.Millisecond, record)
	return c
}
