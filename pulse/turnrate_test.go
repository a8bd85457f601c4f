package pulse

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// turning is a recorder that is told of rates.
type turning struct {
	recorder
	mu    sync.Mutex
	rates []aes67.Hz
}

func (r *turning) Rate(hz aes67.Hz) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rates = append(r.rates, hz)
}

func (r *turning) told() []aes67.Hz {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rates)
}

// noise is a file of raw float32 frames, of which the samples are its own.
func noise(t *testing.T, l *lab, rate aes67.Hz, length time.Duration) (file string, samples []float32) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(rate)))
	var b []byte
	for range 2 * aes67.FramesIn(length, rate) {
		x := float32(random.Float64() - 0.5)
		samples, b = append(samples, x), binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	file = filepath.Join(l.dir, "noise.raw")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, samples
}

// autoRate is a sink whose rate follows what plays, at full volume.
func autoRate() Config {
	cfg := stereo()
	cfg.OtherRates = []aes67.Hz{44100}
	cfg.Volume = remembered(0, 2)
	return cfg
}

const playNoise = "timeout %d pacat --device=aes67 --format=float32le --channels=2 --rate=%d %s || test $? = 124"

// TestTheRateFollowsWhatPlays lets a real PipeWire switch: music that follows music of its
// rate is recorded bit for bit, no switch is under a program, and it goes back likewise.
func TestTheRateFollowsWhatPlays(t *testing.T) {
	l := startLab(t, "pipewire")
	needs(t, "pacat", "pw-metadata")
	r := &turning{recorder: recorder{channels: 2}}
	b := l.runInto(autoRate(), r)
	b.await("sound flows", flowing)
	play := func(rate aes67.Hz) (exact float64) {
		file, samples := noise(t, l, rate, heardFor+2*time.Second)
		r.clear()
		before := len(r.told())
		l.sh(playNoise, 30, rate, file)
		if now := r.told(); len(now) != before {
			t.Errorf("the rate turned under a program: %v", now)
		}
		return r.share(samples)
	}
	if play(44100) > 0 {
		t.Error("44.1 kHz was recorded bit for bit at 48 kHz: nothing is proven here")
	}
	b.await("the server keeps its rate", func(s Status) bool { return s.Follows == FollowsKept && s.Rate == 48000 })
	l.sh("pw-metadata -n settings 0 clock.allowed-rates '[ 44100, 48000 ]'")
	for _, rate := range []aes67.Hz{44100, 48000} {
		first := play(rate)
		b.await("the rate follows", func(s Status) bool { return s.Follows == FollowsPlayed && s.Rate == rate && flowing(s) })
		exact := play(rate)
		for again := 0; again < 3 && exact < 0.5 && r.gap() > 20*time.Millisecond; again++ { // a busy computer has lost cycles of 5 ms
			exact = play(rate)
		}
		if exact < 0.5 || first > 0 {
			t.Errorf("%d Hz: %.0f %% are bit for bit before the rate follows, want none, and %.0f %% after it, want half, with messages %v apart at most", rate, 100*first, 100*exact, r.gap())
		}
	}
	if got, want := r.told(), []aes67.Hz{48000, 44100, 48000, 44100, 48000}; !slices.Equal(got, want) {
		t.Errorf("recorded at %v, want %v", got, want)
	}
}

// TestPulseAudioCannotFollow, and says so.
func TestPulseAudioCannotFollow(t *testing.T) {
	l := startLab(t, "pulseaudio")
	b := l.run(autoRate())
	b.await("it is told", func(s Status) bool { return flowing(s) && s.Follows == FollowsUnable && s.Rate == 48000 })
}

// share tells how much of what was played was recorded bit for bit and in its order, in
// pieces of 5 ms or less: of each cycle that a busy computer loses one or two are gone.
// That 440 samples of noise agree by chance cannot be.
func (r *recorder) share(samples []float32) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	const piece = 2 * 220
	places := make(map[float32][]int, len(r.samples)/r.channels)
	for i := 0; i+piece <= len(r.samples); i += r.channels {
		places[r.samples[i]] = append(places[r.samples[i]], i)
	}
	pieces, found, from := 0, 0, 0
	for ; len(samples) >= piece; samples = samples[piece:] {
		pieces++
		at := places[samples[0]]
		here := slices.IndexFunc(at, func(at int) bool { return at >= from && slices.Equal(r.samples[at:at+piece], samples[:piece]) })
		if here >= 0 {
			found, from = found+1, at[here]+piece
		}
	}
	return float64(found) / float64(max(1, pieces))
}
