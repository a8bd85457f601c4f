package pulse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
)

// guarded is a guard, a server and a clock.
type guarded struct {
	jumpGuard
	t      *testing.T
	now    aes67.MonoTime
	server Volume
}

func newGuarded(t *testing.T, trustedDB, maxDB float64) *guarded {
	g := &guarded{jumpGuard: jumpGuard{jumps: true, maxDB: maxDB}, t: t, now: 1e12, server: uniform(LevelOf(trustedDB), 2, false)}
	g.begin(g.server)
	g.sees(circumstances{})
	g.pass(time.Second)
	return g
}

func (g *guarded) pass(d time.Duration) { g.now = g.now.Add(d) }

// sees looks at the server, where what sounds is heard unless something else is said.
func (g *guarded) sees(c circumstances) {
	if c.heard == 0 {
		c.heard = g.now.Add(time.Second)
	}
	g.see(g.now, g.server, c)
}

// set is what somebody does to the sink's volume.
func (g *guarded) set(db float64, c circumstances) {
	g.server = uniform(LevelOf(db), 2, g.server.Muted)
	g.sees(c)
}

func (g *guarded) mute(muted bool) {
	g.server.Muted = muted
	g.sees(circumstances{})
}

// heard is the loudness of a channel as it leaves us, in dB, as if not muted.
func (g *guarded) heard(channel int) float64 {
	return g.server.Levels[channel].DB() + g.ramp().DB(g.now)
}

func (g *guarded) hears(what string, want float64) {
	g.t.Helper()
	if got := g.heard(0); !(math.Abs(got-want) <= 0.05) {
		g.t.Errorf("%s: %.2f dB are heard, want %.2f", what, got, want)
	}
}

func (g *guarded) remembers(what string, want float64) {
	g.t.Helper()
	if got := g.trusted.DB(); !(math.Abs(got-want) <= 0.05) {
		g.t.Errorf("%s: %.2f dB would be remembered, want %.2f", what, got, want)
	}
}

var (
	byPlayer = circumstances{program: true}
	music    = circumstances{playing: true}
)

func TestAPlayerOfFlatVolumesIsNotHeardAtOnce(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, byPlayer)
	g.hears("at once", -40)
	g.pass(2 * time.Second)
	g.hears("after 2 s", -28)
	g.pass(10 * time.Second)
	g.hears("in the end", 0)
	g.remembers("in the end", -40)
	if notice := g.notice(g.now); !strings.HasPrefix(notice, "a program raised the sink's volume from -40.0 to 0.0 dB: ") {
		t.Errorf("notice %q", notice)
	}
}

func TestAnInstantRiseIsHeardInPart(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(-10, music)
	g.hears("at once", -28)
	g.pass(time.Second)
	g.hears("after 1 s", -22)
	g.set(-2, music) // a step by hand: that is what he wants, but no sooner
	g.hears("a step later", -22)
	g.remembers("a step later", -2)
	g.pass(time.Minute)
	g.hears("in the end", -2)
	if notice := g.notice(g.now); notice != "" {
		t.Errorf("notice %q of a volume that was set by hand", notice)
	}
}

func TestStepsByHandAreHeardAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		share float64 // of the scale
	}{
		{"a key of 5 %", 200 * time.Millisecond, 0.05},
		{"a key that is held", 33 * time.Millisecond, 0.05},
		{"a slider that is dragged in half a second", 10 * time.Millisecond, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGuarded(t, aes67.SilenceDB, 0)
			for share := c.share; share <= 1.0001; share += c.share {
				g.pass(c.every)
				g.set(60*math.Log10(share), music)
				g.hears(c.name, 60*math.Log10(share))
			}
			g.remembers(c.name, 0)
			g.set(aes67.SilenceDB, music)
			g.hears("down at once", aes67.SilenceDB)
			g.remembers("down at once", aes67.SilenceDB)
		})
	}
}

