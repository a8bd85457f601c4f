package ptp_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// What a follower does when something is missing, and what it says.

// newFollower is a network with a master of the media profile.
func newFollower() (*network, *peer) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	return n, n.add(gmConfig(1, 40_000), cable(1), cable(2))
}

// off is by how much the clock is ahead of a master's, ns.
func (n *network) off(p *peer) float64 {
	m, _ := n.clock.Load()
	return float64(m.PTPAt(n.now).Sub(p.gm.TimeAt(n.now)))
}

// expect fails unless the clock is locked, within limit of the master, and says
// problem; none if that is empty.
func (n *network) expect(t *testing.T, when string, p *peer, limit time.Duration, problem string) ptp.Status {
	t.Helper()
	s := n.status()
	if s.State != ptp.Locked {
		t.Fatalf("%s: %+v, want locked", when, s)
	}
	if off := n.off(p); math.Abs(off) > float64(limit) || math.Abs(off) > s.ErrorBoundNS {
		t.Errorf("%s: %.0f ns off, want within %v and its bound of %.0f ns", when, off, limit, s.ErrorBoundNS)
	}
	if problem == "" && s.Problem != "" || !strings.Contains(s.Problem, problem) {
		t.Errorf("%s: problem %q, want %q", when, s.Problem, problem)
	}
	return s
}

func TestFollowsWithoutTransmitTimestamps(t *testing.T) {
	n, p := newFollower()
	n.mute = true
	n.run(at(10))
	if s := n.expect(t, "without", p, 50*time.Microsecond, "no transmit timestamps"); !s.DelayKnown {
		t.Errorf("%+v, want the delay known from the instants of handing over", s)
	}
	n.mute = false
	n.run(at(30))
	n.expect(t, "they came", p, 50*time.Microsecond, "")
	n.mute = true
	n.run(at(60))
	n.expect(t, "they went", p, 50*time.Microsecond, "no transmit timestamps")
}

// Nor does it hang when there are no timestamps and the answers stop as well.
func TestLocksOneWayWhenAnswersStopThatWereNeverMeasured(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	cfg := gmConfig(1, 40_000)
	cfg.DelayReqLog = 0
	p := n.add(cfg, cable(1), cable(2))
	n.mute = true
	answered := 0
	p.takes = func(*wire.Message) bool { answered++; return answered <= 2 }
	n.run(at(10))
	n.expect(t, "two answers without T3", p, 100*time.Microsecond, "does not answer Delay_Req")
}

func TestALoneAnswerIsAsGoodAsNone(t *testing.T) {
	n, p := newFollower()
	answered := 0
	p.takes = func(*wire.Message) bool { answered++; return answered == 1 }
	n.run(at(12))
	n.expect(t, "one answer", p, 100*time.Microsecond, "does not answer Delay_Req")
	p.takes = nil
	n.run(at(30))
	if s := n.expect(t, "answers", p, time.Microsecond, ""); !s.DelayKnown {
		t.Errorf("%+v, want the delay known", s)
	}
}

func TestAnswersThatAreLostDoNotKeepItFromLocking(t *testing.T) {
	for seed := range uint64(10) {
		n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: seed})
		cfg := gmConfig(1, 40_000)
		cfg.DelayReqLog = 0
		p := n.add(cfg, cable(1), lab.NewLink(seed, 2500*time.Nanosecond, lab.Kernel(), 0.9))
		locked := at(0)
		for s := 0.0; s < 20 && n.status().State != ptp.Locked; s += 0.125 {
			n.run(at(s))
			locked = n.now
		}
		if s := n.status(); s.State != ptp.Locked || locked > at(9) {
			t.Errorf("seed %d: %v after %v, want locked within 9 s", seed, s.State, locked.Sub(boot))
		}
		n.run(at(120))
		if off := n.off(p); math.Abs(off) > 10_000 {
			t.Errorf("seed %d: %.0f ns off", seed, off)
		}
	}
}

func TestSaysWhenTheAnswersStop(t *testing.T) {
	n, p := newFollower()
	n.run(at(30))
	before := n.expect(t, "before", p, 2*time.Microsecond, "")
	p.takes = func(*wire.Message) bool { return false }
	for _, s := range []float64{60, 120, 300} {
		n.run(at(s))
		if now := n.expect(t, "stopped", p, 5*time.Microsecond, "no longer answers Delay_Req"); math.Abs(now.PathDelayNS-before.PathDelayNS) > 2000 {
			t.Errorf("path delay %.0f ns, was %.0f ns", now.PathDelayNS, before.PathDelayNS)
		}
	}
	p.takes = nil
	n.run(at(310))
	n.expect(t, "answers again", p, 2*time.Microsecond, "")
}

