package safety

import (
	"encoding/binary"
	"math"
	mathrand "math/rand"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"aes67-sink/aes67"
)

const rate = 48000

// constant returns a block of channels that all hold x.
func constant(channels, frames int, x float64) [][]float64 {
	block := make([][]float64, channels)
	for c := range block {
		block[c] = make([]float64, frames)
		for i := range block[c] {
			block[c][i] = x
		}
	}
	return block
}

// opened returns a stage that is fully open.
func opened(t testing.TB, ceilingDBFS float64) *Stage {
	t.Helper()
	s := New(2, rate, ceilingDBFS)
	s.Process(constant(2, int(FadeFrames(rate)), 0), true)
	if s.position != len(s.fade)-1 {
		t.Fatalf("the stage is not open after %d frames", FadeFrames(rate))
	}
	return s
}

func TestFadeLastsAtLeastFiveMilliseconds(t *testing.T) {
	for _, r := range aes67.Rates {
		if got := FadeFrames(r).Duration(r); got < 5*time.Millisecond {
			t.Errorf("a fade at %d Hz lasts %v", r, got)
		}
	}
}

func TestClosedIsExactZeros(t *testing.T) {
	s := New(2, rate, 0)
	for _, x := range []float64{1, -1, 1e30, math.NaN(), math.Inf(1)} {
		block := constant(2, 480, x)
		if !s.Process(block, false) {
			t.Fatal("a closed stage is not silent")
		}
		for _, channel := range block {
			for _, y := range channel {
				if y != 0 {
					t.Fatalf("%v leaves a closed stage when %v comes in", y, x)
				}
			}
		}
	}
}

func TestAfterACutSoundBeginsAtZero(t *testing.T) {
	s := opened(t, 0)
	s.Cut()
	block := constant(2, 48, 1)
	s.Process(block, true)
	if first, most := block[0][0], math.Pi/2/float64(FadeFrames(rate)); first > most {
		t.Errorf("the first sample after a cut is %v, want at most %v", first, most)
	}
	s.Cut()
	if !s.Process(constant(2, 1, 1), false) {
		t.Error("a cut stage is not silent")
	}
}

func TestOpenBelowTheCeilingPassesBitForBit(t *testing.T) {
	s := opened(t, 0)
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		block, want := constant(2, 48, 0), constant(2, 48, 0)
		for c := range block {
			for i := range block[c] {
				x := 2*random.Float64() - 1
				block[c][i], want[c][i] = x, x
			}
		}
		s.Process(block, true)
		for c := range block {
			for i := range block[c] {
				if block[c][i] != want[c][i] {
					t.Fatalf("%v became %v", want[c][i], block[c][i])
				}
			}
		}
	}
}

// slope is the largest change of the fade's gain between two frames: that of a
// raised cosine at its middle.
func slope() float64 { return math.Pi / 2 / float64(FadeFrames(rate)) }

func TestOpeningAndClosingAtAnyInstantNeverSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	s := New(2, rate, 0)
	last, open := 0.0, false
	for range 5000 {
		if random.IntN(4) == 0 {
			open = !open
		}
		block := constant(2, 1+random.IntN(96), 1)
		silent := s.Process(block, open)
		for _, y := range block[0] {
			if math.Abs(y-last) > 1.0001*slope() {
				t.Fatalf("a step from %v to %v; a fade's steepest is %v", last, y, slope())
			}
			last = y
		}
		if silent != (last == 0) {
			t.Fatalf("silent is %v and the last sample %v", silent, last)
		}
	}
}

func TestOpenedAgainOnTheWayDownItTurnsRound(t *testing.T) {
	s := opened(t, 0)
	down := constant(1, 100, 1)
	s.Process(down, false)
	up := constant(1, 100, 1)
	s.Process(up, true)
	if got, want := up[0][:99], down[0][:99]; !slices.Equal(got, reversed(want)) {
		t.Errorf("up again from %v: not the way it came", down[0][99])
	}
	if up[0][99] != 1 {
		t.Errorf("after as many frames up as down the gain is %v, want 1", up[0][99])
	}
}

func reversed(values []float64) []float64 {
	values = slices.Clone(values)
	slices.Reverse(values)
	return values
}

