package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

const roomsConfig = `
[[sink]]
name = "Living room"
id = "living"

[[sink]]
name = "Kitchen"
id = "kitchen"

[[sink]]
name = "Everywhere"
id = "everywhere"
plays-into = ["living", "kitchen"]
`

// TestRooms has two rooms and a sink for both: they play different programs, the same,
// and both at once; what is for both is in the same frame of each, by the timestamps.
func TestRooms(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if kind != "pipewire" && !full {
				t.Skip("the same by the sound server's own protocol: LAB_FULL=1")
			}
			measured(t, func(t *attempt) { rooms(t, kind) })
		})
	}
}

func rooms(t *attempt, kind string) {
	t.certain = true
	w, s := newWire(t), startServer(t, kind)
	file := filepath.Join(tempDir(t, "rooms"), "config.toml")
	must(0, os.WriteFile(file, []byte(roomsConfig), 0o600))
	b := stationAt(w, s).run("--config", file)
	r := b.reaches(40*time.Second, "it sends", func(r report) bool { return r.State == "sending" && len(r.Streams) == 4 })
	for _, sink := range []string{"living", "kitchen", "everywhere"} {
		if !slices.Contains(s.sinks(), sink) {
			t.Errorf("the sound server has the sinks %v, want %s too", s.sinks(), sink)
		}
	}
	if told := sinksOf(t, r); len(told) != 3 || len(told[2].PlaysInto) != 2 {
		t.Errorf("status tells of the sinks %+v", told)
	}
	loudEverywhere(t, b)
	s.realtime()

	var streams []listener
	for i, text := range b.sdp() {
		path := filepath.Join(tempDir(t, "sdp"), fmt.Sprintf("%d.sdp", i))
		must(0, os.WriteFile(path, []byte(text), 0o600))
		streams = append(streams, listen(t, w, path, nil, 2*time.Minute))
	}
	if len(streams) != 4 {
		t.Fatalf("%d descriptions, want 4", len(streams))
	}
	play := func(sink, wav string) *process {
		return start(t, "paplay", s.env, s.by("paplay", "--device="+sink, wav)...).onTheWay()
	}
	everywhere := play("everywhere", noiseWAV(t, 20*time.Second))
	alike := heardTogether(t, streams)
	judgeAlike(t, "left of both rooms", alike[0], alike[2])
	judgeAlike(t, "right of both rooms", alike[1], alike[3])
	everywhere.signal(syscall.SIGTERM)
	_ = everywhere.wait(5 * time.Second)

	play("living", toneWAV(t, leftHz, time.Minute))
	play("kitchen", toneWAV(t, rightHz, time.Minute))
	for c, x := range heardTogether(t, streams) {
		own, other := float64(leftHz), float64(rightHz)
		if c >= 2 {
			own, other = other, own
		}
		judgeLevels(t, fmt.Sprintf("different programs, stream %d", c), x, map[float64]float64{own: 0.5, other: 0})
	}
	play("everywhere", toneWAV(t, bothHz, time.Minute))
	for c, x := range heardTogether(t, streams, bothHz) {
		own, other := float64(leftHz), float64(rightHz)
		if c >= 2 {
			own, other = other, own
		}
		judgeLevels(t, fmt.Sprintf("one's own and everybody's, stream %d", c), x, map[float64]float64{own: 0.5, other: 0, bothHz: 0.5})
	}
	for i := range streams {
		streams[i].judgeContinuity(t, streams[i].name)
	}
	b.end()
	if left := s.sinks(); slices.Contains(left, "living") || slices.Contains(left, "everywhere") {
		t.Errorf("the sound server has %v at the end", left)
	}
}

// sinkTold is what status tells of one of several sinks.
type sinkTold struct {
	ID        string   `json:"id"`
	VolumeDB  *float64 `json:"volume_db"`
	PlaysInto []string `json:"plays_into"`
}

func sinksOf(t testing.TB, r report) []sinkTold {
	t.Helper()
	var told struct {
		Sinks []sinkTold `json:"sinks"`
	}
	if err := json.Unmarshal([]byte(r.text), &told); err != nil {
		t.Fatal(err)
	}
	return told.Sinks
}

// loudEverywhere turns each sink up to 100 % in steps, as bridge.loud does one.
func loudEverywhere(t testing.TB, b *bridge) {
	t.Helper()
	for _, db := range []float64{-40, -30, -20, -10, 0} {
		if pass(handsPause); db > -40 {
			for _, sink := range []string{"living", "kitchen", "everywhere"} {
				b.server.pactl("set-sink-volume", sink, "+10dB")
			}
		}
		b.reaches(10*time.Second, fmt.Sprintf("each volume is %g dB", db), func(r report) bool {
			return !slices.ContainsFunc(sinksOf(t, r), func(s sinkTold) bool { return s.VolumeDB == nil || math.Abs(*s.VolumeDB-db) > 0.1 })
		})
	}
}

