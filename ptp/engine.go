package ptp

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

// Output is what the engine can do besides steering its clock.
type Output interface {
	// Send sends an encoded message to one address, or to the PTP group if to
	// is zero, or says why it cannot. The bytes are reused afterwards. The engine
	// is told by TxTimestamp when an event message left.
	Send(b []byte, to netip.Addr) error
}

// unsentMessages in a row, of one port, tell that nothing leaves: half a second of
// Syncs, or four Delay_Req.
const unsentMessages = 4

// sender encodes what is sent.
type sender struct {
	out Output
	buf []byte
	// How many in a row could not be sent, event messages (port 319) and general ones
	// (320): a firewall may know them apart. And why the latest could not.
	unsent [2]int
	why    error
}

// send reports whether the message was handed over.
func (s *sender) send(m *wire.Message, to netip.Addr) bool {
	s.buf = m.Append(s.buf[:0])
	unsent := &s.unsent[0]
	if !m.Kind.Event() {
		unsent = &s.unsent[1]
	}
	if err := s.out.Send(s.buf, to); err != nil {
		*unsent, s.why = *unsent+1, err
		return false
	}
	*unsent = 0
	return true
}

// stuck reports that nothing leaves by one of the ports.
func (s *sender) stuck() bool { return max(s.unsent[0], s.unsent[1]) >= unsentMessages }

// EngineConfig says what an engine is in the network's clock tree.
type EngineConfig struct {
	Mode                 aes67.ClockMode
	Domain               uint8
	Priority1, Priority2 uint8
	Seed                 uint64 // of the spacing of Delay_Req
}

// PortState is what the engine's only port does (IEEE 1588-2008, table 8;
// names of the 2019 edition).
type PortState uint8

// The states of a port. PRE_MASTER does not occur: an ordinary clock that
// serves is the grandmaster and need not wait for others.
const (
	PortDisabled PortState = iota
	PortListening
	PortUncalibrated // a master is chosen, the clock is not locked yet
	PortFollower
	PortMaster
)

// String returns the name that is logged.
func (s PortState) String() string {
	return [...]string{"disabled", "listening", "uncalibrated", "follower", "master"}[s]
}

// heartbeat is how often Tick wants to be called at least.
const heartbeat = 250 * time.Millisecond

// pendingLimit is how long we wait for masters that never qualify before we
// serve all the same; longer for those that tell a longer interval, of which the second
// Announce is to come.
const pendingLimit = 8 * time.Second

// Engine is an ordinary clock with end-to-end delay measurement. It is pure:
// messages and instants go in, messages go out through Output, and the virtual
// clock is steered. It belongs to one context.
type Engine struct {
	cfg     EngineConfig
	out     sender
	decoder wire.Decoder
	clock   *mediaclock.Clock
	random  *rand.Rand
	masters *Masters

	state        PortState
	own          dataset
	tai          mediaclock.Map // TAI as the computer's clock knew it last
	listenUntil  aes67.RawTime
	pendingSince aes67.RawTime
	steerAt      aes67.RawTime
	parent       Announcement        // of the master that is followed
	last         aes67.ClockIdentity // whose time the clock shows; zero: our own
	moved        bool                // nobody was followed since the start, nor did we serve: it may be on another network
	serveOn      aes67.RawTime       // until then it serves at once: the network had our time a moment ago
	follower     follower
	grandmaster  grandmaster
	neighbour    string // another PTP program on this computer
	withheld     bool   // nobody but a follower needs us
	version1At   aes67.RawTime
	version1From netip.Addr
}

// NewEngine makes an engine that is disabled.
func NewEngine(cfg EngineConfig, clock *mediaclock.Clock, out Output) *Engine {
	e := &Engine{
		cfg: cfg, out: sender{out: out}, clock: clock,
		random: rand.New(rand.NewPCG(cfg.Seed, 1588)), masters: NewMasters(0, cfg.Domain),
	}
	e.follower = follower{clock: clock, servo: track.NewServo(clock), estimator: new(track.Estimator)}
	e.follower.exchange.sequence = uint16(e.random.Uint32())
	e.grandmaster = grandmaster{clock: clock, domain: cfg.Domain}
	return e
}

// Resume gives a new engine the time of one that ran until a moment ago on the
// same clock of the computer. It is in holdover until it has a master, or serves: at
// once, if that one was the grandmaster and nobody can have missed it yet.
func (e *Engine) Resume(r Resumption) {
	e.clock.Step(r.At, r.Time, r.Frequency)
	e.follower.servo.Trust()
	e.last = r.Grandmaster
	e.grandmaster.timescale = !r.Arbitrary
	if r.Grandmaster.IsZero() && e.cfg.Mode != aes67.ClockFollower {
		e.serveOn = r.At.Add(announceTimeout())
	}
}

// Resumption is what one run leaves to the next.
type Resumption struct {
	At          aes67.RawTime
	Time        aes67.PTPTime       // at that instant
	Frequency   aes67.PPB           // without what a servo adds for the phase's sake
	Grandmaster aes67.ClockIdentity // whose time it is; zero: our own
	Arbitrary   bool                // it is not TAI
}