func TestAsksByUnicastWhenNobodyAnswers(t *testing.T) {
	n, p := newFollower()
	unicast := true
	p.takes = func(m *wire.Message) bool { return m.Flags.Has(wire.FlagUnicast) == unicast }
	lately := func(to netip.Addr) {
		t.Helper()
		for i := len(n.heard) - 3; i < len(n.heard); i++ {
			if n.to[i] != to || n.heard[i].Flags.Has(wire.FlagUnicast) != to.IsValid() {
				t.Errorf("sends %+v to %v, want to %v", n.heard[i], n.to[i], to)
			}
		}
	}
	n.run(at(10))
	if s := n.expect(t, "a master that answers by unicast only", p, 2*time.Microsecond, ""); !s.DelayKnown {
		t.Errorf("%+v, want the delay known", s)
	}
	lately(p.address)
	unicast = false
	n.run(at(30))
	n.expect(t, "by multicast only", p, 2*time.Microsecond, "")
	lately(netip.Addr{})
	if first := n.heard[0]; first.Flags.Has(wire.FlagUnicast) {
		t.Errorf("the first request is %+v, want multicast", first)
	}
}

func TestAnAnswerWithAnImpossibleTimeIsNone(t *testing.T) {
	for _, c := range []struct {
		name string
		from float64 // s
		time func(aes67.PTPTime) aes67.PTPTime
	}{
		{"0, after it was locked", 30, func(aes67.PTPTime) aes67.PTPTime { return 0 }},
		{"0, from the start", 0, func(aes67.PTPTime) aes67.PTPTime { return 0 }},
		{"a day off, after it was locked", 30, func(t aes67.PTPTime) aes67.PTPTime { return t.Add(24 * time.Hour) }},
		{"a day off, from the start", 0, func(t aes67.PTPTime) aes67.PTPTime { return t.Add(-24 * time.Hour) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, p := newFollower()
			p.edit = func(m *wire.Message) {
				if m.Kind == wire.KindDelayResp && n.now >= at(c.from) {
					m.Time = c.time(m.Time)
				}
			}
			n.run(at(60))
			s := n.expect(t, "impossible", p, 10*time.Microsecond, "with a time that is not its own")
			if math.Abs(float64(s.FrequencyPPB)-40_000) > 50 || s.PathDelayNS < 0 || s.PathDelayNS > 100_000 || s.Steps > 0 {
				t.Errorf("%+v, want its frequency held, and no step", s)
			}
			p.edit = nil
			n.run(at(90))
			n.expect(t, "right again", p, 2*time.Microsecond, "")
		})
	}
}

// Sound must come within 3 s of the first Announce of a master that sends one a
// second, and 4 s of one that sends one each 2 s; it takes half a second more.
func TestLocksSoonAfterTheFirstAnnounce(t *testing.T) {
	for _, c := range []struct {
		name               string
		announce, delayReq int8
		limit              float64 // s
	}{
		{"an Announce a second, Delay_Req 8 a second", 0, -3, 2.5},
		{"an Announce a second, Delay_Req one a second", 0, 0, 2.5},
		{"an Announce a second, Delay_Req one each 2 s", 0, 1, 2.5},
		{"an Announce each 2 s, Delay_Req 8 a second", 1, -3, 3.5},
		{"an Announce each 2 s, Delay_Req one a second", 1, 0, 3.5},
	} {
		var latest float64
		for seed := range uint64(50) {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: seed})
			cfg := gmConfig(1, 40_000)
			cfg.AnnounceLog, cfg.DelayReqLog = c.announce, c.delayReq
			n.add(cfg, cable(seed), cable(seed+100))
			for n.status().State != ptp.Locked && n.now < at(10) {
				n.run(n.now + second/100)
			}
			latest = max(latest, n.now.Sub(boot).Seconds())
		}
		t.Logf("%s: locked after %.2f s at the latest", c.name, latest)
		if latest > c.limit {
			t.Errorf("%s: locked after %.2f s, want within %v s", c.name, latest, c.limit)
		}
	}
}

