package ptp

import (
	"net/netip"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

// What we announce as grandmaster.
const (
	// ownClass is that of a free-running clock, ownAccuracy and ownVariance
	// claim nothing (IEEE 1588-2008, 7.6.2.4 to 7.6.3.3).
	ownClass    = 248
	ownAccuracy = 0xFE
	ownVariance = 0xFFFF
	// ownTimeSource is the internal oscillator (table 7).
	ownTimeSource = 0xA0
	// ownAnnounce, ownSync and ownDelayReq are log2 of seconds: the media
	// profile's defaults (AES67-2018, annex A), and Delay_Req as often as Sync
	// so that followers lock quickly.
	ownAnnounce, ownSync, ownDelayReq = 1, -3, -3
)

// UTCOffset is TAI less UTC since 2017, s (IERS Bulletin C 52). It is told but not called valid:
// nobody has told us that the computer's clock is right.
const UTCOffset = 37

// firstDate is 2024-01-01 in TAI: a date before this program's own is none. It is
// what a computer without a battery has until a time server answers.
const firstDate = aes67.PTPTime(1_704_067_200+UTCOffset) * aes67.PTPTime(time.Second)

// deafSyncs without a transmit timestamp, 2 s of them, tell a driver that gives
// none.
const deafSyncs = 16

// early is when a new grandmaster sends its second Announce: two are what makes
// it eligible (IEEE 1588-2008, 9.3.2.4.4), and nobody need wait for a whole
// interval to hear that the network has a master again.
const early = 250 * time.Millisecond

// settle is how fast a grandmaster that took over from another lets its rate go
// to the one that it ought to have, ppb a second: followers and ears cannot tell.
const settle = 10_000

// grandmaster serves the virtual clock as the domain's time.
type grandmaster struct {
	askedAt    aes67.RawTime // when somebody last asked for the delay to us; 0: never
	clock      *mediaclock.Clock
	own        dataset
	domain     uint8
	timescale  bool // our time is TAI: ptpTimescale
	fresh      bool // nothing was announced yet
	announceAt aes67.RawTime
	syncAt     aes67.RawTime
	settleAt   aes67.RawTime
	announced  uint16    // sequence number of the next Announce
	synced     uint16    // of the next Sync
	target     aes67.PPB // the rate that our time ought to have
	stale      bool      // the computer has slept since the clock was right
	unstamped  int       // Syncs since the latest transmit timestamp
}

// begin starts to serve. A clock that is set goes on from where it is: its
// time is what the streams run on. One that is not, or that stood still while the
// computer slept, is set to the time given.
func (g *grandmaster) begin(now aes67.RawTime, tai aes67.PTPTime) {
	if _, set := g.clock.Load(); !set || g.stale {
		g.clock.Step(now, tai, g.target)
		g.timescale, g.stale = tai >= firstDate, false
	}
	g.announceAt, g.syncAt, g.settleAt = now, now, now
	g.fresh = true
}

// tick sends what is due.
func (g *grandmaster) tick(now aes67.RawTime, out *sender) {
	if now >= g.announceAt {
		if g.announceAt = nextOf(g.announceAt, now, ownAnnounce); g.fresh {
			g.announceAt, g.fresh = now.Add(early), false
		}
		m := g.message(wire.KindAnnounce, g.announced, ownAnnounce)
		g.announced++
		m.Properties = g.own.Properties
		if g.timescale {
			m.Flags |= wire.FlagPTPTimescale
		} else {
			m.Properties.UTCOffset = 0 // means nothing in an arbitrary timescale (7.2.3)
		}
		out.send(&m, netip.Addr{})
	}
	if now >= g.syncAt {
		g.syncAt = nextOf(g.syncAt, now, ownSync)
		m := g.message(wire.KindSync, g.synced, ownSync)
		g.synced++
		// Where nobody tells when it left, the instant of handing over must do: a
		// Follow_Up would never come.
		if !g.deaf() {
			m.Flags |= wire.FlagTwoStep
		}
		m.Time = g.timeAt(now)
		if out.send(&m, netip.Addr{}) {
			g.unstamped++
		}
	}
	if now >= g.settleAt {
		g.settleAt = now.Add(track.ServoInterval)
		g.slowDown(now)
	}
}

// slowDown brings the rate to what it ought to be.
func (g *grandmaster) slowDown(now aes67.RawTime) {
	m, set := g.clock.Load()
	if !set || m.Rate == g.target {
		return
	}
	step := aes67.PPB(settle * track.ServoInterval.Seconds())
	g.clock.Steer(now, max(m.Rate-step, min(m.Rate+step, g.target)))
}

// nextOf returns the next instant of a series that never lags behind.
func nextOf(due, now aes67.RawTime, log int8) aes67.RawTime {
	every := interval(log, log)
	if next := due.Add(every); next > now {
		return next
	}
	return now.Add(every)
}

// transmitted takes the transmit timestamp of a Sync.
func (g *grandmaster) transmitted(sequence uint16, at aes67.RawTime, out *sender) {
	oneStep := g.deaf()
	g.unstamped = 0
	if oneStep {
		return
	}
	m := g.message(wire.KindFollowUp, sequence, ownSync)
	m.Time = g.timeAt(at)
	out.send(&m, netip.Addr{})
}

// answer replies to a Delay_Req: by unicast to one that asked so (IEEE
// 1588-2008, 16.1 and 11.3.2).
func (g *grandmaster) answer(request *wire.Message, at aes67.RawTime, from netip.Addr, out *sender) {
	m := g.message(wire.KindDelayResp, request.Sequence, ownDelayReq)
	m.Correction, m.Transport = request.Correction, request.Transport
	m.Requesting = request.Source
	m.Time = g.timeAt(at)
	var to netip.Addr
	if request.Flags.Has(wire.FlagUnicast) {
		m.Flags |= wire.FlagUnicast
		m.LogInterval = wire.NoInterval
		to = from
	}
	out.send(&m, to)
}

// deaf reports that the kernel gives no transmit timestamps, without which no
// Follow_Up can be sent.
func (g *grandmaster) deaf() bool { return g.unstamped >= deafSyncs }

func (g *grandmaster) timeAt(t aes67.RawTime) aes67.PTPTime {
	m, _ := g.clock.Load()
	return m.PTPAt(t)
}

func (g *grandmaster) message(kind wire.Kind, sequence uint16, log int8) wire.Message {
	return wire.Message{Kind: kind, Domain: g.domain, Source: g.own.sender, Sequence: sequence, LogInterval: log}
}

// next returns when tick is due.
func (g *grandmaster) next() aes67.RawTime { return min(g.announceAt, g.syncAt, g.settleAt) }

// announceTimeout is how long we listen before we serve.
func announceTimeout() time.Duration { return timeoutIntervals * interval(ownAnnounce, ownAnnounce) }
