package e2e

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/health"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// TestAPlayerOfFlatVolumesIsNotLoudAtOnce lets a program at its own 100 % lift
// the sink from -40 to 0 dB under PulseAudio's flat volumes. On the wire its first
// sound is at -40 dB and rises slowly; -40 dB stays remembered.
func TestAPlayerOfFlatVolumesIsNotLoudAtOnce(t *testing.T) {
	shared(t)
	measured(t, flatVolumes)
}

func flatVolumes(t *attempt) {
	t.certain = true // too loud in every try is too loud
	w, s := newWire(t), newServer(t, "pulseaudio")
	config := filepath.Join(s.dir, "home/.config/pulse")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "daemon.conf"), []byte("flat-volumes = yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.do("start", "pulseaudio")
	b := stationAt(w, s).run("--set", "clock.mode=grandmaster")
	b.sends(silenceOfMasters)

	// The rise from -40 dB takes 6.7 s; it rests where nothing is heard.
	const length = 11 * time.Second
	loud := makeTones(t, length+2*time.Second)
	l, began := listen(t, w, b.descriptions()[0], nil, length), rtthread.Now()
	start(t, "paplay", s.env, s.by("paplay", "--volume=65536", "--latency-msec=20", "--device=aes67", loud)...)
	b.reaches(5*time.Second, "the volume has jumped, and it is told", func(r report) bool {
		return r.Sink.VolumeDB != nil && *r.Sink.VolumeDB == 0 && slices.ContainsFunc(r.Problems, func(f health.Finding) bool {
			return strings.Contains(f.Sentence, "a program raised the sink's volume from -40.0 to 0.0 dB")
		})
	})
	l.lasts(t, length)

	// What a standstill of the machine swallows of the rise is missing on the wire.
	slack := 0.3
	for _, p := range watch.between(began, rtthread.Now()) {
		if length := p.to.Sub(p.from); length > standstill {
			slack += 6 * (2*length + nearBreak).Seconds()
		}
	}
	const block = 480 // 10 ms
	x := l.samples()
	begun, first, highest, over := -1, math.Inf(-1), math.Inf(-1), math.Inf(-1)
	for i := 0; i+block <= len(x); i += block {
		level := lab.DBFS(lab.Peak(x[i:i+block])) - toneDBFS // relative to the player's own
		if begun < 0 && level > -60 {
			// A moment of the rise may have been lost to a busy computer.
			begun, first = i, max(level, -40)
			figures.atMost(t, "level of the first sound", level, -39, "dB")
		}
		if begun >= 0 {
			over = max(over, level-(first+6*float64(i+block-begun)/48000+slack))
		}
		highest = max(highest, level)
	}
	figures.atMost(t, "level above a rise of 6 dB/s", over, 0, "dB")
	figures.atLeast(t, "level in the end", highest, -2, "dB")

	file := must(os.ReadFile(filepath.Join(s.dir, "home/.local/state/aes67-sink/volume-aes67.json")))
	var remembered struct{ Levels []float64 }
	if err := json.Unmarshal(file, &remembered); err != nil || len(remembered.Levels) != 2 {
		t.Fatalf("%s: %v", file, err)
	}
	if db := 60 * math.Log10(remembered.Levels[0]/65536); math.Abs(db+40) > 0.1 {
		t.Errorf("%.1f dB is remembered, want -40", db)
	}
}
