package safety

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// way is a stage behind a resampler that does nothing but delay.
type way struct {
	*Stage
	late      int
	line      []float32 // interleaved: what was told and not yet shown
	shown     int
	untouched bool
}

// wayOf returns an open one.
func wayOf(channels int, r aes67.Hz, late int, ceilingDBFS float64) *way {
	w := &way{
		Stage: New(Config{Channels: channels, SinkRate: r, StreamRate: r, Delay: float64(late), CeilingDBFS: ceilingDBFS}),
		late:  late, line: make([]float32, late*channels), shown: -late,
	}
	w.play(constant(channels, int(FadeFrames(r)), 0))
	return w
}

// play puts a block in and gives in its place the one that comes out.
func (w *way) play(block [][]float64) {
	told := make([]float32, 0, len(block)*len(block[0]))
	for i := range block[0] {
		for _, channel := range block {
			told = append(told, float32(channel[i]))
		}
	}
	w.Ahead(told, w.untouched)
	w.line = append(w.line, told...)
	for i := range block[0] {
		for c, channel := range block {
			channel[i] = float64(w.line[i*len(block)+c])
		}
	}
	w.line = w.line[len(told):]
	w.Process(block, Span{float64(w.shown), float64(w.shown + len(block[0]))}, true)
	w.shown += len(block[0])
}

// playMono plays a signal in packets of 48 frames, and its end; what comes out is
// as long and in its place.
func (w *way) playMono(signal []float64) (out []float64) {
	all := append(slices.Clone(signal), make([]float64, w.late)...)
	for part := range slices.Chunk(all, 48) {
		w.play([][]float64{part})
	}
	return all[w.late:]
}

// tone returns a sine.
func tone(r aes67.Hz, hz, amplitude float64, frames int) []float64 {
	x := make([]float64, frames)
	for i := range x {
		x[i] = amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(r))
	}
	return x
}

// delays are the resampler's at equal rates, in frames.
var delays = map[aes67.Hz]int{44100: 78, 48000: 70, 88200: 38, 96000: 38}

// The first waves of a drum are turned down like all others and not flattened:
// what leaves is the burst itself, turned down. Of a tone of 50 Hz the look-ahead
// is but a fifteenth of a wave, so its first quarter is still bent. A gain that
// falls within a sample is 16.0, 18.1, 20.6, 24.3 and 27.1 dB off.
func TestABurstIsTurnedDownAndNotFlattened(t *testing.T) {
	for _, c := range []struct{ hz, least float64 }{{50, 19}, {100, 26}, {200, 37}, {500, 50}, {1000, 50}} {
		burst := make([]float64, rate)
		for i := range rate / 2 { // its peak is 6 dB above the ceiling
			at := float64(i) / rate
			burst[rate/2+i] = 0.2 * math.Exp(-at/0.1) * math.Sin(2*math.Pi*c.hz*at)
		}
		out := wayOf(1, rate, lateBy, -20).playMono(burst)
		burst, out = burst[rate/2:][:rate/50], out[rate/2:][:rate/50]
		var square, product, off float64
		for i, x := range burst {
			square += x * x
			product += x * out[i]
		}
		gain := product / square
		for i, x := range burst {
			off += (out[i] - gain*x) * (out[i] - gain*x)
		}
		if db := 10 * math.Log10(gain*gain*square/off); db < c.least {
			t.Errorf("%v Hz: the burst turned down to %.2f is %.1f dB above what was done to it, want %v", c.hz, gain, db, c.least)
		} else {
			t.Logf("%v Hz: %.1f dB, at %.3f", c.hz, db, gain)
		}
	}
}

