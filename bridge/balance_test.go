package bridge

import (
	"math"
	"testing"

	"aes67-sink/aes67"
)

// TestAGainOfNothingRisesAgain: at once where it is ours alone, and also where the sound
// server has the volume from then on.
func TestAGainOfNothingRisesAgain(t *testing.T) {
	const silence = aes67.SilenceDB
	for _, c := range []struct {
		alone  bool
		within aes67.Frames
	}{{true, 6 * 48}, {false, 3 * 48000}} {
		g := newGuard(48000, 48000)
		g.settle(0, aes67.Ramp{FromDB: silence, ToDB: silence, Alone: true})
		var at aes67.Frames
		step := func() (to float64) {
			at += 48
			_, to = g.next(at, 48, aes67.MonoTime(at)*1e9/48000, 48)
			return to
		}
		step()
		step()
		if to := step(); to != 0 {
			t.Fatalf("silence is a gain of %v after 3 ms", to)
		}
		number := g.settle(0, aes67.Ramp{Alone: c.alone})
		if g.inForce.Load() >= number {
			t.Error("in force before it was taken")
		}
		g.doubt(at + 4800) // the frames of 100 ms are before it
		number = g.settle(1, aes67.Ramp{Alone: c.alone})
		begun, to := at, 0.0
		for to != 1 && at-begun <= c.within {
			to = step()
		}
		if to != 1 || g.inForce.Load() != number {
			t.Errorf("alone %v: the gain is %v after %d frames, answer %d of %d in force", c.alone, to, at-begun, g.inForce.Load(), number)
		}
	}
}

func TestBalanceGoesSoftlyAndComesBackWhole(t *testing.T) {
	b := newBalance(2, 48000)
	out := [][]float64{make([]float64, 48), make([]float64, 48)}
	block := func() (left, right []float64, untouched bool) {
		for i := range 48 {
			out[0][i], out[1][i] = 0.5, 0.5
		}
		untouched = b.apply(out)
		return out[0], out[1], untouched
	}
	if _, _, untouched := block(); !untouched {
		t.Error("a new balance touches the samples")
	}
	b.set([]float64{1, 0.25})
	last := 0.5
	for range 20 {
		left, right, untouched := block()
		if untouched || left[47] != 0.5 {
			t.Fatalf("untouched %v, the left channel at %v", untouched, left[47])
		}
		for _, x := range right {
			if math.Abs(x-last) > 0.5/b.fade*1.001 {
				t.Fatalf("a step from %v to %v", last, x)
			}
			last = x
		}
	}
	if last != 0.125 {
		t.Errorf("the right channel is at %v, want 0.125", last)
	}
	b.set(nil)
	for range 20 {
		block()
	}
	if _, right, untouched := block(); !untouched || right[0] != 0.5 {
		t.Errorf("untouched %v, the right channel at %v", untouched, right[0])
	}
	b.set([]float64{0.5, 0.5})
	if n := testing.AllocsPerRun(100, func() { b.apply(out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestABalanceIsThatOfItsRamp: whatever pulls fall between, no channel is louder than
// under the louder one of the two laws between which it goes.
func TestABalanceIsThatOfItsRamp(t *testing.T) {
	type law struct {
		db      float64
		balance []float64
	}
	alike, right := law{-40, nil}, law{0, []float64{1, 0.01}}
	for _, c := range []struct {
		from, to law
		end      []float64
	}{{right, alike, []float64{0.01, 0.01}}, {alike, right, []float64{1, 0.01}}} {
		g := newGuard(48000, 48000)
		g.balance = newBalance(2, 48000)
		var at aes67.Frames
		block := [][]float64{make([]float64, 48), make([]float64, 48)}
		pull := func() {
			at += 48
			for i := range 48 {
				block[0][i], block[1][i] = 1, 1
			}
			from, to := g.next(at, 48, aes67.MonoTime(at)*1e9/48000, 48)
			apply(block, from, to)
			g.balance.apply(block)
		}
		settle := func(l law) uint64 {
			return g.settle(0, aes67.Ramp{FromDB: l.db, ToDB: l.db, Alone: true}, l.balance...)
		}
		settle(c.from)
		for range 20 {
			pull()
		}
		number := settle(c.to)
		for n := range 20 {
			pull()
			for _, x := range block[1] {
				if x > 0.01+1e-9 {
					t.Fatalf("block %d after %+v: the right channel, which is at 0.01 before and after, is at %v", n, c.to, x)
				}
			}
			if g.inForce.Load() == number && block[1][0] > 0.01+1e-9 {
				t.Fatalf("in force, and the right channel is at %v", block[1][0])
			}
		}
		for i := range c.end {
			if math.Abs(block[i][47]-c.end[i]) > 1e-9 || g.inForce.Load() != number {
				t.Errorf("channel %d is at %v, want %v; answer %d of %d in force", i, block[i][47], c.end[i], g.inForce.Load(), number)
			}
		}
	}
}
