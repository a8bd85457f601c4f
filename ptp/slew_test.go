package ptp_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
)

// slew is a change of the rate of CLOCK_MONOTONIC against RAW, from an instant on.
type slew struct {
	from aes67.MonoTime
	rate aes67.PPB // added to what was before
}

func constant(seconds float64, rate aes67.PPB) slew { return slew{at(seconds), rate} }

// timesyncd is what the kernel's PLL makes of an offset at a poll interval of 32 s
// (kernel/time/ntp.c, second_overflow and ntp_offset_chunk): each second it slews
// an eighth of what is left. It acts at the timer's tick, up to 4 ms late.
func timesyncd(seconds float64, offset time.Duration) (list []slew) {
	r := rand.New(rand.NewPCG(1, 32))
	left, before := float64(offset), aes67.PPB(0)
	for i := range 120 {
		chunk := math.Trunc(left / 8)
		list = append(list, slew{at(seconds + float64(i) + 0.004*r.Float64()), aes67.PPB(chunk) - before})
		left, before = left-chunk, aes67.PPB(chunk)
	}
	return append(list, slew{at(seconds + 120), -before})
}

// slew lets CLOCK_MONOTONIC be slewed, and what the bridge reads of it composed.
// Seconds of the simulation are those of CLOCK_REALTIME, within the tick's 4 ms.
func (n *network) slew(list ...slew) {
	n.mono = func(t aes67.MonoTime) aes67.MonoTime {
		var gained float64
		for _, s := range list {
			gained += float64(max(t-s.from, 0)) * float64(s.rate) * 1e-9
		}
		return t + aes67.MonoTime(gained)
	}
	n.noise = rand.New(rand.NewPCG(7, 7))
	n.composer = port.Composer{Base: &port.TimeBase{}, Kept: &n.clock, Told: &n.told}
}

// reading is one of RAW between two looks at CLOCK_MONOTONIC, as the kernel gives
// it: in 60 to 200 ns, seldom in 100 µs although it is tried thrice.
func (n *network) reading(r *rand.Rand) port.Pair {
	first, second := 30+int64(20*r.ExpFloat64()), 30+int64(20*r.ExpFloat64())
	if r.IntN(2500) == 0 {
		second += 100_000
	}
	before := int64(n.mono(n.now))
	return port.Pair{Before: before, Inner: int64(n.now) + first, After: before + first + second}
}

// compose does what the port does each turn. It returns when to do so again.
func (n *network) compose() (next aes67.MonoTime) {
	base := n.composer.Base
	changed := base.Observe(n.reading(n.noise))
	n.engine.ServeAt(base.Target())
	n.engine.Tick(n.now)
	n.composer.Renew(n.engine.Port() == ptp.PortMaster, changed)
	// The true second: the date goes with CLOCK_MONOTONIC, but the kernel's seconds
	// are what the slews of the test begin with.
	return base.Raw(base.Due(n.mono(boot + (n.now-boot)/second*second)))
}

// slewErrors are by how much what is published is off what the clock ought to
// show, over a time in which CLOCK_MONOTONIC is slewed.
type slewErrors struct {
	renewed float64 // ns, at the moment of publishing, at most
	between float64 // ns, at most at any moment
	kept    float64 // ns, the engine's own, at most
	steps   uint32
	unlock  int // looks at which the clock was not locked
}

func (n *network) watchSlew(from, until float64, truth func(aes67.MonoTime) aes67.PTPTime) (e slewErrors) {
	n.run(at(from))
	r := rand.New(rand.NewPCG(3, 3))
	off := func(now aes67.MonoTime) float64 {
		m, _ := n.told.Load()
		return math.Abs(float64(m.PTPAt(n.mono(now)).Sub(truth(now))))
	}
	for t := from; t < until; t += 0.0005 + 0.001*r.Float64() {
		n.run(at(t))
		kept, _ := n.clock.Load()
		told, _ := n.told.Load()
		e.kept = max(e.kept, math.Abs(float64(kept.PTPAt(n.now).Sub(truth(n.now)))))
		e.between = max(e.between, off(n.now))
		if told.Mono > 0 {
			e.renewed = max(e.renewed, math.Abs(float64(told.PTP.Sub(kept.PTPAt(n.composer.Base.Raw(told.Mono))))))
		}
		e.steps = told.Steps
		if n.status().State != ptp.Locked {
			e.unlock++
		}
	}
	return e
}

// NTP slews this computer as it likes: the clock takes no step and is never lost.
func TestNTPSlewsOfThisComputer(t *testing.T) {
	const ppm = 1000
	for _, test := range []struct {
		name    string
		slews   []slew
		between float64 // ns: what may be gained until it is noticed
	}{
		{"timesyncd, 100 ms at poll 32 s", timesyncd(60, 100*time.Millisecond), 65_000},
		{"timesyncd, 400 ms at boot", timesyncd(60, 400*time.Millisecond), 260_000},
		{"timesyncd, -100 ms", timesyncd(60, -100*time.Millisecond), 65_000},
		{"chrony, 1 s", []slew{constant(60.3, 83_333*ppm), constant(72.3, -83_333*ppm)}, 11e6},
		{"adjtime, 500 ppm", []slew{constant(60.3, 500*ppm), constant(100.3, -500*ppm)}, 65_000},
		{"a lasting correction", []slew{constant(60.3, 3*ppm)}, 2000},
	} {
		t.Run("follower, "+test.name, func(t *testing.T) {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: 1})
			n.slew(test.slews...)
			p := n.add(gmConfig(1, 50*ppm), cable(1), cable(2))
			n.stamp = func(now aes67.MonoTime) aes67.MonoTime { return now }
			e := n.watchSlew(45, 130, p.gm.TimeAt)
			t.Logf("%+v", e)
			if e.steps != 0 || e.unlock != 0 {
				t.Errorf("%d steps, not locked at %d looks", e.steps, e.unlock)
			}
			if e.kept > 2000 || e.between > test.between {
				t.Errorf("the clock is off by %.0f ns, what is published by %.0f; want at most 2000 and %.0f", e.kept, e.between, test.between)
			}
		})
		t.Run("grandmaster, "+test.name, func(t *testing.T) {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster, Seed: 1})
			n.slew(test.slews...)
			n.run(at(50))
			m, _ := n.told.Load()
			if m.Rate != 0 {
				t.Errorf("before: a rate of %v ppb against CLOCK_MONOTONIC, want 0", m.Rate)
			}
			begun, _ := n.clock.Load()
			truth := func(now aes67.MonoTime) aes67.PTPTime { return begun.PTP + aes67.PTPTime(now-begun.Mono) }
			e := n.watchSlew(55, 200, truth)
			t.Logf("%+v", e)
			if e.steps != 0 || e.unlock != 0 {
				t.Errorf("%d steps, not locked at %d looks", e.steps, e.unlock)
			}
			// Within rawEnter our time ticks with CLOCK_MONOTONIC: the foot of a slew drags
			// by less than 50 ppm.
			limit := 200_000 + 3e-6*140e9
			if e.kept > limit || e.between > test.between+limit {
				t.Errorf("served %.0f ns off, published %.0f", e.kept, e.between)
			}
			if m, _ := n.told.Load(); m.Rate != 0 {
				t.Errorf("afterwards: a rate of %v ppb against CLOCK_MONOTONIC, want 0", m.Rate)
			}
		})
	}
}