func TestNothingRisesWhileMuted(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.mute(true)
	g.set(0, byPlayer)
	g.pass(time.Minute)
	g.hears("a minute later", -40)
	g.mute(false)
	g.hears("not muted any more", -40)
	g.pass(time.Second)
	g.hears("a second later", -34)
	g.mute(true)
	if !g.trusted.Muted {
		t.Error("that it is muted is not remembered")
	}
	g.remembers("muted", -40)
}

// A surprise before the first sound is no smaller one: it rises while it is heard.
func TestNothingRisesInSilence(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, circumstances{program: true, heard: g.now})
	g.pass(time.Minute)
	g.hears("a minute of silence later", -40)
	if g.waits(true) || !g.waits(false) {
		t.Error("waits for silence, and not for the sound")
	}
	g.set(0, circumstances{playing: true}) // sound
	g.hears("at the first sound", -40)
	g.pass(time.Second)
	g.hears("a second later", -34)
	if g.waits(false) || !g.waits(true) {
		t.Error("waits for the sound, and not for its end")
	}
	g.set(0, circumstances{playing: true, heard: g.now})
	g.pass(time.Minute)
	g.hears("after a pause", -34)
	g.set(0, circumstances{playing: true})
	g.pass(10 * time.Second)
	g.hears("in the end", 0)
	g.remembers("in the end", -40)
}

func TestAWayDownIsHeardAtOnceAndTrusted(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, byPlayer)
	g.pass(2 * time.Second) // at -28
	g.set(-10, music)
	g.hears("lowered, but above what is heard", -28)
	g.remembers("lowered", -10)
	g.set(-35, music)
	g.hears("lowered below", -35)
	g.remembers("lowered below", -35)
}

// An event that changes nothing, a sink that is suspended or renamed, is nobody's
// doing, also when the sound has risen to the server's volume.
func TestAnEventThatChangesNothingMakesNothingTrusted(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, circumstances{playing: true})
	g.pass(20 * time.Second)
	g.set(0, circumstances{playing: true})
	g.hears("risen", 0)
	g.remembers("after an event that changed nothing", -40)
	g.pass(time.Second)
	g.set(-1, circumstances{playing: true})
	g.remembers("after a step down by hand", -1)
}

func TestAPlayerThatGoesDoesNotMakeAVolumeTrusted(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, byPlayer)
	g.pass(time.Minute)
	g.set(-20, byPlayer)
	g.hears("gone", -20)
	g.remembers("gone", -40)
}

func TestAVolumeThatIsListenedToIsTrusted(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(-10, byPlayer)
	for range 100 {
		g.pass(2 * time.Second)
		g.look(g.now, false)
	}
	g.remembers("nothing played", -40)
	g.pass(time.Hour) // the computer stood still
	if g.look(g.now, true) {
		t.Error("an hour in which nobody looked counts")
	}
	seconds := 2 * int(heartbeat.Seconds())
	for ; !g.look(g.now, true); g.pass(2 * time.Second) {
		if seconds += 2; seconds > 70 {
			t.Fatal("never trusted")
		}
	}
	if seconds < 60 {
		t.Errorf("trusted after %d s", seconds)
	}
	g.remembers("listened to", -10)
}

// A rise goes on for as long as it is heard, whatever stood still, and 12 dB at once are for
// those who hear something.
func TestARiseGoesOnWhileItIsHeard(t *testing.T) {
	for _, gap := range []time.Duration{0, 4 * time.Second, 10 * time.Second, time.Hour} {
		g := newGuarded(t, -40, 0)
		g.set(0, byPlayer)
		g.pass(time.Second)
		until := g.now.Add(500 * time.Millisecond)
		g.pass(gap)
		g.see(g.now, g.server, circumstances{heard: until}) // watchFlow finds that it waits
		want := -34.0
		if gap > 0 {
			want += 3
		}
		g.hears(gap.String(), want)
		g.pass(time.Minute)
		if gap > 0 {
			g.hears(gap.String()+", and nobody hears it", want)
		}
	}
	for heard, want := range map[bool]float64{true: -18, false: -30} { // 12 dB at once, or nothing
		g := newGuarded(t, -30, 0)
		c := circumstances{playing: true}
		if !heard {
			c.heard = g.now
		}
		g.set(-10, c)
		g.hears(fmt.Sprint("what plays is heard: ", heard), want)
	}
}