// Start lets the engine run on a port. tai is International Atomic Time now,
// as far as it is known; masters are those heard there so far, or nil; since
// is from when on we listened.
func (e *Engine) Start(now aes67.RawTime, port wire.PortIdentity, tai aes67.PTPTime, masters *Masters, since aes67.RawTime) {
	e.Stop(now)
	if masters == nil {
		masters = NewMasters(0, e.cfg.Domain)
	}
	e.masters = masters
	e.own = dataset{Properties: wire.Properties{
		Priority1: e.cfg.Priority1, Class: ownClass, Accuracy: ownAccuracy, Variance: ownVariance,
		Priority2: e.cfg.Priority2, Identity: port.Clock, UTCOffset: UTCOffset, TimeSource: ownTimeSource,
	}, sender: port, receiver: port}
	e.grandmaster.own, e.grandmaster.unstamped = e.own, 0
	e.SetTAI(now, tai)
	e.listenUntil = min(since, now).Add(announceTimeout())
	if now < e.serveOn {
		e.listenUntil = now
	}
	e.serveOn = 0
	e.pendingSince, e.moved = 0, true
	e.enter(PortListening, now)
	e.decide(now)
}

// Slept stops an engine whose computer has slept: its clock stood still. It is
// not to be trusted until a master is followed, or we serve anew.
func (e *Engine) Slept(now aes67.RawTime) {
	e.Stop(now)
	e.follower.servo = track.NewServo(e.clock)
	e.last, e.serveOn, e.grandmaster.stale = aes67.ClockIdentity{}, 0, true
}

// SetTAI tells anew what International Atomic Time is, as far as it is known: a
// computer without a battery gets its date after the network. It counts for a
// clock that is not set when the engine begins to serve.
func (e *Engine) SetTAI(now aes67.RawTime, tai aes67.PTPTime) {
	e.tai = mediaclock.Map{Raw: now, PTP: tai}
}

// Port returns the state of the engine's port.
func (e *Engine) Port() PortState { return e.state }

// Masters returns what is heard on the engine's port.
func (e *Engine) Masters() *Masters { return e.masters }

// Stop disables the engine. The clock runs on at its last rate.
func (e *Engine) Stop(now aes67.RawTime) {
	if e.state == PortDisabled {
		return
	}
	e.leave(now)
	e.state = PortDisabled
}

// leave ends what a state does.
func (e *Engine) leave(now aes67.RawTime) {
	if e.following() {
		e.follower.servo.Hold(now)
	}
}

func (e *Engine) enter(s PortState, now aes67.RawTime) {
	if e.state == s {
		return
	}
	e.leave(now)
	e.state = s
	e.out.unsent = [2]int{} // other messages are due
	switch s {
	case PortMaster:
		e.moved = false // our time is this network's now
		e.grandmaster.begin(now, e.tai.PTPAt(now))
		e.follower.servo.Trust()
		e.last = aes67.ClockIdentity{}
	case PortListening:
		e.steerAt = now
	default:
	}
}

// HandleEvent takes a message of the event port.
func (e *Engine) HandleEvent(b []byte, at aes67.RawTime, from netip.Addr) {
	m, ok := e.accept(b, at, from)
	if !ok || !m.Kind.Event() {
		return
	}
	if m.Kind == wire.KindSync {
		e.masters.noteSync(&m)
	}
	switch {
	case m.Kind == wire.KindDelayReq && e.state == PortMaster:
		e.grandmaster.askedAt = at
		e.grandmaster.answer(&m, at, from, &e.out)
	case m.Kind == wire.KindSync && e.fromParent(&m):
		e.follower.handleSync(&m, at)
	}
}

// HandleGeneral takes a message of the general port.
func (e *Engine) HandleGeneral(b []byte, at aes67.RawTime, from netip.Addr) {
	m, ok := e.accept(b, at, from)
	if !ok || m.Kind.Event() {
		return
	}
	switch m.Kind {
	case wire.KindAnnounce:
		e.masters.Observe(&m, at, from)
		e.decide(at)
	case wire.KindFollowUp:
		if e.fromParent(&m) {
			e.follower.handleFollowUp(&m)
		}
	case wire.KindDelayResp:
		if m.Requesting == e.own.sender && e.fromParent(&m) {
			e.follower.handleResponse(&m)
		}
	default: // an event message that came to the wrong port
	}
}

// accept decodes a message and drops what does not concern this clock.
// Announces of other domains pass: they are listed, and never chosen.
func (e *Engine) accept(b []byte, at aes67.RawTime, from netip.Addr) (wire.Message, bool) {
	m, err := e.decoder.Decode(b)
	switch {
	case err != nil:
		if errors.Is(err, wire.ErrVersion1) {
			e.version1At, e.version1From = at, from
		}
		return m, false
	case e.state == PortDisabled, m.Source.Clock == e.own.sender.Clock:
		return m, false
	case m.Domain != e.cfg.Domain:
		return m, m.Kind == wire.KindAnnounce
	case m.Flags.Has(wire.FlagAlternateMaster) && m.Kind != wire.KindAnnounce:
		return m, false
	}
	return m, true
}

