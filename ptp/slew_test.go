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
	from aes67.RawTime
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

// slew lets CLOCK_MONOTONIC be slewed. Seconds of the simulation are those of
// CLOCK_REALTIME, within the tick's 4 ms.
func (n *network) slew(list ...slew) {
	n.mono = func(t aes67.RawTime) aes67.MonoTime {
		var gained float64
		for _, s := range list {
			gained += float64(max(t-s.from, 0)) * float64(s.rate) * 1e-9
		}
		return aes67.MonoTime(t) + aes67.MonoTime(gained)
	}
	n.noise = rand.New(rand.NewPCG(7, 7))
	n.tether = port.Tether{Base: &port.TimeBase{}, Clock: &n.clock}
	// The kernel stamps by CLOCK_MONOTONIC; we wake up a moment later and read the clocks.
	n.stamp = func(at aes67.RawTime) aes67.RawTime {
		n.observe(max(n.now, at.Add(20*time.Microsecond+time.Duration(n.noise.Int64N(100_000)))))
		return n.tether.Base.Raw(n.mono(at))
	}
}

// observe takes a reading of RAW between two looks at CLOCK_MONOTONIC, as the kernel
// gives it: in 60 to 200 ns, seldom in 100 µs although it is tried thrice.
func (n *network) observe(at aes67.RawTime) {
	first, second := 30+int64(20*n.noise.ExpFloat64()), 30+int64(20*n.noise.ExpFloat64())
	if n.noise.IntN(2500) == 0 {
		second += 100_000
	}
	before := int64(n.mono(at))
	n.slewed = n.tether.Base.Observe(port.Pair{Before: before, Inner: int64(at) + first, After: before + first + second}) || n.slewed
}

// look does what the port does each turn. It returns when to do so again.
func (n *network) look() (next aes67.RawTime) {
	n.observe(n.now)
	n.engine.ServeAt(n.tether.Base.Target())
	n.engine.Tick(n.now)
	n.tether.Renew(n.engine.Port() == ptp.PortMaster, n.slewed)
	n.slewed = false
	// The true second: the date goes with CLOCK_MONOTONIC, but the kernel's seconds
	// are what the slews of the test begin with.
	due := n.tether.Base.Due(n.mono(boot + (n.now-boot)/second*second))
	return max(due, n.now.Add(time.Millisecond))
}

// slewErrors are by how much the clock is off what it ought to show, over a time in
// which CLOCK_MONOTONIC is slewed.
type slewErrors struct {
	off    float64 // ns, at most
	sound  float64 // ns, by what the rate told against CLOCK_MONOTONIC is off in sum
	steps  uint32
	unlock int // looks at which the clock was not locked
	untied int // looks at which it did not tick with CLOCK_MONOTONIC
}

func (n *network) watchSlew(from, until float64, truth func(aes67.RawTime) aes67.PTPTime) (e slewErrors) {
	n.run(at(from))
	r := rand.New(rand.NewPCG(3, 3))
	gained := func() float64 { return float64(int64(truth(n.now)) - int64(n.mono(n.now))) }
	before, mono, sum := gained(), n.mono(n.now), 0.0
	for t := from; t < until; t += 0.0005 + 0.001*r.Float64() {
		n.run(at(t))
		m, _ := n.clock.Load()
		sum += float64(n.mono(n.now)-mono)*float64(m.Sound())*1e-9 - (gained() - before)
		before, mono = gained(), n.mono(n.now)
		e.sound = max(e.sound, math.Abs(sum))
		e.off = max(e.off, math.Abs(float64(m.PTPAt(n.now).Sub(truth(n.now)))))
		e.steps = m.Steps
		if n.status().State != ptp.Locked {
			e.unlock++
		}
		if !m.Tied {
			e.untied++
		}
	}
	return e
}

