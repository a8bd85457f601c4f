package ptp

import (
	"fmt"
	"net/netip"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

// State is what the virtual clock is good for.
type State uint8

// The states of the clock. A stream may be sent in the last two.
const (
	Listening    State = iota // no time yet
	Uncalibrated              // a master is being measured for the first time
	Locked                    // follows a master, or is the grandmaster, or will be in a moment, again
	Holdover                  // has been locked, and runs on at its last rate
)

// String returns the word of status.
func (s State) String() string {
	return [...]string{"listening", "uncalibrated", "locked", "holdover"}[s]
}

// Role is what we are in the network's clock tree.
type Role uint8

// The roles.
const (
	RoleNone Role = iota
	RoleFollower
	RoleGrandmaster
)

// String returns the word of status.
func (r Role) String() string { return [...]string{"none", "follower", "grandmaster"}[r] }

// Timestamps says where the instants of event messages come from.
type Timestamps struct {
	Hardware bool
	Why      string // not; empty if they are
}

// String returns the word of status.
func (t Timestamps) String() string {
	if t.Hardware {
		return "hardware"
	}
	return "software"
}

// Status is what the user may know. Zero means unknown where a Known says so.
type Status struct {
	State       State
	Port        PortState
	Role        Role
	Grandmaster aes67.ClockIdentity // whose time the clock shows, or will once it is measured; zero: none
	Own         aes67.ClockIdentity // ours, whatever the state; zero: there is no network
	Parent      wire.PortIdentity   // who sends its time to us; follower only
	Announced   wire.Properties     // what we announce of ourselves; grandmaster only
	Domain      uint8
	Stale       bool // the clock stood still while the computer slept, and was not set since
	Arbitrary   bool // the clock shows a time that is not TAI: ptpTimescale is not set

	OffsetKnown bool
	OffsetNS    float64 // ours minus grandmaster, as the latest Sync shows it
	OffsetRMSNS float64 // root of the mean square of that, over 64 Syncs

	DelayKnown  bool
	PathDelayNS float64 // one way

	FrequencyKnown bool
	FrequencyPPB   aes67.PPB // grandmaster against CLOCK_MONOTONIC, plus = grandmaster fast

	Steps      uint32 // of the virtual clock, since it was first set
	BoundKnown bool
	// ErrorBoundNS is what the virtual clock is surely within of the
	// grandmaster's, asymmetric paths aside. It grows in holdover.
	ErrorBoundNS float64

	Masters int // heard lately, in any domain
	// Silent: no master that might be followed was heard for a whole announce timeout.
	Silent bool
	// Version1 is who speaks PTPv1 here, which nothing in AES67 does: the latest
	// one heard within keepMaster, or the zero Addr.
	Version1 netip.Addr
	TwoStep  bool
	// Deaf: what is sent to the group does not reach this program, as the port finds
	// out.
	Deaf    bool
	Stamps  Timestamps
	Problem string // one sentence for the user, or empty
}

const (
	// boundErrors standard errors are called sure.
	boundErrors = 3
	// oneWayBound is the delay that a network without Delay_Resp is believed to
	// have at most. UNVERIFIED
	oneWayBound = 250 * time.Microsecond
	// handOver is how long a message takes at most from handing it over to the wire,
	// where nobody tells when it left. UNVERIFIED
	handOver = 100 * time.Microsecond
	// holdoverDrift is how much a crystal's frequency may change in holdover,
	// ppb: some degrees of temperature. UNVERIFIED
	holdoverDrift = 500
	// recently is how old a sign may be that a Problem rests on.
	recently = 10 * time.Second
)

// Status tells how things are.
func (e *Engine) Status(now aes67.RawTime) Status {
	s := e.Figures(now)
	s.Problem = e.Trouble(now).String()
	return s
}

// Figures is the Status without its words: it allocates nothing.
func (e *Engine) Figures(now aes67.RawTime) Status {
	f := &e.follower
	s := Status{Domain: e.cfg.Domain, Port: e.state, Masters: len(e.masters.list), Own: e.own.Identity}
	s.Silent = e.state == PortMaster || e.state == PortListening && now >= e.listenUntil
	m, set := e.clock.Load()
	est, known := f.servo.Known()
	held := f.servo.State() >= track.Locked
	s.Steps, s.Arbitrary, s.Stale = m.Steps, set && !e.grandmaster.timescale, e.grandmaster.stale
	switch {
	case e.state == PortMaster:
		s.State, s.Role, s.Grandmaster = Locked, RoleGrandmaster, e.own.Identity
		s.Announced = e.own.Properties
		s.FrequencyPPB, s.FrequencyKnown = m.Sound(), true
		s.OffsetKnown = true // we are the grandmaster: nothing to be off from
	case e.following():
		s.State, s.Role, s.Grandmaster, s.Parent = Uncalibrated, RoleFollower, e.parent.Identity, e.parent.Sender
		s.TwoStep = f.twoStep
		if e.state == PortFollower {
			s.State = Locked
		} else if held {
			s.State, s.Grandmaster = Holdover, e.last
		}
		s.OffsetKnown, s.OffsetNS, s.OffsetRMSNS = f.measured, f.offset, f.offsetRMS()
		s.DelayKnown, s.PathDelayNS = known && f.twoWay, est.Delay
		s.FrequencyKnown, s.FrequencyPPB = known, m.OnMono(est.RateAt(now))
	case held:
		if s.State, s.Grandmaster = Holdover, e.last; now < e.serveOn {
			s.State = Locked // nothing was lost: the port is about to serve
		}
		s.FrequencyKnown, s.FrequencyPPB = set, m.OnMono(m.Rate)
	}
	if s.State != Locked && known && !s.FrequencyKnown {
		s.FrequencyKnown, s.FrequencyPPB = true, m.OnMono(est.RateAt(now))
	}
	s.ErrorBoundNS, s.BoundKnown = e.bound(now, s.State)
	if e.version1From.IsValid() && now.Sub(e.version1At) < keepMaster {
		s.Version1 = e.version1From
	}
	return s
}

// bound returns what the clock is surely within.
func (e *Engine) bound(now aes67.RawTime, state State) (ns float64, known bool) {
	f := &e.follower
	est, estimated := f.servo.Known()
	if e.state == PortMaster || !estimated {
		return 0, false
	}
	ns = boundErrors * est.OffsetSE
	if f.oneWay {
		ns += float64(oneWayBound)
	}
	if f.exchange.handsOver() {
		ns += float64(handOver / 2) // the delay is half of what there and back take
	}
	if e.following() { // what is still to be corrected
		ahead, _ := f.servo.Ahead(now)
		ns += float64(ahead.Abs())
	}
	switch state {
	case Holdover:
		age := max(now.Sub(est.At), 0).Seconds()
		return ns + age*(boundErrors*est.RateSE+2*est.Wander+holdoverDrift), true
	case Locked, Uncalibrated:
		return ns, true
	case Listening:
	}
	return 0, false
}

// Trouble is what keeps the clock from being right. It is compared many times
// and put into words when somebody asks.
type Trouble struct {
	kind   troubleKind
	who    aes67.ClockIdentity // the master in question
	domain uint8               // its domain
	ours   uint8               // the domain that we want

	program string // the other one on this computer
	why     error  // nothing can be sent
}

type troubleKind uint8

const (
	noTrouble       troubleKind = iota
	notSent                     // the kernel refuses it
	noTransmitTimes             // of Sync
	noRequestTimes              // of Delay_Req
	noSync
	noDelayResponse
	otherServes   // as another program on this computer may
	otherAnswered // another program here gets the answers to us
	noClock       // what it sends is the time of none
	uneven        // its messages tell the time too badly
	stoppedDelayResponse
	absurdDelayResponse
	noMaster
	otherDomain  // there is no master but one in another domain
	onlyVersion1 // there is none that speaks PTPv2
	troubleKinds // how many there are
)

// Trouble tells the most important that there is.
func (e *Engine) Trouble(now aes67.RawTime) Trouble {
	f, neighbour := &e.follower, e.neighbourTrouble(now)
	switch {
	case neighbour.kind == otherServes:
		return neighbour
	case e.following() && f.silent(now):
		return Trouble{kind: noSync, who: e.parent.Identity}
	case e.following() && f.absurd:
		return Trouble{kind: noClock, who: e.parent.Identity}
	case (e.following() || e.state == PortMaster) && e.out.stuck():
		return Trouble{kind: notSent, why: e.out.why}
	case neighbour.Exists():
		return neighbour
	case e.following() && f.servo.Fails(now):
		return Trouble{kind: uneven, who: e.parent.Identity}
	case e.state == PortMaster && e.grandmaster.deaf():
		return Trouble{kind: noTransmitTimes}
	case e.following() && f.exchange.absurd >= absurdAnswers:
		return Trouble{kind: absurdDelayResponse, who: e.parent.Identity}
	case e.following() && f.oneWay:
		return Trouble{kind: noDelayResponse, who: e.parent.Identity}
	case e.following() && f.exchange.stopped(now):
		return Trouble{kind: stoppedDelayResponse, who: e.parent.Identity}
	case e.following() && f.exchange.handsOver():
		return Trouble{kind: noRequestTimes}
	case e.state == PortListening && now >= e.listenUntil && !e.withholds(now):
		return e.nobody(now)
	}
	return Trouble{}
}

// nobody tells what is heard in place of a master.
func (e *Engine) nobody(now aes67.RawTime) Trouble {
	t := Trouble{kind: noMaster, ours: e.cfg.Domain}
	for i := range e.masters.list {
		if m := &e.masters.list[i]; m.Domain != e.cfg.Domain && now.Sub(m.At) < recently {
			t.kind, t.who, t.domain = otherDomain, m.Identity, m.Domain
			return t
		}
	}
	if e.version1From.IsValid() && now.Sub(e.version1At) < recently {
		t.kind = onlyVersion1
	}
	return t
}

// Exists reports whether there is any.
func (t Trouble) Exists() bool { return t.kind != noTrouble }

// String says it with the remedy; it is empty where there is none.
func (t Trouble) String() string {
	nobody := ""
	if t.kind >= noMaster {
		nobody = fmt.Sprintf("no PTP master is heard in domain %d", t.ours)
	}
	switch t.kind {
	case notSent:
		return fmt.Sprintf("PTP messages cannot be sent: %v; check the firewall for a rule against outgoing UDP ports 319 and 320, and the interface", t.why)
	case noTransmitTimes:
		return "the network driver gives no transmit timestamps: this machine serves its time, some microseconds late; use another interface, or set clock.mode = \"follower\""
	case noRequestTimes:
		return "the network driver gives no transmit timestamps: the path's delay is measured some microseconds too long; use another interface"
	case noSync:
		return fmt.Sprintf("grandmaster %v announces itself but no Sync arrives: allow UDP port 319 in the firewall, and multicast 224.0.1.129 in the switch", t.who)
	case noDelayResponse:
		return fmt.Sprintf("grandmaster %v does not answer Delay_Req: the switch or the master filters it; the path's delay is taken as 0", t.who)
	case otherServes:
		return fmt.Sprintf("another PTP program runs on this computer, %s: the two do not hear each other, and only one may serve; end it, or let another device be the grandmaster", t.program)
	case otherAnswered:
		return fmt.Sprintf("another PTP program runs on this computer, %s, and gets the grandmaster's answers to us: the path's delay is taken as 0; end it", t.program)
	case noClock:
		return fmt.Sprintf("grandmaster %v's time does not tick: it stands still or runs at a rate that no clock has; restart it, or let another one serve", t.who)
	case uneven:
		return fmt.Sprintf("grandmaster %v cannot be followed: its messages come so irregularly that its time is not known to 0.1 ms; connect it and this computer by cable, or relieve the network", t.who)
	case stoppedDelayResponse:
		return fmt.Sprintf("grandmaster %v no longer answers Delay_Req: the switch or the master filters it, or it has too many followers; the path's delay is taken as it was", t.who)
	case absurdDelayResponse:
		return fmt.Sprintf("grandmaster %v answers Delay_Req with a time that is not its own: such answers are not used; restart it", t.who)
	case noMaster:
		return nobody + "; connect one, or set clock.mode = \"auto\" to serve as grandmaster"
	case otherDomain:
		return fmt.Sprintf("%s; %v serves domain %d: set clock.domain = %d to follow it", nobody, t.who, t.domain, t.domain)
	case onlyVersion1:
		return nobody + "; only PTP version 1 is, which Dante speaks: turn on AES67 mode in a Dante device"
	case noTrouble:
	}
	return ""
}
