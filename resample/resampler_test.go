package resample_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/resample"
)

// source is endless noise, the same in every run: sample c of frame n.
func source(n int64, c int) float32 {
	x := uint64(n)*0x9E3779B97F4A7C15 + uint64(c)*0xD1B54A32D192ED03
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return float32(int64(x^x>>31)>>40) / (1 << 23)
}

// noise pushes the given number of frames of source, from frame first on.
func noise(r *resample.Resampler, channels int, first int64, frames int) {
	in := make([]float32, 0, channels*frames)
	for n := range frames {
		for c := range channels {
			in = append(in, source(first+int64(n), c))
		}
	}
	r.Push(in)
}

func block(channels, frames int) [][]float64 {
	out := make([][]float64, channels)
	for c := range out {
		out[c] = make([]float64, frames)
	}
	return out
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestNewRefusesWhatItCannotDo(t *testing.T) {
	for _, c := range []struct {
		name     string
		channels int
		in, out  aes67.Hz
		want     string
	}{
		{"no channel", 0, 48000, 48000, "resample: 0 channels: must be 1 to 8"},
		{"too many channels", 9, 48000, 48000, "resample: 9 channels: must be 1 to 8"},
		{"a foreign input rate", 2, 32000, 48000, "resample: rate 32000 Hz: not one of [44100 48000 88200 96000]"},
		{"a foreign output rate", 2, 48000, 192000, "resample: rate 192000 Hz: not one of [44100 48000 88200 96000]"},
	} {
		if _, err := resample.New(c.channels, c.in, c.out); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

func TestTheDelayIsBelowTwoMilliseconds(t *testing.T) {
	for _, p := range pairs() {
		if ms := newResampler(t, 1, p).Delay() / float64(p.in) * 1e3; ms <= 0 || ms > 2 {
			t.Errorf("%v: %.2f ms", p, ms)
		}
	}
}

// Status asks for the delay from any goroutine, while the ratio moves.
func TestTheDelayIsConstant(t *testing.T) {
	for _, p := range pairs() {
		r, out := newResampler(t, 1, p), block(1, 48)
		want, asked := r.Delay(), make(chan float64, 1)
		go func() { asked <- r.Delay() }()
		for range 10 {
			r.SetRatio(2_000_000, 96)
			r.Push(make([]float32, r.Needed(48)))
			r.Process(out)
		}
		if got := <-asked; got != want {
			t.Errorf("%v: %v input frames while the ratio moves, want %v", p, got, want)
		}
		if got := r.Delay(); got != want {
			t.Errorf("%v: %v input frames at 2000 ppm, %v at 0", p, got, want)
		}
	}
}

// The centre of gravity of an impulse lies where At says.
func TestAnImpulseComesOutAfterTheDelay(t *testing.T) {
	for _, p := range pairs() {
		const at, frames = 123, 1200
		r := newResampler(t, 1, p)
		r.SetRatio(1_000_000, 0)
		whole, part := r.At()
		first := float64(whole) + part
		in := make([]float32, r.Needed(frames))
		in[at] = 1
		r.Push(in)
		out := block(1, frames)
		r.Process(out)
		var sum, moment float64
		for n, v := range out[0] {
			sum += v
			moment += v * (first + float64(n)*p.step(1_000_000))
		}
		if got := moment / sum; math.Abs(got-at) > 1e-6 {
			t.Errorf("%v: the impulse of frame %d lies at %v", p, at, got)
		}
		if got := sum * p.step(1_000_000); math.Abs(got-1) > 1e-6 {
			t.Errorf("%v: the impulse has an area of %v", p, got)
		}
	}
}

func TestConstantInputGivesConstantOutput(t *testing.T) {
	for _, p := range pairs() {
		r := newResampler(t, 1, p)
		r.SetRatio(33_333, 0)
		in := make([]float32, r.Needed(settle+500))
		for i := range in {
			in[i] = 0.75
		}
		r.Push(in)
		out := block(1, settle+500)
		r.Process(out)
		for n, v := range out[0][settle:] {
			if math.Abs(v-0.75) > 1e-12 {
				t.Fatalf("%v: frame %d is %v", p, settle+n, v)
			}
		}
	}
}

func TestSilenceBecomesExactZeros(t *testing.T) {
	for _, p := range pairs() {
		r := newResampler(t, 1, p)
		r.SetRatio(33_333, 0)
		before := block(1, 300)
		noise(r, 1, 0, r.Needed(300))
		r.Process(before)
		after := block(1, settle+300)
		r.Push(make([]float32, r.Needed(settle+300)))
		r.Process(after)
		for n, v := range after[0][settle:] {
			if v != 0 {
				t.Fatalf("%v: frame %d is %v", p, settle+n, v)
			}
		}
	}
}

func TestWhatIsNotANumberBecomesZero(t *testing.T) {
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -math.Float32frombits(0x7F800001)}
	for _, p := range pairs() {
		r := newResampler(t, 1, p)
		in := make([]float32, r.Needed(500))
		for i := range in {
			in[i] = bad[i%len(bad)]
		}
		r.Push(in)
		out := block(1, 500)
		r.Process(out)
		for n, v := range out[0] {
			if v != 0 {
				t.Fatalf("%v: frame %d is %v", p, n, v)
			}
		}
	}
}

// The same run in blocks of any size, with ramps in it, is the same to the
// last bit.
func TestBlocksMakeNoDifference(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const frames, ramp = 1500, 250
	for _, p := range pairs() {
		run := func(size func() int) []float64 {
			r, out := newResampler(t, 1, p), block(1, frames)
			var pushed int64
			for at := 0; at < frames; {
				if at%ramp == 0 {
					r.SetRatio(aes67.PPB(at%7-3)*500_000, ramp-30)
				}
				n := min(size(), ramp-at%ramp, frames-at)
				need := r.Needed(n)
				noise(r, 1, pushed, need)
				pushed += int64(need)
				r.Process([][]float64{out[0][at : at+n]})
				at += n
			}
			return out[0]
		}
		want := run(func() int { return ramp })
		for _, size := range []func() int{
			func() int { return 1 },
			func() int { return 48 },
			func() int { return 1 + rng.IntN(100) },
		} {
			for n, v := range run(size) {
				if math.Float64bits(v) != math.Float64bits(want[n]) {
					t.Fatalf("%v: frame %d is %v, want %v", p, n, v, want[n])
				}
			}
		}
	}
}

// A channel is the same whatever its neighbours hold.
func TestChannelsDoNotTouchEachOther(t *testing.T) {
	const frames = 200
	for _, p := range pairs() {
		for channels := 1; channels <= aes67.MaxChannels; channels++ {
			r := newResampler(t, channels, p)
			need := r.Needed(frames)
			noise(r, channels, 0, need)
			out := block(channels, frames)
			r.Process(out)
			for c := range channels {
				alone, want := newResampler(t, 1, p), block(1, frames)
				in := make([]float32, need)
				for n := range in {
					in[n] = source(int64(n), c)
				}
				alone.Push(in)
				alone.Process(want)
				for n, v := range out[c] {
					if v != want[0][n] {
						t.Fatalf("%v: frame %d of channel %d of %d is %v, alone %v", p, n, c, channels, v, want[0][n])
					}
				}
			}
		}
	}
}

func TestResetForgetsTheInputAndKeepsTheRatio(t *testing.T) {
	for _, p := range pairs() {
		r, fresh := newResampler(t, 1, p), newResampler(t, 1, p)
		r.SetRatio(50_000, 0)
		fresh.SetRatio(50_000, 0)
		noise(r, 1, 77, r.Needed(500)+5)
		r.Process(block(1, 500))
		r.Reset()
		if got := r.Position(); got != 0 {
			t.Errorf("%v: Position %v after Reset", p, got)
		}
		got, want := block(1, 300), block(1, 300)
		noise(r, 1, 0, r.Needed(300))
		noise(fresh, 1, 0, fresh.Needed(300))
		r.Process(got)
		fresh.Process(want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: output after Reset differs from a new resampler's", p)
		}
	}
}

func TestTheRatioRampsOverTheGivenFrames(t *testing.T) {
	for _, p := range []pair{{48000, 48000}, {96000, 48000}} {
		r := newResampler(t, 1, p)
		step := func(frames int) aes67.PPB {
			r.Push(make([]float32, r.Needed(frames)))
			r.Process(block(1, frames))
			return r.Ratio()
		}
		r.SetRatio(100_000, 48)
		for _, c := range []struct {
			frames int
			want   aes67.PPB
		}{{0, 0}, {12, 25_000}, {35, 97_916.67}, {1, 100_000}, {100, 100_000}} {
			// The ramp is linear in the reciprocal: a few ppb off at half way.
			if got := step(c.frames); math.Abs(float64(got-c.want)) > 5 {
				t.Errorf("%v: %v ppb after %d more frames, want %v", p, got, c.frames, c.want)
			}
		}
		r.SetRatio(aes67.PPB(math.NaN()), 10)
		if got := step(48); got != 100_000 {
			t.Errorf("%v: NaN changed the ratio to %v ppb", p, got)
		}
	}
}
