package ptp_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// sent returns the messages of one kind that the engine sent.
func (n *network) sent(kind wire.Kind) (list []wire.Message) {
	for _, m := range n.heard {
		if m.Kind == kind {
			list = append(list, m)
		}
	}
	return list
}

func (n *network) status() ptp.Status { return n.engine.Status(n.now) }

func TestServesWhenNobodyDoes(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto, Domain: 3})
	n.run(at(5.9))
	if s := n.status(); s.State != ptp.Listening || s.Role != ptp.RoleNone || len(n.heard) > 0 {
		t.Fatalf("before the announce timeout: %+v after sending %d messages, want listening and silent", s, len(n.heard))
	}
	n.run(at(26))
	if s := n.status(); s.State != ptp.Locked || s.Role != ptp.RoleGrandmaster || s.Grandmaster != n.self.Clock || s.Problem != "" {
		t.Errorf("after it: %+v, want grandmaster", s)
	}
	announces, syncs, followUps := n.sent(wire.KindAnnounce), n.sent(wire.KindSync), n.sent(wire.KindFollowUp)
	if len(announces) != 11 || len(syncs) != 161 || len(followUps) < 160 {
		t.Fatalf("in 20 s: %d Announces, %d Syncs, %d Follow_Ups; want 11, 161, 160", len(announces), len(syncs), len(followUps))
	}
	a := announces[3]
	want := wire.Message{
		Kind: wire.KindAnnounce, Domain: 3, Flags: wire.FlagPTPTimescale, Source: n.self, Sequence: 3, LogInterval: 1,
		Properties: wire.Properties{
			Priority1: 250, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 250,
			Identity: n.self.Clock, UTCOffset: 37, TimeSource: 0xA0,
		},
	}
	if a != want {
		t.Errorf("announces %+v, want %+v", a, want)
	}
	if s := syncs[5]; !s.Flags.Has(wire.FlagTwoStep) || s.LogInterval != -3 || s.Sequence != 5 {
		t.Errorf("sends %+v, want a two-step Sync of interval -3", s)
	}
	m, ok := n.clock.Load()
	if !ok || m.Rate != 0 || m.Steps != 0 {
		t.Errorf("clock %+v, %v; want one that ticks with CLOCK_MONOTONIC", m, ok)
	}
	// TAI at the start was 1.8e9 s.
	if got, want := m.PTPAt(n.now), aes67.PTPTime(1_800_000_026*second); got != want {
		t.Errorf("shows %d, want TAI as it was known at the start and went on: %d", got, want)
	}
	if f := followUps[5]; f.Time.Sub(syncs[5].Time).Abs() > time.Millisecond {
		t.Errorf("Follow_Up tells %d for a Sync of %d", f.Time, syncs[5].Time)
	}
}

func TestNeedNotListenTwice(t *testing.T) {
	n := &network{now: boot, self: wire.PortIdentity{Clock: aes67.ClockIdentity{1}, Port: 1}}
	n.engine = ptp.NewEngine(ptp.EngineConfig{Priority1: 250}, &n.clock, n)
	n.engine.Start(n.now, n.self, 0, nil, n.now-6*second)
	n.engine.Tick(n.now)
	if s := n.status(); s.Role != ptp.RoleGrandmaster {
		t.Errorf("after six silent seconds before the start: %+v, want grandmaster at once", s)
	}
}

func TestAFollowerWaitsForAMaster(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	n.run(at(60))
	s := n.status()
	if _, set := n.clock.Load(); set || s.State != ptp.Listening || s.Role != ptp.RoleNone || len(n.heard) > 0 {
		t.Errorf("after a minute alone: %+v, clock set %v, %d messages sent; want listening, unset, none", s, set, len(n.heard))
	}
	if !strings.Contains(s.Problem, "no PTP master is heard in domain 0") {
		t.Errorf("problem %q does not say that no master is heard", s.Problem)
	}
}

