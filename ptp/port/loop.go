package port

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// loop is what Run's goroutine works on. Its lock is held but for the time in
// which that waits, and by those who ask how things are.
type loop struct {
	mu        sync.Mutex
	cfg       Config
	ports     *Sockets
	log       zerolog.Logger
	engine    *ptp.Engine
	tether    Tether
	renewed   mediaclock.Map // what renew left
	used      int
	self      wire.PortIdentity
	masters   map[int]*ptp.Masters  // by interface
	heardAt   map[int]aes67.RawTime // when an interface was heard last, or its membership renewed
	answers   bucket                // of Delay_Req that may still be answered
	neighbour neighbour
	echo      echo
	echoes    func(b []byte, ifindex int) error // sends one
	deaf      bool                              // by its word
	waits     bool                              // the engine, for its word
	since     aes67.RawTime                     // from when on the interface in use was listened to
	woke      aes67.RawTime                     // when the computer woke up last; nothing was heard before
	udpTable  string                            // where the sockets of this computer are listed
	left      uint64                            // changes of the masters of interfaces that were left
	told      news
	known     roll          // which masters were logged
	due       aes67.RawTime // of the next look for changes
	failures  failures
}

// news is what is told when it changes.
type news struct {
	state       ptp.State
	role        ptp.Role
	port        ptp.PortState
	grandmaster aes67.ClockIdentity
	stamps      ptp.Timestamps
	steps       uint32
	trouble     ptp.Trouble
	deaf        bool
}

// Datagram takes a message from the ports.
func (l *loop) Datagram(d *Datagram) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	if l.echo.took(d, now) {
		return
	}
	l.heardAt[d.Interface] = now
	if d.Group && d.Interface == l.used {
		l.echo.others(now)
	}
	kind := wire.KindOf(d.Bytes)
	switch {
	case d.Event && !kind.Event(), !d.Group && byGroupOnly(kind):
	case kind == wire.KindDelayReq && d.Interface == l.used && !l.answers.take(now):
	case d.Interface != l.used:
		m, err := wire.Decode(d.Bytes)
		ours := l.used != 0 && m.Source.Clock == l.self.Clock // a second way into our network
		if !d.Event && err == nil && m.Kind == wire.KindAnnounce && !ours {
			l.mastersOn(d.Interface).Observe(&m, now, d.From)
		}
	case d.Event:
		l.engine.HandleEvent(d.Bytes, d.At, d.From)
	default:
		l.engine.HandleGeneral(d.Bytes, now, d.From)
	}
}

// byGroupOnly reports whether a message counts only if it was sent to the group:
// what makes a master comes from the wire that we are on, not by some router.
// Answers to us may come to us alone (IEEE 1588-2008, 16.1).
func byGroupOnly(k wire.Kind) bool {
	return k == wire.KindAnnounce || k == wire.KindSync || k == wire.KindFollowUp
}

const (
	// answersEach is how many Delay_Req a second are answered: 8 a second of 250
	// followers. answersBurst may come at once.
	answersEach, answersBurst = 2000, 500
)

// bucket bounds how often something is done: a sender may claim any address.
type bucket struct {
	used int           // of answersBurst
	at   aes67.RawTime // as of when
}

// take reports whether it may be done once more.
func (b *bucket) take(now aes67.RawTime) bool {
	if back := int(now.Sub(b.at).Seconds() * answersEach); back > 0 {
		b.used, b.at = max(b.used-back, 0), now
	}
	if b.used >= answersBurst {
		return false
	}
	b.used++
	return true
}

// start lets the engine begin on the interface in use.
func (l *loop) start(listenedSince aes67.RawTime) {
	now := l.cfg.Now()
	l.neighbour.due = 0
	l.watchNeighbours(now) // or it would serve for a moment
	l.engine.Start(now, l.self, l.ports.TAI(now), l.mastersOn(l.used), listenedSince)
}

