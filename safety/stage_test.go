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

// lateBy is the delay of a resampler from 48 to 48 kHz, in frames.
const lateBy = 70

// stageOf returns a stage for equal rates.
func stageOf(channels int, r aes67.Hz, ceilingDBFS float64) *Stage {
	return New(Config{Channels: channels, SinkRate: r, StreamRate: r, Delay: lateBy, CeilingDBFS: ceilingDBFS})
}

// opened returns a stage that is fully open.
func opened(t testing.TB, ceilingDBFS float64) *Stage {
	t.Helper()
	s := stageOf(2, rate, ceilingDBFS)
	s.Process(constant(2, int(FadeFrames(rate)), 0), Span{}, true)
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
	s := stageOf(2, rate, 0)
	for _, x := range []float64{1, -1, 1e30, math.NaN(), math.Inf(1)} {
		block := constant(2, 480, x)
		if !s.Process(block, Span{}, false) {
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
	s.Process(block, Span{}, true)
	if first, most := block[0][0], math.Pi/2/float64(FadeFrames(rate)); first > most {
		t.Errorf("the first sample after a cut is %v, want at most %v", first, most)
	}
	s.Cut()
	if !s.Process(constant(2, 1, 1), Span{}, false) {
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
		s.Process(block, Span{}, true)
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
	s := stageOf(2, rate, 0)
	last, open := 0.0, false
	for range 5000 {
		if random.IntN(4) == 0 {
			open = !open
		}
		block := constant(2, 1+random.IntN(96), 1)
		silent := s.Process(block, Span{}, open)
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
	s.Process(down, Span{}, false)
	up := constant(1, 100, 1)
	s.Process(up, Span{}, true)
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
		s := stageOf(1, r, 0)
		s.Process(constant(1, 4800, 1e6), Span{}, false)
		block := constant(1, int(FadeFrames(r)), 1)
		s.Process(block, Span{}, true)
		for i, y := range block[0] {
			if want := 0.5 - 0.5*math.Cos(math.Pi*float64(i+1)/float64(len(block[0]))); math.Abs(y-want) > 1e-12 {
				t.Fatalf("%d Hz, frame %d: %v, want %v", r, i, y, want)
			}
		}
	}
}

func TestAFadeArrivesAtExactZeroAndSaysSo(t *testing.T) {
	s := opened(t, 0)
	frames := int(FadeFrames(rate))
	if s.Process(constant(2, frames-1, 1), Span{}, false) {
		t.Error("silent one frame before the fade's end")
	}
	if !s.Process(constant(2, 1, 1), Span{}, false) {
		t.Error("not silent at the fade's end")
	}
}

func TestPeakMayBeReadWhileTheStageWorks(t *testing.T) {
	s := stageOf(2, rate, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			s.Process(constant(2, 48, 0.5), Span{}, true)
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
	s.Process(constant(2, 48, -0.5), Span{}, true)
	if got := s.Peak(1); got != 0.5 {
		t.Errorf("Peak = %v right after a block at -0.5", got)
	}
	s.Process(constant(2, 1200*48, 0), Span{}, true) // one window ends here
	s.Process(constant(2, 1200*48, 0), Span{}, true)
	s.Process(constant(2, 48, 0), Span{}, true)
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
		s := stageOf(2, aes67.Rates[random.IntN(len(aes67.Rates))], -60*random.Float64())
		for range 20 {
			block := constant(2, 1+random.IntN(200), 0)
			for _, channel := range block {
				for i := range channel {
					if channel[i] = odd[random.IntN(len(odd))]; random.IntN(3) > 0 {
						channel[i] = (2*random.Float64() - 1) * math.Pow(10, 4*random.Float64()-2)
					}
				}
			}
			ahead := make([]float32, 2*random.IntN(300))
			for i := range ahead {
				if ahead[i] = float32(odd[random.IntN(len(odd))]); random.IntN(3) > 0 {
					ahead[i] = 10 * float32(random.NormFloat64())
				}
			}
			if s.Ahead(ahead, random.IntN(2) == 0); random.IntN(20) == 0 {
				s.Restart()
			}
			somewhere := func() float64 { return 300*random.NormFloat64() + odd[random.IntN(len(odd))] }
			s.Process(block, Span{somewhere(), somewhere()}, random.IntN(8) > 0)
			check(t, s, block)
		}
	}
}

// TestAnyBitsStayBelowTheCeiling feeds arbitrary float64 bit patterns.
func TestAnyBitsStayBelowTheCeiling(t *testing.T) {
	property := func(left, right []uint64, below uint8, open []bool) bool {
		s := stageOf(2, rate, -float64(below)/4)
		n := min(len(left), len(right))
		for _, o := range append(open, true) {
			block := constant(2, n, 0)
			for i := range n {
				block[0][i], block[1][i] = math.Float64frombits(left[i]), math.Float64frombits(right[i])
			}
			silent := s.Process(block, Span{}, o)
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
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F}, 0.0, true, 0.0, 2.0)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xF0, 0xFF}, -20.0, false, math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, raw []byte, ceiling float64, open bool, from, to float64) {
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
		ahead := make([]float32, len(raw)/4)
		for i := range ahead {
			ahead[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		s.Ahead(ahead, !open)
		s.Process(block, Span{from, to}, open)
		check(t, s, block)
	})
}

// TestTheBlockPeakIsWhatLeft: through a fade, a limiter and what is no number.
func TestTheBlockPeakIsWhatLeft(t *testing.T) {
	s := stageOf(2, rate, -6)
	for n, x := range []float64{0.4, 0.4, 0.2, 0.9, 0.9, math.NaN(), 0, -0.3, 0.1} {
		block := constant(2, 480, 0)
		for i := range block[1] {
			block[1][i] = x
		}
		s.Process(block, Span{}, n != 7)
		want := 0.0
		for _, channel := range block {
			for _, y := range channel {
				want = max(want, math.Abs(y))
			}
		}
		if got := s.BlockPeak(); got != want {
			t.Errorf("block %d: peak %v, want %v", n, got, want)
		}
	}
}