func TestOneChannelAloneIsASurpriseToo(t *testing.T) {
	g := newGuarded(t, -40, 0)
	g.set(0, byPlayer)
	g.pass(time.Minute)
	g.set(-40, music)
	g.pass(time.Second)
	g.server = Volume{Levels: []Level{LevelOf(-40), LevelOf(-3)}}
	g.sees(byPlayer)
	if left, right := g.heard(0), g.heard(1); math.Abs(right+40) > 0.1 || left > -70 {
		t.Errorf("left %v dB and right %v dB, want right at -40", left, right)
	}
}

func TestTheMostIsNeverExceeded(t *testing.T) {
	g := newGuarded(t, -25, -20)
	g.set(0, music) // 5 dB of it are allowed
	g.hears("at once", -20)
	if back := g.bounded; math.Abs(back.DB()+20) > 0.01 || g.over() == 0 {
		t.Errorf("turned back to %v dB, over %v", back.DB(), g.over())
	}
	g.remembers("above", -20)
	g.set(-20, music)
	g.hears("turned back", -20)
	if g.over() != 0 || g.ramp().DB(g.now) != 0 {
		t.Errorf("over %v, gain %v after it was turned back", g.over(), g.ramp().DB(g.now))
	}
	if notice := g.notice(g.now); !strings.Contains(notice, "turned back to -20.0 dB") {
		t.Errorf("notice %q", notice)
	}
	g.pass(toldFor)
	if notice := g.notice(g.now); notice != "" {
		t.Errorf("notice %q still", notice)
	}
	g.begin(uniform(LevelNorm, 2, false))
	g.remembers("a remembered volume above", -20)
	balance := Volume{Levels: []Level{LevelOf(0), LevelOf(-6)}}.atMost(-20)
	if l, r := balance.Levels[0].DB(), balance.Levels[1].DB(); math.Abs(l+20) > 0.01 || math.Abs(r+26) > 0.01 {
		t.Errorf("turned back to %v and %v dB, want the balance kept", l, r)
	}
}

func TestWithoutTheGuardOnlyTheMostCounts(t *testing.T) {
	g := newGuarded(t, -40, -10)
	g.jumps = false
	g.set(0, byPlayer)
	g.hears("at once", -10)
	g.remembers("at once", -10)
}

func TestARestoredVolumeIsASurprise(t *testing.T) {
	g := newGuarded(t, -30, 0)
	g.begin(g.trusted) // the server was restarted
	g.set(0, circumstances{})
	g.hears("restored", -30)
	g.pass(time.Second)
	g.hears("restored", -24)
	g.remembers("restored", -30)
}

