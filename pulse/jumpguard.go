package pulse

import (
	"fmt"
	"time"

	"aes67-sink/aes67"
)

// jumpGuard decides how loud the sink may be heard. The sound server applies the
// sink's volume to what is recorded, and somebody else may have set it: a player
// (PulseAudio's flat volumes: a player at its own 100 % lifts the sink to 0 dB), a
// session manager that restores an old one, a hand that slipped. So there are two
// volumes: the server's, and the trusted one, which the listener made and which is
// remembered. What is heard is the server's plus a gain of our own, at most 0 dB.
//
//	                     a step of at most 12 dB, or to a harmless level:
//	                     heard at once, trusted; so is every way down
//	                          ┌────┐
//	                          ▼    │        a surprise
//	                     ┌──[trusted]──────────────────────────┐
//	                     │    ▲ ▲                              ▼
//	lowered below what   │    │ └─── set by hand: heard ── [rising] our gain below
//	is heard, or turned  │    │      when the rise ends      │    0 dB, 6 dB a second
//	back to the trusted  └────┤                              ▼
//	volume                    └───── set by hand, or ──── [standing] our gain 0 dB,
//	                                 a minute of playing      not remembered
//
// A surprise is a rise of more than 12 dB within 50 ms that ends above a harmless
// level, or any rise at the very moment at which a player comes or goes. 12 dB of
// it are heard at once if something was playing before, and nothing if not: the
// first sound is at the volume that the listener knows. While the sink is muted, or
// nothing sounds, nothing rises.
//
// Above the most that is allowed, the sink is turned back, and until the server
// has done so our own gain does it.
//
// All that it knows comes in as arguments: it neither asks nor waits.
type jumpGuard struct {
	jumps bool    // jumps are held; otherwise maxDB alone counts
	maxDB float64 // the sink's volume is never above it

	trusted Volume
	seen    Volume // the server's
	bounded Volume // the same, at most maxDB
	own     aes67.Ramp
	pending bool // bounded is not trusted

	base   []float64      // dB: the lowest of each channel since baseAt
	baseAt aes67.MonoTime // when the steps that count as one began
	given  aes67.MonoTime // when a surprise was last heard in part at once
	gave   bool

	from, to float64        // dB: what the last surprise was
	player   bool           // it came with a player
	stood    time.Duration  // for how long it has been played
	looked   aes67.MonoTime // when that was last added to
	turned   aes67.MonoTime // when the sink was last found above maxDB
	back     bool           // it ever was
}

// 10 dB more are heard as about twice as loud (the sone's definition, ISO 532-1).
// harmlessDB is what safety.first-volume is by default: as loud as an unknown
// loudspeaker may begin.
const (
	atOnceDB   = 12.0 // the most that a listener's one step, or a surprise, raises
	riseRate   = 6.0  // dB a second, of a surprise
	harmlessDB = -40.0
	// startDB is where a rise begins that begins in silence.
	startDB = -60.0
	// oneStep is the time within which several changes are one: two of a slider
	// that is dragged, or of a key that is held, add up to a few decibels in it.
	oneStep = 50 * time.Millisecond
	// acceptAfter is how long a volume that nobody set must be heard, without
	// being lowered, until it counts as the listener's.
	acceptAfter = time.Minute
	// toldFor is how long status tells that the sink was turned back.
	toldFor = 10 * time.Second
	// sameDB: two volumes that differ by less are the same; a step of the smallest
	// slider is 0.1 dB near 0 dB.
	sameDB = 0.05
)

// circumstances are what is known beside a volume.
type circumstances struct {
	program bool           // a player came or went at that moment
	playing bool           // something has been playing before
	heard   aes67.MonoTime // until when something is
}

// silent reports whether nothing is heard at an instant.
func (c circumstances) silent(now aes67.MonoTime) bool { return now >= c.heard }

// begin makes a volume the trusted one, as at the start of a sink: what is seen
// next is judged by it.
func (g *jumpGuard) begin(trusted Volume) {
	trusted = trusted.atMost(g.maxDB)
	*g = jumpGuard{
		jumps: g.jumps, maxDB: g.maxDB, given: g.given, gave: g.gave,
		trusted: trusted, seen: trusted, bounded: trusted,
	}
	g.base = decibels(trusted)
}

// see takes the volume that the server tells.
func (g *jumpGuard) see(now aes67.MonoTime, seen Volume, c circumstances) {
	before := decibels(g.bounded)
	g.keep(now, c.heard)
	g.seen, g.bounded = seen, seen.atMost(g.maxDB)
	if seen.DB() > g.maxDB+sameDB {
		g.turned, g.back = now, true
	}
	after := decibels(g.bounded)
	if len(before) != len(after) { // another sink altogether
		before = after
		g.base = append([]float64(nil), after...)
	}
	if now.Sub(g.baseAt) >= oneStep {
		copy(g.base, before)
		g.baseAt = now
	}
	step := highest(after, g.base, startDB)           // within the last moment
	raised := highest(after, before, aes67.SilenceDB) // by this change
	lowered := highest(before, after, aes67.SilenceDB)
	for i, db := range after {
		g.base[i] = min(g.base[i], db)
	}
	held := g.own.FromDB // below the volume before
	above := highest(after, before, startDB) - held
	byHand := !c.program && (step <= atOnceDB || g.bounded.DB() <= harmlessDB)
	switch {
	case !g.jumps:
		g.own.FromDB = 0
		g.trust()
	case above <= sameDB: // at most what is heard
		g.own.FromDB = 0
		// What has not changed nobody has set.
		if set := raised > sameDB || lowered > sameDB; set && !c.program || g.bounded.DB() <= g.trusted.DB() {
			g.trust()
		}
	case raised <= sameDB: // lowered, or as it was
		g.own.FromDB = -above
		if lowered > sameDB && !c.program {
			g.trust()
		}
	case byHand:
		if held < 0 {
			g.own.FromDB = -above
		} else {
			g.own.FromDB = 0
		}
		g.trust()
	default:
		g.surprise(now, above, c)
	}
	g.trusted.Muted, g.to = seen.Muted, g.bounded.DB()
	g.own.Rise = riseRate
	if seen.Muted || c.silent(now) {
		g.own.Rise = 0
	}
}