// wake begins anew after the computer has slept: others may have the time now,
// and that of ours stood still.
func (l *loop) wake() {
	l.log.Warn().Msg("the computer has slept: the clock begins anew")
	for ifindex := range l.masters {
		l.drop(ifindex)
	}
	now := l.cfg.Now()
	l.since, l.woke = now, now
	l.engine.Slept(now)
	if l.used != 0 {
		l.start(now)
	}
	l.ports.Rejoin()
}

// changed reports whether the engine has steered its clock since renew, or
// CLOCK_MONOTONIC has begun or ended to be slewed.
func (l *loop) changed() bool {
	m, _ := l.tether.Clock.Load()
	return m != l.renewed || l.ports.slewed
}

// renew brings what was read of CLOCK_MONOTONIC into the clock.
func (l *loop) renew() {
	l.tether.Renew(l.engine.Port() == ptp.PortMaster, l.ports.slewed)
	l.ports.slewed = false
	l.renewed, _ = l.tether.Clock.Load()
}

const (
	// membershipTime is after how long of silence a switch may have forgotten that
	// we listen: half of what IGMP gives a group that nobody asks for (RFC 3376,
	// 8.4: 260 s) is too long for a clock.
	membershipTime = 30 * time.Second
)

// renewMemberships joins anew where nothing was heard for long.
func (l *loop) renewMemberships(now aes67.RawTime) {
	for ifindex, at := range l.heardAt {
		if now.Sub(at) < membershipTime {
			continue
		}
		l.heardAt[ifindex] = now
		if !l.ports.renew(ifindex) {
			delete(l.heardAt, ifindex)
		}
	}
}

// Transmitted takes a transmit timestamp from the ports.
func (l *loop) Transmitted(kind wire.Kind, sequence uint16, at aes67.RawTime) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine.TxTimestamp(kind, sequence, at)
}

// Send lets the engine send.
func (l *loop) Send(b []byte, to netip.Addr) error {
	err := l.ports.Send(b, to)
	if err == nil {
		return nil
	}
	l.failures.note(err)
	if errno := syscall.Errno(0); errors.As(err, &errno) { // the reason alone
		return errno
	}
	return err
}

func (l *loop) mastersOn(ifindex int) *ptp.Masters {
	m := l.masters[ifindex]
	if m == nil {
		m = ptp.NewMasters(ifindex, l.cfg.Domain)
		l.masters[ifindex] = m
	}
	return m
}

// drop forgets the masters of an interface.
func (l *loop) drop(ifindex int) {
	l.left += l.masters[ifindex].Changes() + 1
	delete(l.masters, ifindex)
}

// forget drops masters that have long been silent.
func (l *loop) forget(now aes67.RawTime) {
	for _, m := range l.masters {
		m.Forget(now)
	}
}

// count returns how many masters are heard, and a number that is another one
// whenever those are others.
func (l *loop) count() (masters int, changes uint64) {
	changes = l.left
	for _, m := range l.masters {
		masters, changes = masters+m.Len(), changes+m.Changes()
	}
	return masters, changes
}

// status tells how the clock is.
func (l *loop) status(now aes67.RawTime) ptp.Status {
	s := l.engine.Status(now)
	s.Masters, _ = l.count()
	s.Stamps, s.Deaf = l.ports.Stamps(), l.deaf
	return s
}

func (l *loop) heard(now aes67.RawTime) (list []ptp.Announcement) {
	l.forget(now)
	for ifindex, m := range l.masters {
		if ifindex == l.used && l.engine.Masters() == m {
			list = append(list, l.engine.Heard(now)...)
			continue
		}
		from := len(list)
		list = m.Append(list)
		for i := range list[from:] {
			if list[from+i].Why = ""; l.used != 0 { // else there is none in use
				list[from+i].Why = "not heard on the interface in use"
			}
		}
	}
	return list
}