func TestHoldsTheFrequencyWhenTheMasterIsLost(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	p := n.add(gmConfig(1, 70_000), cable(1), cable(2))
	n.run(at(60))
	p.off = true
	n.run(at(64))
	if s := n.status(); s.State != ptp.Holdover || s.Role != ptp.RoleFollower || s.Grandmaster != p.cfg.Identity {
		t.Errorf("4 s after the last Sync: %v as %v, want holdover as follower", s.State, s.Role)
	}
	early := n.status().ErrorBoundNS
	n.run(at(120))
	s := n.status()
	if s.State != ptp.Holdover || s.Role != ptp.RoleNone || s.Grandmaster != p.cfg.Identity {
		t.Errorf("a minute after: %+v, want holdover on its time, without a master", s)
	}
	if !s.BoundKnown || s.ErrorBoundNS <= early {
		t.Errorf("error bound %v then %v ns, want it to grow", early, s.ErrorBoundNS)
	}
	m, _ := n.clock.Load()
	if math.Abs(float64(m.Rate)-70_000) > 20 {
		t.Errorf("holds %.1f ppb, want 70000 ppb", m.Rate)
	}
	if e := m.PTPAt(n.now).Sub(p.gm.TimeAt(n.now)).Abs(); float64(e) > s.ErrorBoundNS {
		t.Errorf("is off by %v, beyond its bound of %.0f ns", e, s.ErrorBoundNS)
	}
}

func TestAMasterWhoseTimeIsNoClocksIsNotFollowed(t *testing.T) {
	for _, c := range []struct {
		name string
		skew aes67.PPB
	}{
		{"stands still", -1e9},
		{"runs 5 % fast", 50e6},
		{"runs backwards", -2e9},
	} {
		for _, when := range []float64{0, 60} { // from the start, and while it is followed
			t.Run(fmt.Sprintf("%s from %v s on", c.name, when), func(t *testing.T) {
				n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
				p := n.add(gmConfig(1, 70_000), cable(1), cable(2))
				n.at(at(when), func() {
					p.gm.SetClock(lab.Oscillator{Start: n.now, Epoch: p.gm.TimeAt(n.now), Skew: c.skew})
				})
				truth := gmConfig(1, 70_000).Clock
				for second := 1.0; second < when+60; second++ {
					n.run(at(second))
					m, set := n.clock.Load()
					if when == 0 && set {
						t.Fatalf("after %v s its time is taken", second)
					}
					if off := m.PTPAt(n.now).Sub(truth.At(n.now)).Abs(); set && second > 10 && off > 100*time.Microsecond || m.Steps > 0 {
						t.Fatalf("after %v s the clock is off by %v with %d steps, want the last good rate", second, off, m.Steps)
					}
				}
				want := ptp.Uncalibrated
				if when > 0 {
					want = ptp.Holdover
				}
				if s := n.status(); s.State != want || !strings.Contains(s.Problem, "does not tick") {
					t.Errorf("%v, problem %q; want %v, and that it does not tick", s.State, s.Problem, want)
				}
				good := lab.Oscillator{Start: n.now, Epoch: truth.At(n.now), Skew: 70_000}
				p.gm.SetClock(good)
				n.run(n.now + 20*second)
				m, _ := n.clock.Load()
				if s := n.status(); s.State != ptp.Locked || s.Problem != "" || m.PTPAt(n.now).Sub(good.At(n.now)).Abs() > 10*time.Microsecond {
					t.Errorf("20 s after it ticks again: %v, problem %q, off by %v; want locked", s.State, s.Problem, m.PTPAt(n.now).Sub(good.At(n.now)))
				}
			})
		}
	}
}

func TestTheLockIsTakenBackWhileTheEstimateIsBad(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	loaded := func() lab.Jitter { // a backup fills the switch for a minute
		return func(r *rand.Rand) time.Duration {
			if n.now < at(60) || n.now > at(120) {
				return 0
			}
			return time.Duration(r.Int64N(int64(20 * time.Millisecond)))
		}
	}
	n.add(gmConfig(1, 50_000), noisy(1, loaded(), 0), noisy(2, loaded(), 0))
	n.run(at(60))
	if s := n.status(); s.State != ptp.Locked {
		t.Fatalf("before the load: %v", s.State)
	}
	lost, told := 0, 0
	for second := 61.0; second <= 120; second++ {
		n.run(at(second))
		if s := n.status(); s.State == ptp.Holdover {
			lost++
			if strings.Contains(s.Problem, "come so irregularly") {
				told++
			}
		}
	}
	if lost < 20 || told < lost/2 {
		t.Errorf("said for %d of 60 s that the lock is lost, and why for %d s; want 20 s at least, and half of that", lost, told)
	}
	n.run(at(180))
	if s := n.status(); s.State != ptp.Locked || s.Steps != 0 || s.Problem != "" {
		t.Errorf("a minute after: %v with %d steps, problem %q; want locked with none", s.State, s.Steps, s.Problem)
	}
}