// NTP slews this computer as it likes: the clock takes no step, is never lost, and
// stays within 2 µs. The sound server is followed a moment later.
func TestNTPSlewsOfThisComputer(t *testing.T) {
	const ppm = 1000
	for _, test := range []struct {
		name  string
		slews []slew
		sound float64 // ns: what may be gained until it is noticed
	}{
		{"timesyncd, 100 ms at poll 32 s", timesyncd(60, 100*time.Millisecond), 300_000},
		{"timesyncd, 400 ms at boot", timesyncd(60, 400*time.Millisecond), 1_000_000},
		{"timesyncd, -100 ms", timesyncd(60, -100*time.Millisecond), 300_000},
		{"chrony, 1 s", []slew{constant(60.3, 83_333*ppm), constant(72.3, -83_333*ppm)}, 1e6},
		{"chrony, -1 s", []slew{constant(60.3, -83_333*ppm), constant(72.3, 83_333*ppm)}, 1e6},
		{"adjtime, 500 ppm", []slew{constant(60.3, 500*ppm), constant(100.3, -500*ppm)}, 65_000},
		{"a lasting correction", []slew{constant(60.3, 3*ppm)}, 2000},
	} {
		t.Run("follower, "+test.name, func(t *testing.T) {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: 1})
			n.slew(test.slews...)
			p := n.add(gmConfig(1, 50*ppm), cable(1), cable(2))
			e := n.watchSlew(45, 130, p.gm.TimeAt)
			t.Logf("%+v", e)
			if e.steps != 0 || e.unlock != 0 {
				t.Errorf("%d steps, not locked at %d looks", e.steps, e.unlock)
			}
			if e.off > 2000 || e.sound > test.sound {
				t.Errorf("the clock is off by %.0f ns, what the resampler is told by %.0f; want at most 2000 and %.0f", e.off, e.sound, test.sound)
			}
		})
		t.Run("grandmaster, "+test.name, func(t *testing.T) {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster, Seed: 1})
			n.slew(test.slews...)
			n.run(at(50))
			begun, _ := n.clock.Load()
			if !begun.Tied || begun.Sound() != 0 {
				t.Errorf("before: %+v, want it to tick with CLOCK_MONOTONIC", begun)
			}
			truth := func(now aes67.RawTime) aes67.PTPTime { return begun.PTP + aes67.PTPTime(now-begun.Raw) }
			e := n.watchSlew(55, 200, truth)
			t.Logf("%+v", e)
			if e.steps != 0 || e.unlock != 0 {
				t.Errorf("%d steps, not locked at %d looks", e.steps, e.unlock)
			}
			// Within rawEnter our time ticks with CLOCK_MONOTONIC: the foot of a slew drags
			// by less than 50 ppm.
			if limit := 200_000 + 3e-6*140e9; e.off > limit {
				t.Errorf("served %.0f ns off", e.off)
			}
			if m, _ := n.clock.Load(); !m.Tied {
				t.Error("afterwards it does not tick with CLOCK_MONOTONIC")
			}
		})
	}
}

// NTP corrects the frequency of this computer by some ppm at each poll: a grandmaster
// ticks with CLOCK_MONOTONIC all the time, so that samples stay untouched.
func TestAGrandmasterStaysTiedThroughCorrections(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	list := []slew{constant(0, -12_345)}
	for s := 64.0; s < 1200; s += 32 {
		list = append(list, constant(s+r.Float64(), aes67.PPB(12_000*(2*r.Float64()-1))))
	}
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockGrandmaster, Seed: 1})
	n.slew(list...)
	n.run(at(10))
	begun, _ := n.clock.Load()
	monoBegun := n.mono(n.now)
	ptpBegun := begun.PTPAt(n.now)
	e := n.watchSlew(10, 1200, func(t aes67.RawTime) aes67.PTPTime { return ptpBegun.Add(n.mono(t).Sub(monoBegun)) })
	t.Logf("%+v", e)
	if e.untied > 0 || e.sound != 0 || e.steps > 0 {
		t.Errorf("untied at %d looks, %v ns, %d steps; want never", e.untied, e.sound, e.steps)
	}
	if e.off > 2000 {
		t.Errorf("off CLOCK_MONOTONIC by %.0f ns, want at most 2000", e.off)
	}
}