// The gain falls by no more than the triangle's top allows, even from 1 to 0, and
// rises by no more than the release is steep; yet it is always enough.
func TestTheLimitersGainNeverSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, r := range aes67.Rates {
		w := wayOf(1, r, delays[r], -20)
		falls := 1 / float64(w.limiter.long)
		rises := 1.5 / float64(w.limiter.release)
		before, least := 1.0, 1.0
		for i := range 100_000 {
			x := 0.01
			if random.IntN(3000) == 0 {
				x = math.Pow(10, 4*random.Float64()-2)
			}
			w.play([][]float64{{x}})
			gain := w.limiter.gainAt(float64(w.shown - 1))
			if d := gain - before; d > rises*1.0001 || d < -falls*1.0001 {
				t.Fatalf("%d Hz, frame %d: the gain went from %v to %v; it may fall by %v and rise by %v", r, i, before, gain, falls, rises)
			}
			if w.limiter.late != 0 {
				t.Fatalf("%d Hz, frame %d: %v was clipped, the gain alone did not suffice", r, i, w.limiter.late)
			}
			before, least = gain, min(least, gain)
		}
		if least > 0.01 {
			t.Errorf("%d Hz: the gain never fell below %v", r, least)
		}
	}
}

// What lies between the samples is kept below the ceiling too, by the gain alone.
func TestTruePeaksStayBelowTheCeiling(t *testing.T) {
	const frames = 4800
	for _, r := range aes67.Rates {
		for _, share := range []float64{1. / 4, 0.24, 0.1, 0.3, 0.37, 0.4} {
			w := wayOf(1, r, delays[r], 0)
			x := make([]float64, frames)
			for i := range x { // at a quarter of the rate samples miss the peaks by 3 dB
				x[i] = 1.2 * math.Sin(2*math.Pi*share*float64(i)+math.Pi/4)
			}
			w.playMono(x)
			gain := w.limiter.gainAt(frames / 2)
			if most := gain * 1.2; most > 1.01 || most < 0.96 {
				t.Errorf("%d Hz, tone at %.0f Hz: a true peak of %.4f, want 1", r, share*float64(r), most)
			}
		}
	}
}

func TestHowTheFramesAreCutIntoBlocksDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	const frames = 20_000
	input := constant(2, frames, 0)
	for i := range frames {
		input[0][i], input[1][i] = random.NormFloat64(), 3*random.NormFloat64()*math.Exp(-float64(i%7000)/500)
	}
	run := func(most int) [][]float64 {
		w := wayOf(2, rate, lateBy, -3)
		out := [][]float64{slices.Clone(input[0]), slices.Clone(input[1])}
		for from := 0; from < frames; {
			to := min(frames, from+1+random.IntN(most))
			w.play([][]float64{out[0][from:to], out[1][from:to]})
			from = to
		}
		return out
	}
	whole, ones := run(MaxBlock), run(1)
	for c := range whole {
		if !slices.Equal(whole[c], ones[c]) {
			t.Errorf("channel %d differs between blocks and single frames", c)
		}
	}
}

func TestTheLimiterSharesItsGainAndGivesItBackSlowly(t *testing.T) {
	w := wayOf(2, rate, lateBy, -6)
	ceiling := math.Pow(10, -6.0/20)
	loud := [][]float64{tone(rate, 1000, 2, lateBy+480), tone(rate, 1000, 0.5, lateBy+480)}
	w.play(loud)
	for i := range loud[0] {
		if left, right := loud[0][i], loud[1][i]; math.Abs(left-4*right) > 1e-6 {
			t.Fatalf("left is %v, right is %v; want 4 times as much: the channels share the gain", left, right)
		}
	}
	if got := slices.Max(loud[0]); got > ceiling || got < 0.98*ceiling {
		t.Errorf("2.0 leaves as %v, the ceiling is %v", got, ceiling)
	}
	w.play(constant(2, lateBy, 0.01))
	quiet := constant(2, 48, 0.01)
	w.play(quiet)
	if first, last := quiet[0][0], quiet[0][47]; first != last {
		t.Errorf("the gain moves within the hold: %v, %v", first, last)
	}
	blocks := 0
	for ; !w.Untouched(); blocks++ {
		if blocks > 1000 {
			t.Fatal("the gain never comes back")
		}
		w.play(constant(2, 48, 0.01))
	}
	if took := time.Duration(blocks+1) * time.Millisecond; took < 150*time.Millisecond || took > 170*time.Millisecond {
		t.Errorf("the gain took %v to come back", took)
	}
}