// waits reports whether the volume is to be seen anew, for a sound has begun or ended
// under a gain of our own.
func (g *jumpGuard) waits(silent bool) bool {
	return g.own.FromDB < 0 && !g.seen.Muted && silent == (g.own.Rise > 0)
}

// surprise holds what is that much above what is heard.
func (g *jumpGuard) surprise(now aes67.MonoTime, above float64, c circumstances) {
	give := 0.0
	quiet := c.program || !c.playing || c.silent(now) || g.own.FromDB < 0
	if !quiet && !(g.gave && now.Sub(g.given) < seconds(atOnceDB/riseRate)) {
		give, g.given, g.gave = atOnceDB, now, true
	}
	if !g.pending {
		g.from = g.trusted.DB()
	}
	g.player, g.pending, g.stood, g.looked = c.program, true, 0, now
	g.own.FromDB = min(0, give-above)
	if !c.program {
		g.own.FromDB = min(0, max(g.own.FromDB, harmlessDB-g.bounded.DB()))
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// keep moves our own gain to now: it has risen as long as it was heard.
func (g *jumpGuard) keep(now, heard aes67.MonoTime) {
	g.own.FromDB, g.own.At = g.own.DB(min(now, heard)), now
}

// trust makes the volume the listener's.
func (g *jumpGuard) trust() { g.trusted, g.pending, g.stood = g.bounded, false, 0 }

// look lets time pass: a volume that was heard for long is trusted. Between two looks that
// are far apart nobody has seen to it. It reports whether that has just happened.
func (g *jumpGuard) look(now aes67.MonoTime, heard bool) (accepted bool) {
	if g.pending && heard && !g.seen.Muted && g.own.DB(now) == 0 {
		g.stood += min(now.Sub(g.looked), 2*heartbeat)
	}
	g.looked = now
	if !g.pending || g.stood < acceptAfter {
		return false
	}
	g.trust()
	return true
}

// ramp is the gain of our own from now on.
func (g *jumpGuard) ramp() aes67.Ramp {
	r, over := g.own, g.over()
	r.FromDB, r.ToDB = r.FromDB-over, -over
	return r
}

// over is how far the server's volume is above the most that is allowed, in dB.
func (g *jumpGuard) over() float64 {
	if over := g.seen.DB() - g.bounded.DB(); over > sameDB {
		return over
	}
	return 0
}

// notice is the sentence that status tells, or empty.
func (g *jumpGuard) notice(now aes67.MonoTime) string {
	switch {
	case g.pending && g.player:
		return fmt.Sprintf("a program raised the sink's volume from %.1f to %.1f dB: the sound rises slowly, and the volume is not remembered until you set it; to keep programs from that, set flat-volumes = no in /etc/pulse/daemon.conf", g.from, g.to)
	case g.pending:
		return fmt.Sprintf("the sink's volume went from %.1f to %.1f dB at once: the sound rises slowly, and the volume is not remembered until you change it in smaller steps or have listened for a minute; safety.jump-guard = false turns this off", g.from, g.to)
	case g.back && now.Sub(g.turned) < toldFor:
		return fmt.Sprintf("the sink's volume was turned back to %.1f dB, the most that safety.max-volume allows: turn up the loudspeakers, or raise safety.max-volume", g.maxDB)
	}
	return ""
}

// atMost returns v, turned down as a whole until no channel is above maxDB.
func (v Volume) atMost(maxDB float64) Volume {
	most, loudest := LevelOf(maxDB), v.loudest()
	if loudest <= most {
		return v
	}
	lower := Volume{Levels: make([]Level, len(v.Levels)), Muted: v.Muted}
	for i, l := range v.Levels {
		lower.Levels[i] = Level(uint64(l) * uint64(most) / uint64(loudest))
	}
	return lower
}

// decibels returns the gain of each channel.
func decibels(v Volume) []float64 {
	db := make([]float64, len(v.Levels))
	for i, l := range v.Levels {
		db[i] = l.DB()
	}
	return db
}

// highest returns by how much the channel that is farthest above its reference is
// above it; below floor all references are alike.
func highest(db, reference []float64, floor float64) float64 {
	most := aes67.SilenceDB
	for i := range db {
		most = max(most, max(db[i], floor)-max(reference[i], floor))
	}
	return most
}