// tell logs a change of state, role or grandmaster, and reports it and that of a problem,
// which is logged by who reads the status.
func (l *loop) tell(at aes67.RawTime) bool {
	now := l.engine.Figures(at)
	next := news{now.State, now.Role, now.Port, now.Grandmaster, l.ports.Stamps(), now.Steps, l.engine.Trouble(at), l.deaf}
	if next == l.told {
		return false
	}
	if next.trouble != l.told.trouble && next.trouble.Exists() {
		l.log.Debug().Stringer("problem", next.trouble).Msg("clock problem")
	}
	if next.deaf != l.told.deaf {
		l.log.Info().Bool("heard", !next.deaf).Msg("whether the PTP group is heard here has changed")
	}
	l.told = next
	event := l.log.Info().Str("state", now.State.String()).Str("role", now.Role.String()).
		Str("port", now.Port.String()).Stringer("timestamps", next.stamps).Uint8("domain", now.Domain).Uint32("steps", now.Steps)
	if !now.Grandmaster.IsZero() {
		event = event.Str("grandmaster", now.Grandmaster.String())
	}
	if now.OffsetKnown {
		event = event.Float64("offset_ns", now.OffsetNS)
	}
	if now.FrequencyKnown {
		event = event.Float64("freq_ppb", float64(now.FrequencyPPB))
	}
	event.Msg("clock changed")
	return true
}

// call logs masters that came or went, and reports whether there were any.
func (l *loop) call(now aes67.RawTime) bool {
	_, changes := l.count()
	changed := changes != l.known.changes
	if changed || l.known.short && now >= l.known.more {
		l.known.changes = changes
		l.known.call(now, l.heard(now), l.log)
	}
	return changed
}

// roll is which masters the log knows of.
type roll struct {
	list    []ptp.Announcement
	changes uint64        // of the masters, up to which they were looked at
	left    int           // lines that may still be written
	more    aes67.RawTime // when there may be more
	short   bool          // some were left out
}

const (
	// rollLines in rollTime are written at most: a flood of forged masters must
	// not fill the disk.
	rollLines = 16
	rollTime  = time.Minute
)

// call logs masters that are heard for the first time, or no longer.
func (r *roll) call(now aes67.RawTime, heard []ptp.Announcement, log zerolog.Logger) {
	if now >= r.more {
		r.left, r.more = rollLines, now.Add(rollTime)
	}
	in := func(list []ptp.Announcement, a *ptp.Announcement) bool {
		return slices.ContainsFunc(list, func(b ptp.Announcement) bool {
			return a.Sender == b.Sender && a.Domain == b.Domain && a.Interface == b.Interface
		})
	}
	r.short = false
	for i := range heard {
		a := &heard[i]
		if !a.Qualified || in(r.list, a) {
			continue
		}
		if r.short = r.left == 0; !r.short {
			r.left--
			r.list = append(r.list, *a)
			log.Info().Str("grandmaster", a.Identity.String()).Stringer("address", a.Address).Int("ifindex", a.Interface).
				Uint8("domain", a.Domain).Uint8("priority1", a.Priority1).Uint8("clock_class", a.Class).
				Uint8("clock_accuracy", a.Accuracy).Uint8("priority2", a.Priority2).Uint16("steps_removed", a.StepsRemoved).
				Float64("announce_s", a.Interval.Seconds()).Str("why", a.Why).Msg("ptp master heard")
		}
	}
	r.list = slices.DeleteFunc(r.list, func(a ptp.Announcement) bool {
		gone := !in(heard, &a)
		if gone {
			log.Info().Str("grandmaster", a.Identity.String()).Stringer("address", a.Address).Msg("ptp master gone")
		}
		return gone
	})
}

// failures counts messages that could not be sent and tells so once a second.
type failures struct {
	count  int
	latest error
	next   aes67.RawTime
}

func (f *failures) note(err error) { f.count, f.latest = f.count+1, err }

func (f *failures) tell(now aes67.RawTime, log zerolog.Logger) {
	if f.count == 0 || now < f.next {
		return
	}
	log.Warn().Err(f.latest).Int("messages", f.count).Msg("ptp messages not sent")
	f.count, f.next = 0, now.Add(time.Second)
}