// TestAMasterThatIsNeverGoodEnoughIsTold: over Wi-Fi at its worst there is no lock, ever.
func TestAMasterThatIsNeverGoodEnoughIsTold(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	jitter := lab.Uniform(40 * time.Millisecond)
	n.add(gmConfig(1, 50_000), noisy(1, jitter, 0.05), noisy(2, jitter, 0.05))
	n.run(at(60))
	told := 0
	for second := 61.0; second <= 120; second++ {
		n.run(at(second))
		switch s := n.status(); {
		case s.State == ptp.Locked:
			t.Fatalf("locked after %v s", second)
		case strings.Contains(s.Problem, "come so irregularly"):
			told++
		}
	}
	if told < 55 {
		t.Errorf("told for %d of 60 s", told)
	}
}

func TestGoesOnWithTheTimeOfAMomentAgo(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	cfg := gmConfig(1, 70_000)
	p := n.add(cfg, cable(1), cable(2))
	n.engine.Resume(ptp.Resumption{At: boot, Time: p.gm.TimeAt(boot), Frequency: 70_003, Grandmaster: cfg.Identity})
	n.run(at(0.1))
	if s := n.status(); s.State != ptp.Holdover || s.Grandmaster != cfg.Identity || !s.FrequencyKnown {
		t.Errorf("at once: %+v, want holdover on the time of the grandmaster", s)
	}
	for second := 1.0; second <= 30; second++ {
		n.run(at(second))
		m, _ := n.clock.Load()
		if e := m.PTPAt(n.now).Sub(p.gm.TimeAt(n.now)).Abs(); e > 5*time.Microsecond || m.Steps != 0 {
			t.Fatalf("after %v s it is off by %v with %d steps", second, e, m.Steps)
		}
	}
	if s := n.status(); s.State != ptp.Locked || s.Role != ptp.RoleFollower {
		t.Errorf("after 30 s: %+v, want locked", s)
	}
}

func TestServesOnWithItsOwnTimeOfAMomentAgo(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	then := aes67.PTPTime(1_700_000_000 * second) // not what TAI would give
	n.engine.Resume(ptp.Resumption{At: boot, Time: then})
	n.run(at(20))
	if s := n.status(); s.Role != ptp.RoleGrandmaster || s.Steps != 0 {
		t.Errorf("%+v, want grandmaster without a step", s)
	}
	if m, _ := n.clock.Load(); m.PTPAt(boot) != then {
		t.Errorf("the time at the restart is now told as %v, was %v", m.PTPAt(boot), then)
	}
	if a := n.sent(wire.KindAnnounce); len(a) == 0 || !a[0].Flags.Has(wire.FlagPTPTimescale) {
		t.Error("its time is no longer told to be PTP time")
	}
}

func TestTakesOverFromALostMasterWithoutAJump(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	cfg := gmConfig(1, 70_000)
	cfg.ARB = true
	p := n.add(cfg, cable(1), cable(2))
	n.run(at(30))
	p.off = true
	before, _ := n.clock.Load()
	n.run(at(38))
	if s := n.status(); s.Role != ptp.RoleGrandmaster || s.State != ptp.Locked {
		t.Fatalf("8 s after the master died: %+v, want grandmaster", s)
	}
	if a := n.sent(wire.KindAnnounce); a[len(a)-1].Flags.Has(wire.FlagPTPTimescale) {
		t.Error("serves the time of an ARB master as PTP time")
	} else if a[len(a)-1].Properties.UTCOffset != 0 {
		t.Errorf("tells currentUtcOffset %d of a time that is not TAI, want 0", a[len(a)-1].Properties.UTCOffset)
	}
	n.run(at(60))
	m, _ := n.clock.Load()
	if m.Steps != before.Steps || m.Rate != 0 {
		t.Errorf("clock %+v, want no step, and the rate of CLOCK_MONOTONIC", m)
	}
	if d := m.PTPAt(n.now).Sub(before.PTPAt(n.now)).Abs(); d > 3*time.Millisecond {
		t.Errorf("time went %v off what it was on the way to, want little", d)
	}
	// And back again, by slewing or one counted step.
	p.off = false
	n.run(at(120))
	if s := n.status(); s.Role != ptp.RoleFollower || s.State != ptp.Locked {
		t.Errorf("the master is back: %+v, want to follow it", s)
	}
}