// bothHz is the tone that everybody hears.
const bothHz = 1250.0

// judgedFrames is how much of all streams is looked at.
const judgedFrames = 2 * 48000

// heardTogether waits for sound in all streams, and for tones if any are named, and returns
// the latest seconds of each, of the same timestamps.
func heardTogether(t testing.TB, streams []listener, tones ...float64) [][]float64 {
	t.Helper()
	from := make([]int, len(streams))
	for i := range streams {
		_, from[i] = streams[i].Heard()
	}
	var cut [][]float64
	eventually(t, 30*time.Second, "all streams sound for two seconds and more", func() bool {
		for i := range streams {
			if _, frames := streams[i].Heard(); frames-from[i] < judgedFrames+24000 {
				return false
			}
		}
		var recordings []lab.Recording
		var end aes67.RTPTime // that all have
		for i := range streams {
			r := streams[i].Recording()
			last := r.Start + aes67.RTPTime(len(r.Channels[0]))
			if i == 0 || int32(last-end) < 0 {
				end = last
			}
			recordings = append(recordings, r)
		}
		cut = cut[:0]
		for i, r := range recordings {
			last := int(int32(end - r.Start))
			if last-from[i] < judgedFrames+24000 {
				return false
			}
			x := make([]float64, judgedFrames)
			for n := range x {
				x[n] = float64(r.Channels[0][last-judgedFrames+n])
			}
			first := x[:4800]
			if slices.Max(first) < 0.1 || slices.ContainsFunc(tones, func(hz float64) bool { return levelOf(first, hz) < 0.1 }) {
				return false
			}
			cut = append(cut, x)
		}
		return true
	})
	return cut
}

// judgeAlike holds two streams to each other, sample by sample: both are dithered for
// themselves by up to a step of 24 bits and rounded, and one frame aside nothing of
// noise is alike.
func judgeAlike(t testing.TB, what string, a, b []float64) {
	t.Helper()
	apart := func(shift int) (most float64) {
		for i := 1; i < len(a)-1; i++ {
			most = max(most, math.Abs(a[i]-b[i+shift]))
		}
		return most
	}
	if most := apart(0); most > 3.0/(1<<23) {
		t.Errorf("%s: %.9f apart in the same frame, want at most three steps of 24 bits", what, most)
	}
	for _, shift := range []int{-1, 1} {
		if most := apart(shift); most < 0.01 {
			t.Errorf("%s: alike %d frames aside too: nothing is shown", what, shift)
		}
	}
}

// judgeLevels looks for tones of given amplitudes, a tenth of a second at a time: the
// best has one that is there, for a busy machine may break the sound off between, and
// the middle one none that is not.
func judgeLevels(t testing.TB, what string, x []float64, amplitudes map[float64]float64) {
	t.Helper()
	for hz, want := range amplitudes {
		var levels []float64
		for part := range slices.Chunk(x, 4800) {
			levels = append(levels, levelOf(part, hz))
		}
		slices.Sort(levels)
		got := levels[len(levels)/2]
		if want > 0 {
			got = levels[len(levels)-1]
		}
		if math.Abs(got-want) > 0.02 {
			t.Errorf("%s: %g Hz at %.3f, want %.3f", what, hz, got, want)
		}
	}
}

// levelOf is the amplitude of a tone, by a Hann window.
func levelOf(x []float64, hz float64) float64 {
	re, im := 0.0, 0.0
	for n, v := range x {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(n) / 48000)
		v *= 1 - math.Cos(2*math.Pi*float64(n)/float64(len(x)))
		re, im = re+v*cos, im+v*sin
	}
	return 2 * math.Hypot(re, im) / float64(len(x))
}

// noiseWAV is noise on both channels, another on each.
func noiseWAV(t testing.TB, length time.Duration) string {
	t.Helper()
	random := rand.New(rand.NewPCG(17, 4))
	w := lab.WAV{Rate: 48000, Channels: make([][]float64, 2)}
	for c := range w.Channels {
		for range int(length.Seconds() * 48000) {
			w.Channels[c] = append(w.Channels[c], random.Float64()-0.5)
		}
	}
	return writeWAV(t, w, lab.WAVFloat32)
}

func toneWAV(t testing.TB, hz float64, length time.Duration) string {
	t.Helper()
	x := tone(hz, 48000, int(length.Seconds()*48000), 2400)
	return writeWAV(t, lab.WAV{Rate: 48000, Channels: [][]float64{x, x}}, lab.WAVFloat32)
}