func (e *Engine) following() bool { return e.state == PortUncalibrated || e.state == PortFollower }

func (e *Engine) fromParent(m *wire.Message) bool {
	return e.following() && m.Source == e.follower.parent && m.Domain == e.cfg.Domain
}

// TxTimestamp takes the instant at which an event message left.
func (e *Engine) TxTimestamp(kind wire.Kind, sequence uint16, at aes67.RawTime) {
	switch {
	case kind == wire.KindSync && e.state == PortMaster:
		e.grandmaster.transmitted(sequence, at, &e.out)
	case kind == wire.KindDelayReq && e.following():
		e.follower.handleSent(sequence, at)
	}
}

// ServeAt tells at which rate our time ought to go when we are the grandmaster.
func (e *Engine) ServeAt(rate aes67.PPB) { e.grandmaster.target = rate }

// decide runs the state decision.
func (e *Engine) decide(now aes67.RawTime) {
	if e.state == PortDisabled {
		return
	}
	e.masters.setSyncing(e.follower.parent, e.cfg.Domain, e.following() && e.follower.hears(now))
	best := e.masters.best(e.cfg.Domain, e.own.sender, now)
	s := situation{
		own:      &e.own,
		silent:   now >= e.listenUntil,
		serving:  e.state == PortMaster && e.mayServe(now),
		mayServe: e.mayServe(now),
		compete:  e.cfg.Mode == aes67.ClockGrandmaster,
		pending:  e.pending(now),
	}
	if best != nil {
		s.best = best.dataset(e.own.sender)
	}
	switch choose(&s) {
	case serve:
		e.enter(PortMaster, now)
	case follow:
		e.parent = best.Announcement
		if !e.following() || e.follower.parent != best.Sender {
			e.enter(PortListening, now)             // ends what was
			if e.moved && best.Identity != e.last { // the time of another network is nobody's here
				e.follower.servo = track.NewServo(e.clock)
			}
			e.moved = false
			e.follower.begin(best.Sender, now)
			e.enter(PortUncalibrated, now)
			e.steerAt = now
			e.ask(now)
		}
	case stay:
		if e.state != PortListening {
			e.enter(PortListening, now)
		}
	}
}

// pending reports whether a master is waited for that may yet qualify.
func (e *Engine) pending(now aes67.RawTime) bool {
	longest := e.masters.pending(e.cfg.Domain, e.own.sender, now)
	if now < e.listenUntil || longest == 0 {
		e.pendingSince = 0
		return false
	}
	if e.pendingSince == 0 {
		e.pendingSince = now
	}
	return now.Sub(e.pendingSince) < max(pendingLimit, longest+longest/4)
}

// Next returns when Tick is due at the latest.
func (e *Engine) Next(now aes67.RawTime) aes67.RawTime {
	next := now.Add(heartbeat)
	switch {
	case e.state == PortMaster:
		next = min(next, e.grandmaster.next())
	case e.following():
		next = min(next, e.follower.nextAsk, e.steerAt)
	}
	return next
}

// Tick does what is due.
func (e *Engine) Tick(now aes67.RawTime) {
	if e.state == PortDisabled {
		return
	}
	e.masters.Forget(now)
	e.decide(now)
	switch {
	case e.state == PortMaster:
		e.grandmaster.tick(now, &e.out)
	case e.following():
		if now >= e.follower.nextAsk {
			e.ask(now)
		}
		if now >= e.steerAt {
			e.steerAt = now.Add(track.ServoInterval)
			e.follower.steer(now)
			if e.follower.servo.Applied() {
				e.last, e.grandmaster.timescale = e.parent.Identity, e.parent.Flags.Has(wire.FlagPTPTimescale)
				e.grandmaster.stale = false
			}
			e.judge()
		}
	}
}

// judge follows the servo with the port's state.
func (e *Engine) judge() {
	e.state = PortUncalibrated
	if e.follower.servo.State() == track.Locked {
		e.state = PortFollower
	}
}

// ask sends a Delay_Req and draws when to send the next: at random within two
// of the master's intervals, so that many followers do not ask at once
// (IEEE 1588-2008, 9.5.11.2).
func (e *Engine) ask(now aes67.RawTime) {
	m := wire.Message{
		Kind: wire.KindDelayReq, Transport: e.parent.Transport, Domain: e.cfg.Domain, Source: e.own.sender,
		LogInterval: wire.NoInterval,
	}
	var to netip.Addr
	var unicast bool
	if m.Sequence, unicast = e.follower.exchange.request(now); unicast && e.parent.Address.Is4() {
		to = e.parent.Address
		m.Flags = wire.FlagUnicast
	}
	e.follower.nextAsk = now.Add(time.Duration(e.random.Int64N(int64(2*e.follower.wait()))) + 1)
	e.out.send(&m, to)
}