func TestTheLimiterDoesNotFollowTheWave(t *testing.T) {
	for _, hz := range []float64{50, 100, 997, 10_000} {
		w := wayOf(1, rate, lateBy, 0)
		least, most := 1.0, 0.0
		for part := range slices.Chunk(tone(rate, hz, 2, rate), 48) {
			w.play([][]float64{part})
			if gain := w.limiter.gainAt(float64(w.shown - 1)); w.shown > rate/10 {
				least, most = min(least, gain), max(most, gain)
			}
		}
		if most-least > 0.001 {
			t.Errorf("at %g Hz the gain moves between %v and %v", hz, least, most)
		}
	}
}

// noise24 is noise of 24 bits, uniform up to full scale.
func noise24(random *rand.Rand) float64 { return float64(random.IntN(1<<24-1)-(1<<23-1)) / (1 << 23) }

// Noise whose peaks reach the ceiling, limited while it is resampled, goes out bit
// for bit soon after it is not, and then always.
func TestUntouchedFullScaleNoiseIsNotLimited(t *testing.T) {
	for _, r := range aes67.Rates {
		random := rand.New(rand.NewPCG(6, 6))
		w := wayOf(2, r, delays[r], 0)
		var sent [2][]float64
		for c := range sent {
			sent[c] = make([]float64, delays[r])
		}
		play := func() (same bool) {
			block := constant(2, 48, 0)
			for c, channel := range block {
				for i := range channel {
					channel[i] = noise24(random)
				}
				sent[c] = append(sent[c], channel...)
			}
			w.play(block)
			same = true
			for c, channel := range block {
				same = same && slices.Equal(channel, sent[c][:48])
				sent[c] = sent[c][48:]
			}
			if !same && w.Untouched() {
				t.Fatalf("%d Hz: a block is told to be untouched and is not", r)
			}
			return same && w.Untouched()
		}
		for range 200 {
			play()
		}
		if reduction := w.GainReduction(); reduction < 1 {
			t.Fatalf("%d Hz: resampled, the noise is turned down by %v dB", r, reduction)
		}
		w.untouched = true
		for soon := int(r) / 2; soon > 0; soon -= 48 {
			play()
		}
		for range 5000 {
			if !play() {
				t.Fatalf("%d Hz: half a second later the samples do not go out as they came", r)
			}
		}
		if reduction := w.GainReduction(); reduction != 0 {
			t.Errorf("%d Hz: at the end it tells of %v dB", r, reduction)
		}
	}
}

func TestTheGainReductionIsTold(t *testing.T) {
	w := wayOf(1, rate, lateBy, -20)
	if got := w.GainReduction(); got != 0 || math.Signbit(got) {
		t.Errorf("nothing is limited by %v dB", got)
	}
	w.playMono(tone(rate, 997, 0.2, rate/10))
	if got := w.GainReduction(); math.Abs(got-6.02) > 0.1 {
		t.Errorf("6 dB above the ceiling is limited by %v dB", got)
	}
	w.playMono(make([]float64, 2*rate))
	if got := w.GainReduction(); got != 0 {
		t.Errorf("limited by %v dB two seconds later", got)
	}
}

// A signal that is larger than Ahead was told is clipped at first, and then
// turned down without a step.
func TestWhatIsTooLargeInSpiteOfTheGainTurnsItDown(t *testing.T) {
	s := opened(t, 0)
	shown := 0.0
	block := constant(2, 48, 0)
	for range 20 {
		s.Ahead(make([]float32, 96), false)
		for c := range block {
			copy(block[c], tone(rate, 1000, 1.25, 48))
		}
		s.Process(block, Span{shown - lateBy, shown + 48 - lateBy}, true)
		shown += 48
	}
	if most := slices.Max(block[0]); most < 0.99*aim || most > 1 {
		t.Fatalf("the tone's peak is %v in the end", most)
	}
	for i, want := range tone(rate, 1000, slices.Max(block[0]), 48) {
		if math.Abs(block[0][i]-want) > 1e-3 {
			t.Fatalf("frame %d is %v, want %v: it is bent", i, block[0][i], want)
		}
	}
}

func TestARestartForgetsWhatWasLimited(t *testing.T) {
	w := wayOf(1, rate, lateBy, -20)
	w.playMono(tone(rate, 997, 1, rate/10))
	w.Cut()
	w.Restart()
	w.shown = -lateBy
	for range 10 {
		w.play(constant(1, 48, 0.05))
	}
	if !w.Untouched() {
		t.Error("what was limited before is still held")
	}
}