// TestNoSequenceOfVolumesIsLoudAtOnce lets hands, players, session managers and
// restarts do to the volume what they like, as both servers tell it.
func TestNoSequenceOfVolumesIsLoudAtOnce(t *testing.T) {
	const slack = 0.1 // dB: levels are whole numbers
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 3))
		maxDB := []float64{0, 0, -6, -20, -45}[random.IntN(5)]
		g := newGuarded(t, max(-70, maxDB-60*random.Float64()), maxDB)
		budget := atOnceDB // dB, of what nobody made step by step
		for step := range 60 {
			pause := time.Duration(random.Int64N(int64(4 * time.Second)))
			if random.IntN(3) == 0 {
				pause = time.Duration(random.Int64N(int64(40 * time.Millisecond)))
			}
			before := []float64{g.heard(0), g.heard(1)}
			g.pass(pause)
			for c := range before {
				if rise := g.heard(c) - before[c]; rise > riseRate*pause.Seconds()+slack {
					t.Fatalf("seed %d, step %d: rose by %v dB in %v by itself", seed, step, rise, pause)
				}
				before[c] = g.heard(c)
			}
			budget = min(atOnceDB, budget+riseRate*pause.Seconds())
			trusted := g.trusted.DB()
			c := circumstances{playing: random.IntN(2) == 0}
			old, bounded := g.server, g.bounded
			switch random.IntN(8) {
			case 0, 1: // a step by hand
				g.set(old.DB()+min(11.9, -random.Float64()*12*math.Log(1-random.Float64())), c)
			case 2:
				g.set(old.DB()-random.Float64()*40, c)
			case 3:
				c.program = true
				g.set(-60*random.Float64(), c)
			case 4:
				g.set(6-66*random.Float64(), c)
			case 5:
				g.mute(random.IntN(2) == 0)
			case 6: // the balance, by anybody
				g.server = Volume{Levels: []Level{LevelOf(-60 * random.Float64()), LevelOf(-60 * random.Float64())}, Muted: old.Muted}
				g.sees(c)
			case 7: // a restart: the sink is made with what is remembered
				g.server = g.trusted
				g.begin(g.trusted)
				g.sees(circumstances{})
				before, bounded = []float64{0, 0}, g.bounded
			}
			spent := 0.0 // of a rise that nobody made step by step
			for channel := range before {
				now := g.heard(channel)
				rise := now - max(before[channel], startDB)
				switch {
				case now > maxDB+slack:
					t.Fatalf("seed %d, step %d: %v dB are heard, at most %v", seed, step, now, maxDB)
				case g.ramp().DB(g.now) > 0:
					t.Fatalf("seed %d, step %d: a gain of %v dB", seed, step, g.ramp().DB(g.now))
				case c.program && rise > slack:
					t.Fatalf("seed %d, step %d: a program's rise of %v dB is heard at once", seed, step, rise)
				case now-max(before[channel], harmlessDB) > atOnceDB+slack:
					t.Fatalf("seed %d, step %d: a rise of %v dB to %v dB is heard at once", seed, step, rise, now)
				}
				if g.bounded.Levels[channel].DB()-max(bounded.Levels[channel].DB(), harmlessDB) > atOnceDB+slack {
					spent = max(spent, now-max(before[channel], harmlessDB))
				}
			}
			if budget -= spent; budget < -slack {
				t.Fatalf("seed %d, step %d: rises of more than %v dB in less than 2 s", seed, step, atOnceDB)
			}
			if c.program && g.trusted.DB() > trusted+slack {
				t.Fatalf("seed %d, step %d: a program made %v dB trusted, %v before", seed, step, g.trusted.DB(), trusted)
			}
			if g.over() > 0 && random.IntN(2) == 0 { // the server does as it is told
				g.server = g.bounded
				g.sees(circumstances{})
			}
		}
		if g.mute(false); g.over() > 0 {
			g.server = g.bounded
			g.sees(circumstances{})
		}
		g.pass(12 * time.Second)
		if gain := g.ramp().DB(g.now); gain != 0 {
			t.Fatalf("seed %d: a gain of %v dB for ever", seed, gain)
		}
	}
}

// TestTheMostCanBeChanged lowers and raises it while something sounds.
func TestTheMostCanBeChanged(t *testing.T) {
	s := New(Config{Channels: []string{"mono"}}, nil, zerolog.Nop())
	if s.takeLimits() {
		t.Error("changed by itself")
	}
	s.SetMaxVolume(-30)
	if !s.takeLimits() || s.guard.maxDB != -30 || s.cfg.MaxVolumeDB != -30 || s.takeLimits() {
		t.Errorf("taken: %v, %v; want -30 once", s.guard.maxDB, s.cfg.MaxVolumeDB)
	}
	g := newGuarded(t, -20, 0)
	g.maxDB = -30
	g.sees(music)
	g.hears("lowered to -30", -30)
	g.set(-30, music) // turned back
	g.hears("turned back", -30)
	g.maxDB = 0
	g.set(-22, music)
	g.hears("raised again", -22)
}