func TestYieldsToABetterMasterAndCompetesWithAWorse(t *testing.T) {
	for _, c := range []struct {
		name      string
		mode      aes67.ClockMode
		priority1 uint8
		from      float64 // s, when the master comes
		want      ptp.Role
	}{
		{"auto, a better one comes later", aes67.ClockAuto, 128, 20, ptp.RoleFollower},
		{"auto, a worse one comes later", aes67.ClockAuto, 251, 20, ptp.RoleGrandmaster},
		{"auto, a worse one was first", aes67.ClockAuto, 251, 0, ptp.RoleFollower},
		{"grandmaster, a worse one was first", aes67.ClockGrandmaster, 251, 0, ptp.RoleGrandmaster},
		{"grandmaster, a better one comes later", aes67.ClockGrandmaster, 128, 20, ptp.RoleFollower},
		{"follower, a worse one", aes67.ClockFollower, 251, 0, ptp.RoleFollower},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(ptp.EngineConfig{Mode: c.mode})
			cfg := gmConfig(1, 50_000)
			cfg.Priority1 = c.priority1
			p := n.add(cfg, cable(1), cable(2))
			p.off = true
			n.at(at(c.from), func() { p.off = false })
			n.run(at(c.from + 15))
			if s := n.status(); s.Role != c.want || s.State != ptp.Locked {
				t.Errorf("ends as %v, %v; want %v, locked", s.Role, s.State, c.want)
			}
		})
	}
}

func TestWaitsForAMasterThatIsAboutToQualify(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockAuto})
	p := n.add(gmConfig(1, 0), cable(1), cable(2))
	p.off = true
	n.at(at(3.5), func() { p.off = false }) // heard at 4 s and, just too late, at 6 s
	n.run(at(12))
	if s := n.status(); s.Role != ptp.RoleFollower || s.Steps != 0 || len(n.sent(wire.KindAnnounce)) > 0 {
		t.Errorf("ends as %+v after %d Announces, want follower without having served", s, len(n.sent(wire.KindAnnounce)))
	}
}

func TestDelayReqAtOnceAndThenAtRandom(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower, Seed: 5})
	cfg := gmConfig(1, 0)
	cfg.DelayReqLog = -1
	n.add(cfg, cable(1), cable(2))
	var times []aes67.RawTime
	var chosen aes67.RawTime
	for t := 0.0; t < 120; t += 0.001 {
		n.run(at(t))
		if chosen == 0 && n.status().Role == ptp.RoleFollower {
			chosen = n.now
		}
		for len(times) < len(n.sent(wire.KindDelayReq)) {
			times = append(times, n.now)
		}
	}
	if d := times[0].Sub(chosen); d > 2*time.Millisecond {
		t.Errorf("first Delay_Req %v after the choice, want at once", d)
	}
	const interval = 500 * time.Millisecond
	var longest, sum time.Duration
	for i := 4; i < len(times); i++ { // the first may not know the interval yet
		d := times[i].Sub(times[i-1])
		longest, sum = max(longest, d), sum+d
	}
	mean := sum / time.Duration(len(times)-4)
	if longest > 2*interval+2*time.Millisecond || longest < interval || mean < interval*8/10 || mean > interval*12/10 {
		t.Errorf("Delay_Req every %v, at most %v; want about %v, at most twice that", mean, longest, interval)
	}
}

