package lab

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
	"aes67-sink/ptp/wire"
)

// GrandmasterConfig scripts a PTP grandmaster, bad behaviour included. The
// zero value of every field is a usable default, but for the identity.
type GrandmasterConfig struct {
	Clock    Oscillator // its time, against CLOCK_MONOTONIC_RAW
	Identity aes67.ClockIdentity
	Domain   uint8

	Priority1, Priority2 uint8 // 0: 128
	Class                uint8 // 0: 248
	Accuracy             uint8 // 0: 0xFE, unknown
	ARB                  bool  // its epoch is its own: ptpTimescale is not set

	OneStep     bool
	AnnounceLog int8 // log2 of the seconds between Announces; see MediaProfile
	SyncLog     int8
	DelayReqLog int8

	Deaf          bool   // never answers a Delay_Req
	Silent        bool   // sends no Sync
	Astray        bool   // answers it with a time that is not its own
	FollowUpFirst bool   // simulated links only: Follow_Up overtakes its Sync
	TLV           bool   // Announces carry a TLV that nobody knows
	Steps         []Step // jumps of its time
	Noise         Jitter // added to every path, in the timestamps it tells
	Seed          uint64 // of Noise
}

// Step is a jump of a grandmaster's time.
type Step struct {
	At aes67.RawTime
	By time.Duration
}

// MediaProfile sets the intervals of AES67's media profile with Delay_Req as
// often as Sync: Announce 2^1 s, the others 2^-3 s (AES67-2018, annex A).
func (c *GrandmasterConfig) MediaProfile() {
	c.AnnounceLog, c.SyncLog, c.DelayReqLog = 1, -3, -3
}

// Grandmaster is a PTP master whose time is known at every instant. Its centre
// is pure: Tick, Handle and Transmitted take instants and send through Send.
// Serve runs it on a network.
type Grandmaster struct {
	cfg    GrandmasterConfig
	Send   func(b []byte) // event messages and others, to the PTP group
	random *rand.Rand

	announceAt, syncAt   aes67.RawTime
	announceSeq, syncSeq uint16
	handed               map[uint16]handing   // Syncs that have not left
	latencies            [15]time.Duration    // from handing over to leaving, the latest
	guesses, wrong       atomic.Int64         // one-step: how many, and ns that they were off together
	now                  func() aes67.RawTime // on a network; nil in a simulation
	buf                  []byte
}

// handing is a Sync on its way to the wire.
type handing struct {
	at    aes67.RawTime
	guess time.Duration // how long it will take
}

// NewGrandmaster makes a grandmaster that has sent nothing yet.
func NewGrandmaster(cfg GrandmasterConfig) *Grandmaster {
	for field, value := range map[*uint8]uint8{&cfg.Priority1: 128, &cfg.Priority2: 128, &cfg.Class: 248, &cfg.Accuracy: 0xFE} {
		if *field == 0 {
			*field = value
		}
	}
	return &Grandmaster{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 2)), handed: map[uint16]handing{}}
}

// TimeAt returns what its clock shows at an instant of CLOCK_MONOTONIC_RAW.
func (g *Grandmaster) TimeAt(t aes67.RawTime) aes67.PTPTime {
	shown := g.cfg.Clock.At(t)
	for _, s := range g.cfg.Steps {
		if t >= s.At {
			shown = shown.Add(s.By)
		}
	}
	return shown
}

// RateAt returns its frequency against CLOCK_MONOTONIC_RAW, plus = fast.
func (g *Grandmaster) RateAt(t aes67.RawTime) aes67.PPB { return g.cfg.Clock.Rate(t) }

// Next returns when Tick is due.
func (g *Grandmaster) Next() aes67.RawTime {
	if g.cfg.Silent {
		return g.announceAt
	}
	return min(g.announceAt, g.syncAt)
}

// Tick sends what is due.
func (g *Grandmaster) Tick(now aes67.RawTime) {
	if now >= g.announceAt {
		g.announceAt = later(g.announceAt, now, g.cfg.AnnounceLog)
		g.announce()
	}
	if now >= g.syncAt && !g.cfg.Silent {
		g.syncAt = later(g.syncAt, now, g.cfg.SyncLog)
		g.sync(now)
	}
}

// later returns the next instant of a series that is at most one interval
// behind now.
func later(due, now aes67.RawTime, log int8) aes67.RawTime {
	every := time.Duration(math.Ldexp(float64(time.Second), int(log)))
	if next := due.Add(every); next > now {
		return next
	}
	return now.Add(every)
}

func (g *Grandmaster) announce() {
	m := g.header(wire.KindAnnounce, g.announceSeq, g.cfg.AnnounceLog)
	g.announceSeq++
	if !g.cfg.ARB {
		m.Flags |= wire.FlagPTPTimescale
	}
	m.Properties = wire.Properties{
		Priority1: g.cfg.Priority1, Class: g.cfg.Class, Accuracy: g.cfg.Accuracy, Variance: 0xFFFF,
		Priority2: g.cfg.Priority2, Identity: g.cfg.Identity, UTCOffset: ptp.UTCOffset, TimeSource: 0xA0,
	}
	g.send(&m)
}

