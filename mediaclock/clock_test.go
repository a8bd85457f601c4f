package mediaclock

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestMapGoesBothWays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		m := Map{
			Raw:  aes67.RawTime(random.Int64N(1e15)),
			PTP:  aes67.PTPTime(random.Int64N(4e18)),
			Rate: aes67.PPB(random.Float64()*1e6 - 5e5),
		}
		at := m.Raw.Add(time.Duration(random.Int64N(2e12) - 1e12))
		if got := m.RawAt(m.PTPAt(at)); math.Abs(float64(got-at)) > 1 {
			t.Fatalf("%+v: RawAt(PTPAt(%d)) = %d", m, at, got)
		}
	}
}

func TestRateIsPTPAgainstMonotonic(t *testing.T) {
	m := Map{Rate: 100_000}
	if got, want := m.PTPAt(aes67.RawTime(time.Second)), aes67.PTPTime(1_000_100_000); got != want {
		t.Errorf("after one second at +100 ppm the clock shows %d, want %d", got, want)
	}
}

func TestAnUnsetClockStaysUnset(t *testing.T) {
	var c Clock
	c.Steer(5, 100)
	if _, ok := c.Load(); ok {
		t.Error("steering an unset clock set it")
	}
}

func TestSteerNeverJumps(t *testing.T) {
	var c Clock
	c.Step(0, 1e18, 0)
	random := rand.New(rand.NewPCG(5, 6))
	at := aes67.RawTime(0)
	for range 10_000 {
		before, _ := c.Load()
		at = at.Add(time.Duration(random.Int64N(2e9)))
		c.Steer(at, aes67.PPB(random.Float64()*1e6-5e5))
		after, _ := c.Load()
		if got := after.PTPAt(at) - before.PTPAt(at); got != 0 {
			t.Fatalf("steering jumped by %d ns", got)
		}
	}
	if m, _ := c.Load(); m.Steps != 0 {
		t.Errorf("steering counted %d steps", m.Steps)
	}
}

func TestEveryStepAfterTheFirstIsCounted(t *testing.T) {
	var c Clock
	for want := range uint32(5) {
		c.Step(aes67.RawTime(want), 77, 0)
		if m, _ := c.Load(); m.Steps != want {
			t.Errorf("Steps = %d, want %d", m.Steps, want)
		}
	}
}

func TestReadersSeeWholeMaps(t *testing.T) {
	var c Clock
	c.Step(0, 0, 0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 20_000 {
				if m, _ := c.Load(); int64(m.Raw) != int64(m.PTP) || m.Rate != aes67.PPB(m.Raw) {
					t.Errorf("torn map %+v", m)
					return
				}
			}
		})
	}
	for i := range int64(20_000) {
		c.Step(aes67.RawTime(i), aes67.PTPTime(i), aes67.PPB(i))
	}
	wg.Wait()
}

func TestLoadDoesNotAllocate(t *testing.T) {
	var c Clock
	c.Step(0, 0, 0)
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.Load() }); n != 0 {
		t.Fatalf("Load allocates %v times, want 0", n)
	}
}

// The oscillator is 12 500 ppm slow against a CLOCK_MONOTONIC that NTP slews: what
// runs 30 ppm fast by the one is as much slower by the other.
func TestRatesAgainstBothClocks(t *testing.T) {
	var c Clock
	c.Tie(Tie{Rate: -12_500_000})
	c.Step(1000, 5000, 30_000)
	m, _ := c.Load()
	want := ((1+30e-6)*(1-12_500e-6) - 1) * 1e9
	if got := float64(m.Sound()); math.Abs(got-want) > 1e-3 {
		t.Errorf("against CLOCK_MONOTONIC %v ppb, want %v", got, want)
	}
	m.Tied = true
	c.Set(m)
	c.Steer(2000, 40_000)
	if m, _ = c.Load(); !m.Tied || m.Sound() != 0 || m.Local.Rate != -12_500_000 {
		t.Errorf("steered while it is tied: %+v", m)
	}
	c.Step(3000, 9000, 0)
	if m, _ = c.Load(); m.Tied || m.Local.Rate != -12_500_000 || m.Steps != 1 {
		t.Errorf("after a step: %+v", m)
	}
}

func TestInstantsByTheOtherClock(t *testing.T) {
	var c Clock
	c.Tie(Tie{Raw: 1_000_000, Mono: 500, Rate: 500_000}) // known before the time is
	c.Step(5, 7, 0)
	m, _ := c.Load()
	for elapsed, want := range map[aes67.RawTime]aes67.MonoTime{0: 500, 1_000_500_000: 1_000_000_500, -1_000_500_000: -999_999_500} {
		if got := m.MonoAt(1_000_000 + elapsed); got != want {
			t.Errorf("after %d ns: %d, want %d", elapsed, got, want)
		}
	}
}