func TestFullScaleIntoAClosedStageOpensSoftly(t *testing.T) {
	for _, r := range aes67.Rates {
		s := New(1, r, 0)
		s.Process(constant(1, 4800, 1e6), false)
		block := constant(1, int(FadeFrames(r)), 1)
		s.Process(block, true)
		for i, y := range block[0] {
			if want := 0.5 - 0.5*math.Cos(math.Pi*float64(i+1)/float64(len(block[0]))); math.Abs(y-want) > 1e-12 {
				t.Fatalf("%d Hz, frame %d: %v, want %v", r, i, y, want)
			}
		}
	}
}

func TestHowTheFramesAreCutIntoBlocksDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	const frames = 20_000
	input := constant(2, frames, 0)
	toggles := map[int]bool{}
	for i := range frames {
		input[0][i], input[1][i] = 3*random.NormFloat64(), random.NormFloat64()
		toggles[i] = random.IntN(700) == 0
	}
	run := func(most int) [][]float64 {
		s := New(2, rate, -3)
		out := [][]float64{slices.Clone(input[0]), slices.Clone(input[1])}
		open := true
		for from := 0; from < frames; {
			to := from + 1 // a block ends where open changes
			for to < frames && to-from < most && !toggles[to] {
				to++
			}
			s.Process([][]float64{out[0][from:to], out[1][from:to]}, open)
			if from = to; toggles[from] {
				open = !open
			}
		}
		return out
	}
	whole, ones := run(frames), run(1)
	for c := range whole {
		if !slices.Equal(whole[c], ones[c]) {
			t.Errorf("channel %d differs between one block and many", c)
		}
	}
}

func TestAFadeArrivesAtExactZeroAndSaysSo(t *testing.T) {
	s := opened(t, 0)
	frames := int(FadeFrames(rate))
	if s.Process(constant(2, frames-1, 1), false) {
		t.Error("silent one frame before the fade's end")
	}
	if !s.Process(constant(2, 1, 1), false) {
		t.Error("not silent at the fade's end")
	}
}

func TestTheLimiterSharesItsGainAndGivesItBackSlowly(t *testing.T) {
	s := opened(t, -6)
	ceiling := math.Pow(10, -6.0/20)
	loud := constant(2, 48, 0)
	for i := range loud[0] {
		loud[0][i], loud[1][i] = 2, 0.5
	}
	s.Process(loud, true)
	if got := loud[0][0]; math.Abs(got-ceiling) > 1e-12 {
		t.Errorf("2.0 leaves as %v, the ceiling is %v", got, ceiling)
	}
	if ratio := loud[0][47] / loud[1][47]; math.Abs(ratio-4) > 1e-9 {
		t.Errorf("left over right is %v, want 4: the channels share the gain", ratio)
	}
	quiet := constant(2, 48, 0.01)
	s.Process(quiet, true)
	if first, last := quiet[0][0], quiet[0][47]; first != last {
		t.Errorf("the gain moves within the hold: %v, %v", first, last)
	}
	blocks := 0
	for ; s.limiter.gain < 1; blocks++ {
		if blocks > 1000 {
			t.Fatal("the gain never comes back")
		}
		s.Process(constant(2, 48, 0.01), true)
	}
	if took := time.Duration(blocks+1) * time.Millisecond; took < 150*time.Millisecond || took > 170*time.Millisecond {
		t.Errorf("the gain took %v to come back", took)
	}
	back := constant(2, 1, 0.25)
	s.Process(back, true)
	if back[0][0] != 0.25 {
		t.Errorf("0.25 leaves as %v after the release", back[0][0])
	}
}

func TestTheLimiterDoesNotFollowTheWave(t *testing.T) {
	for _, hz := range []float64{50, 100, 997, 10_000} {
		s := opened(t, 0)
		least, most := 1.0, 0.0
		for i := range rate {
			x := 2 * math.Sin(2*math.Pi*hz*float64(i)/rate)
			s.Process([][]float64{{x}, {x}}, true)
			if i > rate/10 {
				least, most = min(least, s.limiter.gain), max(most, s.limiter.gain)
			}
		}
		if most-least > 0.001 {
			t.Errorf("at %g Hz the gain moves between %v and %v", hz, least, most)
		}
	}
}

