package bridge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
)

const guardRate = aes67.Hz(48000)

func newTestGuard() guard { return newGuard(guardRate, guardRate) }

// newLoweredGuard is one whose gain of its own is in force from frame 0 on.
func newLoweredGuard(db float64) *guard {
	g := newTestGuard()
	g.doubt(0)
	g.settle(1, own(db))
	g.next(48, 48, 0, 48)
	return &g
}

// own is a ramp that stays at a gain in dB.
func own(db float64) aes67.Ramp { return aes67.Ramp{FromDB: db} }

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestWithoutADoubtNothingIsTouched(t *testing.T) {
	g := newTestGuard()
	for i := range 100 {
		if from, to := g.next(aes67.Frames(48*i), 48, 0, 48); from != 1 || to != 1 {
			t.Fatalf("block %d: gains %v and %v, want exactly 1", i, from, to)
		}
	}
	block := [][]float64{{0.1, math.Pi}, {-0.3, 1e-12}}
	apply(block, 1, 1)
	if block[0][1] != math.Pi || block[1][1] != 1e-12 {
		t.Errorf("gains of 1 changed a block to %v", block)
	}
}

func TestAGainHasFallenBeforeTheFirstFrameItIsFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		block aes67.Frames
		at    aes67.Frames
	}{
		{"at a block's edge", 48, 480},
		{"within a block", 48, 500},
		{"blocks of 125 us", 6, 403},
		{"blocks of 4 ms", 192, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTestGuard()
			g.doubt(c.at)
			g.settle(1, own(-40))
			last := 1.0
			for until := c.block; until < 2*c.at; until += c.block {
				from, to := g.next(until, c.block, 0, int(c.block))
				if !near(from, last) {
					t.Fatalf("until %d: a step from %v to %v", until, last, from)
				}
				if until <= c.at-g.lead-g.fade-c.block && to != 1 {
					t.Errorf("until %d: the gain is %v already", until, to)
				}
				if until > c.at && (!near(from, 0.01) || !near(to, 0.01)) {
					t.Errorf("until %d: gains %v and %v, want 0.01", until, from, to)
				}
				last = to
			}
		})
	}
}

func TestATimelyAnswerThatAllIsWellIsNotHeard(t *testing.T) {
	g := newTestGuard()
	for i := range aes67.Frames(200) {
		until := 48 * (i + 1)
		if i%10 == 0 { // a slider, 100 steps a second, with 288 frames in the ring
			g.doubt(until + 288)
		}
		if i%10 == 2 { // 2 ms later
			g.settle(g.doubted.Load(), aes67.Ramp{})
		}
		if from, to := g.next(until, 48, 0, 48); from != 1 || to != 1 {
			t.Fatalf("block %d: gains %v and %v, want 1", i, from, to)
		}
	}
}

func TestADoubtThatIsNotSettledIsSilent(t *testing.T) {
	g := newTestGuard()
	g.doubt(480)
	last := 1.0
	for until := aes67.Frames(48); until < 4800; until += 48 {
		from, to := g.next(until, 48, 0, 48)
		if !near(from, last) {
			t.Fatalf("until %d: a step from %v to %v", until, last, from)
		}
		if until > 480 && (from != 0 || to != 0) {
			t.Fatalf("until %d: gains %v and %v of a sound in doubt", until, from, to)
		}
		last = to
	}
	g.settle(1, own(-20))
	for until := aes67.Frames(4800); until < 9600; until += 48 {
		from, to := g.next(until, 48, 0, 48)
		if !near(from, last) || to > 0.1+1e-9 {
			t.Fatalf("until %d: gains %v and %v after %v, want 0.1 at most", until, from, to, last)
		}
		last = to
	}
	if !near(last, 0.1) {
		t.Errorf("the gain is %v long after the answer, want 0.1", last)
	}
}

func TestARampRisesByTheClock(t *testing.T) {
	g := newTestGuard()
	g.doubt(0)
	g.settle(1, aes67.Ramp{At: 0, FromDB: -28, ToDB: 0, Rise: 6})
	var to float64
	for i := range 6000 {
		due := aes67.MonoTime(i) * aes67.MonoTime(time.Millisecond)
		_, to = g.next(aes67.Frames(48*(i+1)), 48, due, 48)
		if want := min(1, math.Pow(10, (-28+6*due.Sub(0).Seconds())/20)); !near(to, want) && i > 10 {
			t.Fatalf("after %d ms: %v, want %v", i, to, want)
		}
	}
	if to != 1 {
		t.Errorf("the ramp ends at %v, want exactly 1", to)
	}
}

