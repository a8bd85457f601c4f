package ptp

import (
	"math"
	"net/netip"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// Rules for the masters that a port hears (IEEE 1588-2008).
const (
	qualifyAnnounces = 2 // FOREIGN_MASTER_THRESHOLD, 9.3.2.4.4
	qualifyIntervals = 4 // FOREIGN_MASTER_TIME_WINDOW, 9.3.2.4.4
	// timeoutIntervals is announceReceiptTimeout (7.7.3.1), whose default is 3
	// in every profile of AES67, AES-R16 and SMPTE ST 2059-2.
	timeoutIntervals = 3
	// syncingIntervals is the timeout of the master that is followed while its
	// Syncs still arrive: it is alive, Announces just get lost on a bad network.
	// It is the longest that 7.7.3.1 allows (but no less than our own timeout, where they
	// come eight times a second): others have given up a master that
	// ceased to announce itself after 3, and have another by then.
	syncingIntervals = 10
	// maxSteps: an Announce that passed this many clocks is not used (9.3.2.5).
	maxSteps = 255
	// defaultAnnounce is logAnnounceInterval where none is told: that of the
	// media profile (AES67-2018, annex A).
	defaultAnnounce = 1
	// Intervals beyond these are nobody's profile; they are taken as the limit
	// so that a forged message cannot stop or flood us.
	minLogInterval, maxLogInterval = -7, 5
	// maxMasters bounds what a flood of Announces can make us keep.
	maxMasters = 64
	// keepMaster is how long a silent master stays listed for the user.
	keepMaster = time.Minute
)

// interval returns 2^log seconds, or 2^fallback where the message has none.
func interval(log, fallback int8) time.Duration {
	if log == wire.NoInterval {
		log = fallback
	}
	log = min(max(log, minLogInterval), maxLogInterval)
	return time.Duration(math.Ldexp(float64(time.Second), int(log)))
}

// Announcement is a master as one interface hears it.
type Announcement struct {
	Interface int // index
	Sender    wire.PortIdentity
	Address   netip.Addr
	Domain    uint8
	Transport uint8 // transportSpecific of its messages
	Flags     wire.Flags
	wire.Properties
	Interval  time.Duration // between Announces, as told
	At        aes67.RawTime // of the latest Announce
	Qualified bool          // heard often enough to be chosen
	Why       string        // it is, or is not, followed

	// What its Syncs tell, which are looked at in the engine's own domain only.
	SyncKnown    bool
	TwoStep      bool
	SyncInterval time.Duration
}

// master is the record of one sender (foreignMasterDS, 9.3.2.4).
type master struct {
	Announcement
	sequence uint16
	rhythm   rhythm
	heard    int  // Announces in a row, none further apart than the window
	syncing  bool // it is followed, and its Syncs arrive
}

// timeout returns when the master counts as gone.
func (m *master) timeout() aes67.RawTime {
	every := m.rhythm.interval(m.Interval)
	if m.syncing {
		return m.At.Add(max(syncingIntervals*every, announceTimeout()))
	}
	return m.At.Add(timeoutIntervals * every)
}

// window is how far apart a master's first Announces may be: no less than
// those of a master of the media profile, for some come more rarely than they
// tell, and how often shows with the second only.
func window(told time.Duration) time.Duration {
	return qualifyIntervals * max(told, interval(defaultAnnounce, defaultAnnounce))
}

// usable reports whether the algorithm may consider m at all (9.3.2.5).
func (m *master) usable(domain uint8) bool {
	return m.Domain == domain && m.StepsRemoved < maxSteps && !m.Flags.Has(wire.FlagAlternateMaster)
}

// Masters keeps the masters that one interface hears, in every domain. Its
// memory is bounded. It is pure: time is an argument.
type Masters struct {
	index   int
	domain  uint8
	list    []master
	changes uint64
}

// NewMasters keeps the masters heard on the interface of the given index. Those
// of the domain given are kept before those of others.
func NewMasters(index int, domain uint8) *Masters { return &Masters{index: index, domain: domain} }

// Observe notes an Announce.
func (ms *Masters) Observe(m *wire.Message, at aes67.RawTime, from netip.Addr) {
	if m.Kind != wire.KindAnnounce {
		return
	}
	rec := ms.find(m.Source, m.Domain)
	switch {
	case rec == nil:
		if rec = ms.room(m, at); rec == nil {
			return
		}
		*rec = master{heard: 1}
		ms.changes++
	case m.Sequence == rec.sequence:
		return // a duplicate says nothing new, and must not qualify anybody
	default:
		told, gap := interval(m.LogInterval, defaultAnnounce), at.Sub(rec.At)
		away := !rec.syncing && gap > max(window(told), qualifyIntervals*rec.rhythm.interval(told))
		if away {
			rec.heard = 0
		}
		if away && rec.rhythm.n >= rhythmSure { // an absence is no interval, or it has another now
			rec.rhythm = rhythm{}
		} else {
			rec.rhythm.note(gap, m.Sequence-rec.sequence, told)
		}
		rec.heard++
	}
	rec.sequence = m.Sequence
	if qualified := rec.heard >= qualifyAnnounces; qualified != rec.Qualified {
		ms.changes++
	}
	syncKnown, twoStep, syncs := rec.SyncKnown, rec.TwoStep, rec.SyncInterval
	rec.Announcement = Announcement{
		Interface: ms.index, Sender: m.Source, Address: from, Domain: m.Domain, Transport: m.Transport, Flags: m.Flags,
		Properties: m.Properties,
		Interval:   interval(m.LogInterval, defaultAnnounce),
		At:         at,
		Qualified:  rec.heard >= qualifyAnnounces,
		SyncKnown:  syncKnown, TwoStep: twoStep, SyncInterval: syncs,
	}
}

// noteSync keeps what a Sync tells of its sender.
func (ms *Masters) noteSync(m *wire.Message) {
	if rec := ms.find(m.Source, m.Domain); rec != nil {
		rec.SyncKnown, rec.TwoStep, rec.SyncInterval = true, m.Flags.Has(wire.FlagTwoStep), interval(m.LogInterval, defaultSync)
	}
}

// setSyncing tells which master's Syncs arrive; none other's are looked at.
func (ms *Masters) setSyncing(sender wire.PortIdentity, domain uint8, syncing bool) {
	for i := range ms.list {
		m := &ms.list[i]
		m.syncing = syncing && m.Sender == sender && m.Domain == domain
	}
}

func (ms *Masters) find(sender wire.PortIdentity, domain uint8) *master {
	for i := range ms.list {
		if m := &ms.list[i]; m.Sender == sender && m.Domain == domain {
			return m
		}
	}
	return nil
}

// room returns a record for a newcomer: a free one, or the one that is needed
// least: of one that is gone, or the worst, if the newcomer is better. So a flood
// of Announces can push out nothing that is better than what it announces.
func (ms *Masters) room(newcomer *wire.Message, at aes67.RawTime) *master {
	if len(ms.list) < maxMasters {
		ms.list = append(ms.list, master{})
		return &ms.list[len(ms.list)-1]
	}
	var idle, worst *master
	for i := range ms.list {
		m := &ms.list[i]
		if m.timeout() < at && (idle == nil || m.At < idle.At) {
			idle = m
		}
		if !m.syncing && (worst == nil || ms.before(&worst.Announcement, &m.Announcement)) {
			worst = m
		}
	}
	if idle != nil {
		return idle
	}
	if worst != nil && ms.before(&Announcement{Domain: newcomer.Domain, Properties: newcomer.Properties}, &worst.Announcement) {
		return worst
	}
	return nil
}

// before reports whether one master is rather kept than another.
func (ms *Masters) before(a, b *Announcement) bool {
	if ours := a.Domain == ms.domain; ours != (b.Domain == ms.domain) {
		return ours
	}
	return compare(&dataset{Properties: a.Properties}, &dataset{Properties: b.Properties}) < 0
}

// best returns the best qualified master of a domain, or nil.
func (ms *Masters) best(domain uint8, own wire.PortIdentity, now aes67.RawTime) *master {
	return ms.bestBut(nil, domain, own, now)
}

// eligible reports whether the algorithm may choose a master.
func (ms *Masters) eligible(m *master, domain uint8, own wire.PortIdentity, now aes67.RawTime) bool {
	return m.Qualified && m.usable(domain) && m.Sender.Clock != own.Clock && m.Identity != own.Clock && m.timeout() > now
}

// pending returns the longest interval that is told by masters which were heard and may
// still qualify; 0: there are none.
func (ms *Masters) pending(domain uint8, own wire.PortIdentity, now aes67.RawTime) (longest time.Duration) {
	for i := range ms.list {
		m := &ms.list[i]
		if !m.Qualified && m.usable(domain) && m.Sender.Clock != own.Clock && m.Identity != own.Clock &&
			now.Sub(m.At) <= window(m.Interval) {
			longest = max(longest, m.Interval)
		}
	}
	return longest
}

func (m *master) dataset(own wire.PortIdentity) *dataset {
	return &dataset{Properties: m.Properties, sender: m.Sender, receiver: own}
}

// Forget drops masters that have long been silent.
func (ms *Masters) Forget(now aes67.RawTime) {
	kept := ms.list[:0]
	for _, m := range ms.list {
		if now.Sub(m.At) < keepMaster || m.timeout() > now {
			kept = append(kept, m)
		}
	}
	ms.changes += uint64(len(ms.list) - len(kept))
	clear(ms.list[len(kept):])
	ms.list = kept
}

// Len returns how many masters are kept.
func (ms *Masters) Len() int { return len(ms.list) }

// Changes counts how often a master came, qualified or went.
func (ms *Masters) Changes() uint64 { return ms.changes }

// Append adds all masters heard within a minute to list.
func (ms *Masters) Append(list []Announcement) []Announcement {
	for i := range ms.list {
		list = append(list, ms.list[i].Announcement)
	}
	return list
}