// aPacket returns what happens for each packet of a signal.
func aPacket(signal func(i int) float64, untouched bool) func() {
	s := New(Config{Channels: 2, SinkRate: rate, StreamRate: rate, Delay: lateBy})
	told, shown := make([]float32, 96), -float64(lateBy)
	block := constant(2, 48, 0)
	for i := range 96 {
		told[i] = float32(signal(i / 2))
	}
	return func() {
		s.Ahead(told, untouched)
		for c := range block {
			for i := range block[c] {
				block[c][i] = float64(told[2*i+c])
			}
		}
		s.Process(block, Span{shown, shown + 48}, true)
		shown += 48
	}
}

// A tone of 1 kHz that the bound alone shows to be low, one that needs its true
// peaks, the same untouched, and one that is limited.
var signals = []struct {
	name      string
	amplitude float64
	untouched bool
}{{"quiet", 0.3, false}, {"loud", 0.9, false}, {"untouched", 0.9, true}, {"limited", 1.5, false}}

func TestAPacketDoesNotAllocate(t *testing.T) {
	for _, c := range signals {
		packet := aPacket(func(i int) float64 { return tone(rate, 1000, c.amplitude, 48)[i] }, c.untouched)
		if n := testing.AllocsPerRun(1000, packet); n != 0 {
			t.Errorf("%s: a packet allocates %v times, want 0", c.name, n)
		}
	}
}

func BenchmarkProcess(b *testing.B) {
	for _, c := range signals {
		b.Run(c.name, func(b *testing.B) {
			packet := aPacket(func(i int) float64 { return tone(rate, 1000, c.amplitude, 48)[i] }, c.untouched)
			for b.Loop() {
				packet()
			}
		})
	}
}

// TestTheCeilingMovesSoftly lowers it under a loud tone and raises it again: the
// level never steps.
func TestTheCeilingMovesSoftly(t *testing.T) {
	w := wayOf(1, rate, lateBy, 0)
	signal := tone(rate, 1000, 0.9, 4*rate)
	const block = 48
	var out []float64
	for i := 0; i < len(signal); i += block {
		switch i {
		case rate:
			w.SetCeiling(-20)
		case 3 * rate:
			w.SetCeiling(-6)
		}
		bound, played := max(w.limiter.ceiling, 0.502), signal[i:i+block]
		w.play([][]float64{played})
		if i < 3*rate {
			bound = w.limiter.ceiling
		}
		for _, y := range played { // the ceiling rises at once
			if math.Abs(y) > bound {
				t.Fatalf("sample %v above the ceiling %v", y, bound)
			}
		}
		out = append(out, played...)
	}
	most := func(from, to int) (m float64) {
		for _, y := range out[from:to] {
			m = max(m, math.Abs(y))
		}
		return m
	}
	if got := most(3*rate-rate/10, 3*rate); got > 0.1 || got < 0.09 {
		t.Errorf("two seconds after -20 dBFS were set the peak is %v, want 0.1", got)
	}
	if got := most(4*rate-rate/10, 4*rate); got > 0.502 || got < 0.45 {
		t.Errorf("a second after -6 dBFS were set the peak is %v, want 0.5", got)
	}
	before := most(rate/2, rate/2+block)
	for i := rate / 2; i+block <= len(out); i += block {
		now := most(i, i+block)
		if step := 20 * math.Log10(now/before); math.Abs(step) > 0.3 {
			t.Fatalf("the level steps by %.2f dB at %v s", step, float64(i)/rate)
		}
		before = now
	}
}

// TestACeilingLoweredInSilenceHoldsFromTheFirstFrame lowers it while nobody asks for
// blocks, as while the streams rest.
func TestACeilingLoweredInSilenceHoldsFromTheFirstFrame(t *testing.T) {
	w := wayOf(1, rate, lateBy, 0)
	w.Cut() // the streams rest
	w.SetCeiling(-40)
	signal := tone(rate, 1000, 0.9, rate)
	for i := 0; i < len(signal); i += 48 {
		block := signal[i : i+48]
		w.play([][]float64{block})
		for _, y := range block {
			if math.Abs(y) > 0.01+1e-9 {
				t.Fatalf("sample %v at frame %d is above -40 dBFS", y, i)
			}
		}
	}
}