// What a gain that rises by itself has risen while nobody heard it is not heard at once.
func TestWhatRoseUnheardIsNotHeardAtOnce(t *testing.T) {
	const ms = aes67.MonoTime(time.Millisecond)
	for name, away := range map[string]func(*guard){
		"rest": func(g *guard) {
			for i := range 5000 {
				g.rest(1008*48, aes67.MonoTime(1000+i)*ms)
			}
		},
		"held up":   func(*guard) {},
		"rest only": func(g *guard) { g.rest(1008*48, 6000*ms) },
	} {
		for _, alone := range []bool{false, true} {
			g := newTestGuard()
			g.doubt(0)
			g.settle(1, aes67.Ramp{FromDB: -40, ToDB: 0, Rise: 6, Alone: alone})
			var before float64
			for i := range 1000 {
				_, before = g.next(aes67.Frames(48*(i+1)), 48, aes67.MonoTime(i)*ms, 48)
			}
			away(&g)
			g.settle(1, aes67.Ramp{At: 6000 * ms, FromDB: -4, ToDB: 0, Alone: alone}) // nobody hears it
			for i := 6000; i < 8000; i++ {
				_, to := g.next(aes67.Frames(48*(i-4900)), 48, aes67.MonoTime(i)*ms, 48)
				if rise := 20 * math.Log10(to/before); rise > guardReturn*0.001+1e-9 {
					t.Fatalf("%s, alone %v: %.2f dB in 1 ms after %d ms", name, alone, rise, i-6000)
				}
				before = to
			}
			if want := math.Pow(10, -4.0/20); !near(before, want) {
				t.Errorf("%s, alone %v: %v in the end, want %v", name, alone, before, want)
			}
		}
	}
}

func TestAGainThatIsNotNeededAnyMoreComesBackSlowly(t *testing.T) {
	g := newLoweredGuard(-40)
	g.doubt(96)
	g.settle(2, aes67.Ramp{})
	before, blocks := 0.01, 0
	for until := aes67.Frames(96); ; until += 48 {
		_, to := g.next(until, 48, 0, 48)
		if rise := 20 * math.Log10(to/before); rise > guardReturn*0.001+1e-9 {
			t.Fatalf("%v dB in 1 ms", rise)
		}
		before = to
		if blocks++; to == 1 {
			break
		}
		if blocks > 1100 {
			t.Fatalf("still at %v after 1.1 s", to)
		}
	}
}

// More than can be kept count of is in doubt, and one answer to all ends it.
func TestTooManyDoubtsAreSilent(t *testing.T) {
	g := newTestGuard()
	for range 3 * guardDepth {
		g.doubt(100_000)
	}
	for until := aes67.Frames(48); until < 480; until += 48 {
		if from, to := g.next(until, 48, 0, 48); from != 0 || to != 0 {
			t.Fatalf("gains %v and %v", from, to)
		}
	}
	g.settle(g.doubted.Load(), aes67.Ramp{})
	var to float64
	for until := aes67.Frames(480); until < 4800; until += 48 {
		_, to = g.next(until, 48, 0, 48)
	}
	if to != 1 {
		t.Errorf("gain %v after all doubts were settled", to)
	}
}

// While nobody sends, answers pile up: the newest counts then, at once.
func TestTheNewestAnswerCountsAfterAPause(t *testing.T) {
	g := newTestGuard()
	for i := range 5 * guardDepth {
		g.doubt(aes67.Frames(i))
		g.settle(g.doubted.Load(), aes67.Ramp{}) // as loud as it comes
	}
	g.doubt(400)
	g.settle(g.doubted.Load(), own(-40))
	for until := aes67.Frames(1000); until < 3000; until += 48 {
		if from, to := g.next(until, 48, 0, 48); max(from, to) > 0.0101 {
			t.Fatalf("gains %v to %v at %d, the newest answer was 0.01", from, to, until)
		}
	}
	if _, to := g.next(3000, 48, 0, 48); !near(to, 0.01) {
		t.Errorf("a gain of %v in the end, want 0.01", to)
	}
}