func TestTheLimitersGainRisesSlowly(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, r := range aes67.Rates {
		s := New(1, r, -20)
		steepest := 1.5 / float64(aes67.FramesIn(releaseTime, r))
		before := 1.0
		for i := range 100_000 {
			x := 0.01
			if random.IntN(3000) == 0 {
				x = math.Pow(10, 4*random.Float64()-2)
			}
			s.Process([][]float64{{x}}, true)
			if rise := s.limiter.gain - before; rise > steepest*1.0001 {
				t.Fatalf("%d Hz, frame %d: the gain rose by %v, must be %v at most", r, i, rise, steepest)
			}
			before = s.limiter.gain
		}
	}
}

func TestPeakMayBeReadWhileTheStageWorks(t *testing.T) {
	s := New(2, rate, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			s.Process(constant(2, 48, 0.5), true)
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if p := s.Peak(0); !(p >= 0 && p <= 0.5) {
			t.Fatalf("Peak = %v of a signal at 0.5", p)
		}
	}
	if p := s.Peak(1); p != 0.5 {
		t.Errorf("Peak = %v at the end, want 0.5", p)
	}
}

func TestPeakTellsTheLastSecond(t *testing.T) {
	s := opened(t, 0)
	s.Process(constant(2, 48, -0.5), true)
	if got := s.Peak(1); got != 0.5 {
		t.Errorf("Peak = %v right after a block at -0.5", got)
	}
	s.Process(constant(2, 1200*48, 0), true) // one window ends here
	s.Process(constant(2, 1200*48, 0), true)
	s.Process(constant(2, 48, 0), true)
	if got := s.Peak(1); got != 0 {
		t.Errorf("Peak = %v two windows later", got)
	}
}

// check tells what of a block may not reach the wire.
func check(t *testing.T, s *Stage, block [][]float64) {
	t.Helper()
	for _, channel := range block {
		for _, y := range channel {
			if !(math.Abs(y) <= s.limiter.ceiling) {
				t.Fatalf("%v leaves the stage; the ceiling is %v", y, s.limiter.ceiling)
			}
		}
	}
}

func TestNothingPassesTheCeiling(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, 1, -1, 0}
	for range 200 {
		s := New(2, aes67.Rates[random.IntN(len(aes67.Rates))], -60*random.Float64())
		for range 20 {
			block := constant(2, 1+random.IntN(200), 0)
			for _, channel := range block {
				for i := range channel {
					if channel[i] = odd[random.IntN(len(odd))]; random.IntN(3) > 0 {
						channel[i] = (2*random.Float64() - 1) * math.Pow(10, 4*random.Float64()-2)
					}
				}
			}
			s.Process(block, random.IntN(8) > 0)
			check(t, s, block)
		}
	}
}

// TestAnyBitsStayBelowTheCeiling feeds arbitrary float64 bit patterns.
func TestAnyBitsStayBelowTheCeiling(t *testing.T) {
	property := func(left, right []uint64, below uint8, open []bool) bool {
		s := New(2, rate, -float64(below)/4)
		n := min(len(left), len(right))
		for _, o := range append(open, true) {
			block := constant(2, n, 0)
			for i := range n {
				block[0][i], block[1][i] = math.Float64frombits(left[i]), math.Float64frombits(right[i])
			}
			silent := s.Process(block, o)
			check(t, s, block)
			if silent != (s.position == 0) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 500, Rand: mathrand.New(mathrand.NewSource(1))}); err != nil {
		t.Error(err)
	}
}

func FuzzStage(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F}, 0.0, true)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xF0, 0xFF}, -20.0, false)
	f.Fuzz(func(t *testing.T, raw []byte, ceiling float64, open bool) {
		if !(ceiling <= 0 && ceiling >= -200) || len(raw) < 16 {
			return
		}
		s := opened(t, ceiling)
		n := len(raw) / 16
		block := constant(2, n, 0)
		for i := range n {
			block[0][i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i:]))
			block[1][i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[16*i+8:]))
		}
		s.Process(block, open)
		check(t, s, block)
	})
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := New(2, rate, 0)
	block := constant(2, 48, 0.5)
	if n := testing.AllocsPerRun(1000, func() { s.Process(block, true) }); n != 0 {
		t.Fatalf("Process allocates %v times, want 0", n)
	}
}

func BenchmarkProcess(b *testing.B) {
	s := New(2, rate, 0)
	block := constant(2, 48, 0.5)
	for b.Loop() {
		s.Process(block, true)
	}
}