func (g *Grandmaster) sync(now aes67.RawTime) {
	m := g.header(wire.KindSync, g.syncSeq, g.cfg.SyncLog)
	g.syncSeq++
	if g.now != nil {
		now = g.now()
	}
	// A one-step clock must know beforehand when a message will leave.
	latencies := g.latencies
	slices.Sort(latencies[:])
	guess := latencies[len(latencies)/2]
	g.handed[m.Sequence] = handing{now, guess}
	delete(g.handed, m.Sequence-64)
	m.Time = g.TimeAt(now.Add(guess))
	if g.cfg.OneStep {
		m.Time = m.Time.Add(-g.noise())
	} else {
		m.Flags |= wire.FlagTwoStep
	}
	g.send(&m)
}

// Transmitted takes the instant at which an event message left.
func (g *Grandmaster) Transmitted(kind wire.Kind, sequence uint16, at aes67.RawTime) {
	handed, ok := g.handed[sequence]
	if kind != wire.KindSync || !ok {
		return
	}
	delete(g.handed, sequence)
	took := at.Sub(handed.at)
	g.latencies[int(sequence)%len(g.latencies)] = took
	if g.cfg.OneStep {
		g.guesses.Add(1)
		g.wrong.Add(int64((took - handed.guess).Abs()))
		return
	}
	m := g.header(wire.KindFollowUp, sequence, g.cfg.SyncLog)
	m.Time = g.TimeAt(at).Add(-g.noise())
	g.send(&m)
}

// GuessError is by how much the time in a one-step Sync was off on average: such a
// clock in software knows no better. Any goroutine may call it.
func (g *Grandmaster) GuessError() time.Duration {
	return time.Duration(g.wrong.Load() / max(g.guesses.Load(), 1))
}

// Datagram takes a message; Delay_Req is all that is answered.
func (g *Grandmaster) Datagram(d *port.Datagram) {
	request, err := wire.Decode(d.Bytes)
	if err != nil || request.Kind != wire.KindDelayReq || request.Domain != g.cfg.Domain || g.cfg.Deaf {
		return
	}
	m := g.header(wire.KindDelayResp, request.Sequence, g.cfg.DelayReqLog)
	m.Correction = request.Correction
	m.Requesting = request.Source
	m.Time = g.TimeAt(d.At).Add(g.noise())
	if g.cfg.Astray {
		m.Time = m.Time.Add(time.Hour)
	}
	g.send(&m)
}

// noise is what the path is said to have added: a Sync that left earlier, or a
// Delay_Req that came later, is one that took longer.
func (g *Grandmaster) noise() time.Duration {
	if g.cfg.Noise == nil {
		return 0
	}
	return g.cfg.Noise(g.random)
}

func (g *Grandmaster) header(kind wire.Kind, sequence uint16, log int8) wire.Message {
	return wire.Message{
		Kind: kind, Domain: g.cfg.Domain, Sequence: sequence, LogInterval: log,
		Source: wire.PortIdentity{Clock: g.cfg.Identity, Port: 1},
	}
}

func (g *Grandmaster) send(m *wire.Message) {
	g.buf = m.Append(g.buf[:0])
	if m.Kind == wire.KindAnnounce && g.cfg.TLV {
		// ORGANIZATION_EXTENSION of an organization that does not exist
		// (IEEE 1588-2008, 14.3).
		g.buf = append(g.buf, 0, 3, 0, 8, 0xFE, 0xFE, 0xFE, 0, 0, 1, 0xCA, 0xFE)
		g.buf[3] = byte(len(g.buf))
	}
	g.Send(g.buf)
}

// Serve runs g on an interface until ctx is done. The ports are its own; they
// are left open.
func (g *Grandmaster) Serve(ctx context.Context, ports *port.Sockets, iface net.Interface, addr netip.Addr, now func() aes67.RawTime) error {
	if err := ports.Join(iface.Index); err != nil {
		return err
	}
	if err := ports.Select(iface, addr); err != nil {
		return err
	}
	defer ports.WakeOn(ctx)()
	g.Send = func(b []byte) { _ = ports.Send(b, netip.Addr{}) } // a lost message is nothing new to PTP
	g.announceAt, g.syncAt, g.now = now(), now(), now
	for ctx.Err() == nil {
		if err := ports.Wait(now(), g.Next(), g); err != nil {
			return err
		}
		g.Tick(now())
	}
	return nil
}

// SetClock gives it another clock, such as one that runs at another rate from
// now on.
func (g *Grandmaster) SetClock(o Oscillator) { g.cfg.Clock = o }

// SetIntervals changes how often it sends, and lets others ask, from its next
// messages on: log2 of seconds.
func (g *Grandmaster) SetIntervals(announce, sync, delayReq int8) {
	g.cfg.AnnounceLog, g.cfg.SyncLog, g.cfg.DelayReqLog = announce, sync, delayReq
}