// TestNothingIsLouderThanSettled plays a server that changes its volume at
// random frames, tells so before, and a control context that answers at random
// delays; what a frame is allowed to be is known for each.
func TestNothingIsLouderThanSettled(t *testing.T) {
	plainOnly(t)
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 9))
		g := newTestGuard()
		block := []aes67.Frames{6, 16, 48, 192}[random.IntN(4)]
		type told struct {
			number uint64
			ramp   aes67.Ramp
			at     aes67.Frames // answered once this many frames were written
		}
		var (
			written, until aes67.Frames
			ramps          = []aes67.Ramp{{}}
			segment        []int // of each frame: the ramp that it is to be heard at
			waiting        []told
		)
		for step := range 4000 {
			if step < 3000 && random.IntN(20) == 0 {
				ramp := aes67.Ramp{At: aes67.MonoTime(step) * 1e6, FromDB: -60 * random.Float64(), Rise: float64(random.IntN(3)) * 6}
				ramps = append(ramps, ramp)
				g.doubt(written)
				waiting = append(waiting, told{g.doubted.Load(), ramp, written + aes67.Frames(random.IntN(1500))})
			}
			for range random.IntN(3) * 128 {
				segment = append(segment, len(ramps)-1)
				written++
			}
			for len(waiting) > 0 && (waiting[0].at <= written || step > 3000) {
				g.settle(waiting[0].number, waiting[0].ramp)
				waiting = waiting[1:]
			}
			for written-until > 300+aes67.Frames(random.IntN(600)) {
				until += block
				due := aes67.MonoTime(step) * 1e6
				from, to := g.next(until, block, due, int(block))
				for _, s := range segment[until-block : until] {
					if most := ramps[s].Gain(due); max(from, to) > most*(1+1e-9) {
						t.Fatalf("seed %d: gains %v to %v in frames up to %d, %v is allowed", seed, from, to, until, most)
					}
				}
			}
		}
	}
}

func TestGuardDoesNotAllocate(t *testing.T) {
	g := newTestGuard()
	until := aes67.Frames(0)
	block := [][]float64{make([]float64, 48), make([]float64, 48)}
	if n := testing.AllocsPerRun(1000, func() {
		g.doubt(until + 300)
		g.settle(g.doubted.Load(), aes67.Ramp{FromDB: -20, Rise: 6})
		until += 48
		from, to := g.next(until, 48, aes67.MonoTime(until), 48)
		apply(block, from, to)
	}); n != 0 {
		t.Fatalf("a block allocates %v times, want 0", n)
	}
}

// TestContextsShareAGuard lets capture, control and sender work at once.
func TestContextsShareAGuard(t *testing.T) {
	g := newTestGuard()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			g.doubt(aes67.Frames(i * 48))
		}
	}()
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		for t.Context().Err() == nil {
			n := g.doubted.Load()
			if g.settle(n, own(-6)); n == 2000 {
				return
			}
		}
	}()
	until := aes67.Frames(0)
	for running := true; running; until += 48 {
		select {
		case <-settled:
			running = false
		default:
		}
		g.next(until, 48, 0, 48)
	}
	<-done
	var to float64
	for range 2000 {
		until += 48
		_, to = g.next(max(until, 100_000), 48, 0, 48)
	}
	if want := math.Pow(10, -6.0/20); !near(to, want) {
		t.Errorf("the gain is %v in the end, want %v", to, want)
	}
}

// A server that was held up tells that its volume has fallen before it delivers what
// it made at the old one: the gain waits for that, and for no more than the most that
// servers hold back.
func TestAGainDoesNotRiseForWhatWasMadeBefore(t *testing.T) {
	for _, c := range []struct {
		name        string
		made, rises aes67.Frames
	}{
		{"in time", 9600 + 200, 9600 + 200},
		{"held up by 50 ms", 9600 + 2400, 9600 + 2400},
		{"lost time", 9600 + 96000, 9600 + 12000},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTestGuard()
			g.doubt(4800)
			g.settle(1, own(-10))
			least := math.Pow(10, -10.0/20)
			told, rose := false, aes67.Frames(0)
			var to float64
			for until := aes67.Frames(48); until < 60_000; until += 48 {
				if until >= 9600-300 && !told {
					g.made, told = c.made, true
					g.doubt(9600)
					g.settle(2, aes67.Ramp{})
				}
				_, to = g.next(until, 48, 0, 48)
				if rose == 0 && told && to > least*1.0001 {
					rose = until
				}
			}
			if rose <= c.rises || rose > c.rises+96 || to != 1 {
				t.Errorf("rises at frame %d to %v in the end, want at %d and 1", rose, to, c.rises)
			}
		})
	}
}

// A volume that rose and fell again may be answered when it has fallen: between the
// two doubts the gain stays where it is.
func TestAGainDoesNotRiseBeforeTheLastDoubtThatIsAnswered(t *testing.T) {
	g := newLoweredGuard(-10)
	g.doubt(480)
	g.doubt(2400)
	g.settle(3, aes67.Ramp{})
	least := math.Pow(10, -10.0/20)
	for until := aes67.Frames(96); until < 4800; until += 48 {
		if _, to := g.next(until, 48, 0, 48); near(to, least) != (until <= 2400) {
			t.Fatalf("gain %v at frame %d, want one that rises behind frame 2400", to, until)
		}
	}
}