// The time of the master steps: so does ours, once, within two seconds, and whether
// the master answers or not the lock is not lost.
func TestAStepOfTheMasterIsFollowedAtOnce(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, -time.Second, -5 * time.Millisecond, -1500 * time.Microsecond, 1500 * time.Microsecond, 5 * time.Millisecond, time.Second, time.Hour} {
		for _, kind := range []struct {
			deaf     bool
			delayReq int8 // log2 of the seconds between requests
		}{{false, -3}, {true, -3}, {false, 0}, {false, 2}} {
			n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: 1})
			cfg := gmConfig(1, 40_000)
			cfg.Deaf, cfg.DelayReqLog, cfg.Steps = kind.deaf, kind.delayReq, []lab.Step{{At: at(60), By: by}}
			p := n.add(cfg, cable(1), cable(2))
			n.run(at(60))
			var right float64
			for s := 60.05; s < 100; s += 0.05 {
				n.run(at(s))
				if n.status().State != ptp.Locked {
					t.Fatalf("by %v, %+v: %.2f s later %+v", by, kind, s-60, n.status())
				}
				if math.Abs(n.off(p)) > 20_000 {
					right = s - 60
				}
			}
			if steps := n.status().Steps; steps != 1 || right > 2 {
				t.Errorf("by %v, %+v: %d steps, right after %.2f s; want one, within two", by, kind, steps, right)
			}
		}
	}
}

// A load that delays what comes to us, and nothing else, is no step of the master's
// time: in one that stepped the answers would be early.
func TestALastingDelayTowardsUsIsNoStep(t *testing.T) {
	for _, by := range []time.Duration{1600 * time.Microsecond, 3 * time.Millisecond} {
		n, p := newFollower()
		n.run(at(60))
		p.down.Delay += by
		var worst float64
		for s := 60.0; s < 70; s += 0.1 {
			n.run(at(s))
			worst = max(worst, math.Abs(n.off(p)))
		}
		p.down.Delay -= by
		n.run(at(130))
		s := n.expect(t, "a minute after it", p, 10*time.Microsecond, "")
		t.Logf("delayed by %v: off by %.0f ns at most, %d steps", by, worst, s.Steps)
		if worst > 10_000 || s.Steps > 0 {
			t.Errorf("delayed by %v: off by %.0f ns at most, %d steps; want at most 10000 and none", by, worst, s.Steps)
		}
	}
}

// A computer that follows the master of one network is carried to another: it does not
// say that it holds the first one's time.
func TestCarriedToAnotherNetwork(t *testing.T) {
	n, a := newFollower()
	n.run(at(20))
	n.engine.Stop(n.now)
	a.off = true
	cfg := gmConfig(2, -30_000)
	cfg.Clock.Epoch += aes67.PTPTime(time.Hour)
	b := n.add(cfg, cable(3), cable(4))
	n.at(at(25), func() { n.engine.Start(n.now, n.self, aes67.PTPTime(n.now), nil, n.now) })
	for s := 25.1; s < 40; s += 0.1 {
		n.run(at(s))
		if s := n.status(); s.Role == ptp.RoleFollower && s.State == ptp.Holdover {
			t.Fatalf("%+v while the master of another network is measured", s)
		}
	}
	n.expect(t, "there", b, 10*time.Microsecond, "")
}

// A master that began in 1970 and then hears GPS steps by decades: it is followed as well
// after that as one that began right.
func TestAfterAStepOfDecadesItIsFollowedAsWell(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: 1})
	cfg := gmConfig(1, 40_000)
	cfg.Clock.Epoch, cfg.Steps = 0, []lab.Step{{At: at(60), By: 56 * 365 * 24 * time.Hour}}
	p := n.add(cfg, cable(1), cable(2))
	n.run(at(90))
	var squares, worst float64
	count := 0
	for s := 90.0; s < 150; s += 0.05 {
		n.run(at(s))
		off := n.off(p)
		squares, worst, count = squares+off*off, max(worst, math.Abs(off)), count+1
	}
	if rms := math.Sqrt(squares / float64(count)); rms > 60 || n.status().State != ptp.Locked {
		t.Errorf("off by %.0f ns rms, %.0f at most; want 60 rms; %+v", rms, worst, n.status())
	} else {
		t.Logf("off by %.0f ns rms, %.0f at most", rms, worst)
	}
}