func TestAnswersDelayReqAsAsked(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{})
	n.run(at(10))
	asker := wire.PortIdentity{Clock: aes67.ClockIdentity{7, 7}, Port: 2}
	ask := func(flags wire.Flags, domain uint8) (answers []wire.Message) {
		before := len(n.sent(wire.KindDelayResp))
		m := wire.Message{Kind: wire.KindDelayReq, Domain: domain, Flags: flags, Source: asker, Sequence: 99, Correction: 1234, LogInterval: 0x7F}
		n.engine.HandleEvent(m.Append(nil), n.now, netip.MustParseAddr("10.0.0.7"))
		return n.sent(wire.KindDelayResp)[before:]
	}
	got := ask(0, 0)
	clock, _ := n.clock.Load()
	if len(got) != 1 || got[0].Requesting != asker || got[0].Sequence != 99 || got[0].Correction != 1234 ||
		got[0].Time != clock.PTPAt(n.now) || got[0].LogInterval != -3 || got[0].Flags != 0 {
		t.Errorf("answers %+v", got)
	}
	if got := ask(wire.FlagUnicast, 0); len(got) != 1 || !got[0].Flags.Has(wire.FlagUnicast) || got[0].LogInterval != 0x7F {
		t.Errorf("answers a unicast request with %+v", got)
	}
	if got := ask(0, 1); len(got) != 0 {
		t.Errorf("answers a request of another domain: %+v", got)
	}
}

func TestOtherDomainsAndVersionsChangeNothing(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	cfg := gmConfig(1, 0)
	cfg.Domain = 5
	p := n.add(cfg, cable(1), cable(2))
	dante, danteAt := []byte{0, 1, 0, 1, 0x5F, 0x44, 0x46, 0x4C, 0x54}, netip.AddrFrom4([4]byte{10, 0, 0, 9})
	for i := range 30 {
		n.at(at(float64(i)), func() { n.engine.HandleEvent(dante, n.now, danteAt) })
	}
	n.run(at(29))
	s := n.status()
	if _, set := n.clock.Load(); set || s.State != ptp.Listening || len(n.heard) > 0 {
		t.Errorf("follows what it must not: %+v", s)
	}
	if s.Version1 != danteAt {
		t.Errorf("version 1 is spoken by %v, want %v", s.Version1, danteAt)
	}
	if !strings.Contains(s.Problem, "clock.domain = 5") {
		t.Errorf("problem %q does not name the domain that is served", s.Problem)
	}
	p.off = true
	n.run(at(50))
	n.engine.HandleEvent(dante, n.now, danteAt)
	if s := n.status(); !strings.Contains(s.Problem, "version 1") {
		t.Errorf("problem %q does not speak of PTP version 1", s.Problem)
	}
}

func TestSaysThatDelayRespIsMissing(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	cfg := gmConfig(1, 0)
	cfg.Deaf = true
	n.add(cfg, cable(1), cable(2))
	n.run(at(15))
	s := n.status()
	if s.State != ptp.Locked || s.DelayKnown || !strings.Contains(s.Problem, "does not answer Delay_Req") {
		t.Errorf("%+v; want locked, no delay known, and the problem named", s)
	}
	if s.ErrorBoundNS < float64(100*time.Microsecond) {
		t.Errorf("error bound %.0f ns although the delay is not known", s.ErrorBoundNS)
	}
}

func TestSaysThatSyncIsMissing(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	silent := lab.NewLink(1, time.Microsecond, nil, 0)
	cfg := gmConfig(1, 0)
	cfg.SyncLog = 10 // the first one only
	n.add(cfg, silent, cable(2))
	n.run(at(20))
	if s := n.status(); s.Role != ptp.RoleFollower || !strings.Contains(s.Problem, "no Sync arrives") {
		t.Errorf("%+v; want the missing Sync named", s)
	}
}

func TestStopKeepsTheClockRunning(t *testing.T) {
	n := newNetwork(ptp.EngineConfig{Mode: aes67.ClockFollower})
	p := n.add(gmConfig(1, 40_000), cable(1), cable(2))
	n.run(at(20))
	n.engine.Stop(n.now)
	n.run(at(40))
	m, _ := n.clock.Load()
	if s := n.status(); s.State != ptp.Holdover || s.Role != ptp.RoleNone || s.Port != ptp.PortDisabled {
		t.Errorf("after Stop: %+v, want holdover", s)
	}
	if e := m.PTPAt(n.now).Sub(p.gm.TimeAt(n.now)).Abs(); e > 20*time.Microsecond {
		t.Errorf("20 s after Stop the clock is %v off", e)
	}
	n.engine.Start(n.now, n.self, 0, nil, n.now)
	n.run(at(60))
	if s := n.status(); s.State != ptp.Locked || s.Steps != 0 {
		t.Errorf("started again: %+v, want locked without a step", s)
	}
}