// Where the gain is ours alone, or the server's sound is as it was, a fall is no step:
// nothing is louder than it was.
func TestAGainOfOursFallsWithoutAStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		doubt bool
		ramp  aes67.Ramp
		least float64
	}{
		{"the server leaves the samples as they are", true, aes67.Ramp{FromDB: aes67.SilenceDB, Alone: true}, 0},
		{"less is allowed than before", false, aes67.Ramp{FromDB: -20, ToDB: -20}, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newTestGuard()
			g.next(48, 48, 0, 48)
			if c.doubt {
				g.doubt(96)
			}
			g.settle(g.doubted.Load(), c.ramp)
			last, blocks := 1.0, 0
			for until := aes67.Frames(96); last > c.least+1e-6; until += 48 {
				from, to := g.next(until, 48, 0, 48)
				if !near(from, last) || to >= from || from-to > 0.5+1e-9 {
					t.Fatalf("from %v to %v after %v, want a fade of %v", from, to, last, guardFade)
				}
				if blocks++; blocks > 3 {
					t.Fatal("not there after 3 ms")
				}
				last = to
			}
		})
	}
}

// What a doubt's late answer says is in force at once, also beside a fade of our own.
func TestALateAnswerIsInForceAtOnceBesideAFade(t *testing.T) {
	g := newTestGuard()
	g.next(48, 48, 0, 48)
	g.settle(0, aes67.Ramp{FromDB: -6, ToDB: -6})
	g.next(96, 48, 0, 48)
	g.doubt(60) // of what has been sent
	g.settle(1, aes67.Ramp{FromDB: -40, ToDB: -40})
	if from, to := g.next(144, 48, 0, 48); from > 0.011 || to > 0.011 {
		t.Errorf("from %v to %v, want 0.01", from, to)
	}
}

// The answers that queue and the one that found no room keep their order.
func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	g := newTestGuard()
	g.settle(0, own(0))
	g.settle(0, own(-40))
	g.next(48, 48, 0, 48)
	g.newest.Store(&answer{number: 1, ramp: own(0)}) // it was under way meanwhile
	for until := aes67.Frames(96); until < 96_000; until += 48 {
		if _, to := g.next(until, 48, 0, 48); !near(to, 0.01) {
			t.Fatalf("gain %v at frame %d, want that of the newest answer", to, until)
		}
	}
}

// After a long silence a sound is at its volume at once.
func TestAGainOfLongAgoDoesNotComeBackSlowly(t *testing.T) {
	const ms = aes67.MonoTime(time.Millisecond)
	for _, c := range []struct {
		name string
		rest int // ms
		want float64
	}{{"long", 400, 1}, {"short", 100, 0.01}} {
		g := newLoweredGuard(-40)
		g.doubt(48)
		g.settle(2, aes67.Ramp{})
		for i := range c.rest {
			g.rest(96, aes67.MonoTime(i)*ms)
		}
		if from, _ := g.next(144, 48, aes67.MonoTime(c.rest)*ms, 48); !near(from, c.want) {
			t.Errorf("%s: the sound begins at %v, want %v", c.name, from, c.want)
		}
	}
}

// A sound after a rest begins with the balance that was settled meanwhile.
func TestABalanceOfARestIsThereWhenTheSoundBegins(t *testing.T) {
	g := newTestGuard()
	g.balance = newBalance(2, guardRate)
	alone := func(db float64, balance ...float64) {
		g.settle(0, aes67.Ramp{FromDB: db, ToDB: db, Alone: true}, balance...)
	}
	alone(-40)
	g.rest(0, 0)
	alone(0, 1, 0.01)
	for i := range 400 {
		g.rest(0, aes67.MonoTime(i)*aes67.MonoTime(time.Millisecond))
	}
	from, to := g.next(48, 48, aes67.MonoTime(time.Second), 48)
	block := [][]float64{make([]float64, 48), make([]float64, 48)}
	for i := range 48 {
		block[0][i], block[1][i] = 1, 1
	}
	apply(block, from, to)
	g.balance.apply(block)
	for i := range 48 {
		if !near(block[0][i], 1) || !near(block[1][i], 0.01) {
			t.Fatalf("sample %d: %v and %v, want 1 and 0.01", i, block[0][i], block[1][i])
		}
	}
}