// station is one of several engines on a wire.
type station struct {
	w      *segment
	clock  mediaclock.Clock
	engine *ptp.Engine
	id     wire.PortIdentity
	on     bool
	mute   bool // its driver gives no transmit timestamps
}

// segment is a wire that joins engines.
type segment struct {
	network
	stations  []*station
	announced []aes67.RawTime // when there was an Announce
}

func (s *station) Send(b []byte, _ netip.Addr) error {
	if !s.on {
		return nil
	}
	m, _ := wire.Decode(b)
	if m.Kind == wire.KindAnnounce {
		s.w.announced = append(s.w.announced, s.w.now)
	}
	copied, left := append([]byte(nil), b...), s.w.now
	if !s.mute && (m.Kind == wire.KindSync || m.Kind == wire.KindDelayReq) {
		s.w.after(50*time.Microsecond, func() { s.engine.TxTimestamp(m.Kind, m.Sequence, left) })
	}
	for _, o := range s.w.stations {
		if o == s {
			continue
		}
		s.w.after(3*time.Microsecond, func() {
			switch {
			case !o.on:
			case m.Kind == wire.KindSync || m.Kind == wire.KindDelayReq:
				o.engine.HandleEvent(copied, s.w.now, netip.Addr{})
			default:
				o.engine.HandleGeneral(copied, s.w.now, netip.Addr{})
			}
		})
	}
	return nil
}

func (w *segment) start(last byte, seconds float64) *station { return w.resume(last, seconds, nil) }

// resume is start with what an earlier run left.
func (w *segment) resume(last byte, seconds float64, r *ptp.Resumption) *station {
	s := &station{w: w, id: wire.PortIdentity{Clock: aes67.ClockIdentity{0, 0x1B, last}, Port: 1}}
	s.engine = ptp.NewEngine(ptp.EngineConfig{Priority1: 250, Priority2: 250, Seed: uint64(last)}, &s.clock, s)
	if r != nil {
		s.engine.Resume(*r)
	}
	w.stations = append(w.stations, s)
	var tick func()
	tick = func() {
		if s.on {
			s.engine.Tick(w.now)
		}
		w.at(max(s.engine.Next(w.now), w.now+second/100), tick)
	}
	w.at(at(seconds), func() {
		s.on = true
		s.engine.Start(w.now, s.id, aes67.PTPTime(1_800_000_000*second)+aes67.PTPTime(last), nil, w.now)
		tick()
	})
	return s
}

func TestSeveralBridgesSettleOnOneMaster(t *testing.T) {
	for _, c := range []struct {
		name  string
		start []float64
	}{
		{"one after the other", []float64{0, 10, 20}},
		{"all at once", []float64{0, 0, 0}},
		{"nearly at once", []float64{0, 0.5, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &segment{network: network{now: boot}}
			for i, s := range c.start {
				w.start(byte(3-i), s)
			}
			settled := func(when string) (master *station) {
				t.Helper()
				for _, s := range w.stations {
					if !s.on {
						continue
					}
					st := s.engine.Status(w.now)
					if st.State != ptp.Locked {
						t.Fatalf("%s: %v is %v, want locked", when, s.id, st.State)
					}
					if st.Role == ptp.RoleGrandmaster {
						if master != nil {
							t.Fatalf("%s: both %v and %v serve", when, master.id, s.id)
						}
						master = s
					}
				}
				if master == nil {
					t.Fatalf("%s: nobody serves", when)
				}
				return master
			}
			w.run(at(35))
			first := settled("after the start")
			first.on = false
			w.run(at(35 + 6 + 2 + 4))
			second := settled("after the master died")
			first.on = true
			first.engine.Stop(w.now)
			first.engine.Start(w.now, first.id, 0, nil, w.now)
			w.run(at(70))
			if third := settled("after it came back"); third != second && third != first {
				t.Errorf("%v serves, want one of %v and %v", third.id, second.id, first.id)
			}
			for _, s := range w.stations {
				if st := s.engine.Status(w.now); st.Steps > 2 {
					t.Errorf("%v stepped %d times", s.id, st.Steps)
				}
			}
		})
	}
}
