package bridge

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/sdp"
)

// Parts is what the supervisor needs of the edges. It calls them from one
// goroutine.
type Parts interface {
	// Inputs tells how the sound server, the network and the clock are.
	Inputs() Inputs
	// StartSender opens the streams on a network; StopSender fades them out,
	// closes them and returns when that is done.
	StartSender(network Network, streams []aes67.Stream) error
	StopSender()
	// Announce replaces the set of announced sessions; none withdraws all.
	Announce(network Network, sessions []sdp.Session)
	// Serve says whether the network may need our time; if not, we need not be its
	// grandmaster.
	Serve(yes bool)
	// Neighbours tells what others announce; the same pointer as long as nothing
	// has changed.
	Neighbours() *Neighbours
	// NTPSeconds is the wall clock in seconds since 1900, for session versions.
	NTPSeconds() uint64
	// Now is CLOCK_MONOTONIC.
	Now() aes67.MonoTime
	// Changed wakes the supervisor after anything has changed that Inputs or
	// Neighbours tell: it does not look without.
	Changed() <-chan struct{}
}

const (
	// phaseRest is the least from one look at the pipeline's phase to the next: a
	// sound that tears many times a second need not fill the log.
	phaseRest = 50 * time.Millisecond
	// retryAfter is how long a sender that failed is left alone.
	retryAfter = 2 * time.Second
	// contestAfter is how long another session on a group of ours has to leave it
	// before the user is told: a bridge like this one does so within 2 s.
	contestAfter = 5 * time.Second
)

// Bridge is the supervisor.
type Bridge struct {
	parts    Parts
	rooms    *Rooms
	log      zerolog.Logger
	sessions sessions
	localMAC [6]byte
	rest     RestPolicy

	network    Network        // while there are streams
	streams    []aes67.Stream // announced, and sent unless they rest; nil: none
	sends      bool           // the sender runs
	reference  sdp.Reference  // as last described on this network
	neighbours *Neighbours    // that the sessions were last fitted to
	moves      moves          // for others
	freeSince  aes67.MonoTime // since when nobody has our names without a number; 0: somebody has
	contested  aes67.MonoTime // since when a group of ours is; 0: it is not
	failure    string         // of the sender; empty: none, or it may be tried again
	retryAt    aes67.MonoTime // while there is a failure
	quiet      bool           // nothing was told yet
	told       atomic.Pointer[Snapshot]
	changed    chan struct{}
	troubles   []trouble // of each pipeline
}

// Snapshot is what status tells of the bridge.
type Snapshot struct {
	Decision
	Sessions []sdp.Session // as announced; nil while nothing is

	generation uint64 // of Sessions
}

// New makes a supervisor of what is sent: the rooms are in the order of Inputs.Sinks.
func New(parts Parts, rooms *Rooms, plan SessionPlan, rest RestPolicy, log zerolog.Logger) *Bridge {
	b := &Bridge{parts: parts, rooms: rooms, troubles: make([]trouble, len(rooms.all)), rest: rest, log: log, sessions: newSessions(plan), quiet: true, changed: make(chan struct{}, 1)}
	b.told.Store(&Snapshot{Decision: Decision{State: WaitingSoundServer}})
	return b
}

// Snapshot may be called from any goroutine.
func (b *Bridge) Snapshot() Snapshot { return *b.told.Load() }

// Changed wakes the reader when Snapshot has changed.
func (b *Bridge) Changed() <-chan struct{} { return b.changed }

// Run supervises until ctx is done; then it fades out, stops the streams and
// withdraws the announcements. It looks when something has changed, and when
// the time has come that the last look named.
func (b *Bridge) Run(ctx context.Context) error {
	due, rest := time.NewTimer(0), time.NewTimer(0)
	defer due.Stop()
	defer rest.Stop()
	phase := b.rooms.Changed()
	for {
		now := b.parts.Now()
		if next := b.look(now); next != 0 {
			due.Reset(next.Sub(now))
		} else {
			due.Stop()
		}
		select {
		case <-ctx.Done():
			b.stop()
			return nil
		case <-due.C:
		case <-b.parts.Changed():
		case <-phase:
			phase = nil
			rest.Reset(phaseRest)
		case <-rest.C:
			phase = b.rooms.Changed()
		}
	}
}

// look decides once and acts. It returns when to look again if nothing changes
// before, 0: not at all.
func (b *Bridge) look(now aes67.MonoTime) (next aes67.MonoTime) {
	in := b.parts.Inputs()
	sounded, troubles, next := b.hear(&in, now)
	if now >= b.retryAt {
		b.failure = ""
	}
	if b.streams != nil && in.SenderFailed != "" {
		b.fail(now, in.SenderFailed)
		b.stop()
	}
	in.SenderFailed = b.failure
	rests, restAt := b.rest.resting(now, sounded)
	in.Rests = rests
	b.parts.Serve(in.Sink.Ready && !rests)

	d := Decide(b.streams != nil, in)
	if b.streams != nil && (!d.Send || b.moved(in.Network.Chosen)) {
		b.stop()
		// What is on the next network was there before us, and has its own clock.
		b.sessions.announced, b.reference = false, sdp.Reference{}
		d = Decide(false, in)
	}
	if b.streams != nil {
		b.follow(in.Network.Chosen)
	}
	if b.streams != nil && b.regroup(now) {
		b.stop()
	}
	if b.streams == nil && d.Send {
		if err := b.start(in.Network.Chosen); err != nil {
			b.fail(now, err.Error())
			d = Decision{State: Failed, Problems: told(b.failure)}
		}
	}
	if b.streams != nil {
		if err := b.send(!d.Rest); err != nil {
			b.fail(now, err.Error())
			b.stop()
			d = Decision{State: Failed, Problems: told(b.failure)}
		}
	}
	if b.streams != nil {
		b.describe(in.Clock)
	}
	contested := b.contestedSince(now)
	if contested != 0 && now >= contested.Add(contestAfter) {
		d.Problems = append(d.Problems, told(b.sessions.contest())...)
	}
	if b.sends {
		d.Problems = append(d.Problems, troubles...)
	}
	b.tell(d)

	next = sooner(sooner(next, restAt), b.watchNames(now))
	if b.streams != nil && b.sessions.stays {
		next = sooner(next, b.moves.end())
	}
	if b.failure != "" {
		next = sooner(next, b.retryAt)
	}
	if at := contested.Add(contestAfter); contested != 0 && at > now {
		next = sooner(next, at)
	}
	return next
}

// hear opens the pipelines whose sink is as it should be, and tells whether sound flows
// in any, when there was last any, what is wrong with it, and when that can become another
// by itself.
func (b *Bridge) hear(in *Inputs, now aes67.MonoTime) (sounded aes67.MonoTime, troubles []string, next aes67.MonoTime) {
	in.Phase, sounded = Filling, never
	for i, p := range b.rooms.all {
		sink := in.Sink
		if i < len(in.Sinks) {
			sink = in.Sinks[i]
		}
		p.SetConfirmed(sink.Ready && sink.VolumeConfirmed)
		heard := p.Snapshot()
		in.Phase = max(in.Phase, heard.Phase)
		sounded = max(sounded, p.sounded())
		words, again := b.troubles[i].look(heard, now)
		troubles, next = append(troubles, told(words)...), sooner(next, again)
	}
	return sounded, troubles, next
}

// sooner returns the earlier of two instants, of which 0 is none.
func sooner(a, b aes67.MonoTime) aes67.MonoTime {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// watchNames sees whether the names without a number are free, for the next run. It
// returns when to look again.
func (b *Bridge) watchNames(now aes67.MonoTime) (again aes67.MonoTime) {
	switch {
	case b.streams == nil || b.sessions.identity.Number <= 1:
		b.freeSince = 0
	case !b.sessions.free:
		b.freeSince = 0
		b.sessions.setFree(false)
	case b.freeSince == 0:
		b.freeSince = now
		return now.Add(freeFor)
	case now.Sub(b.freeSince) < freeFor:
		return b.freeSince.Add(freeFor)
	default:
		b.sessions.setFree(true)
	}
	return 0
}

// contestedSince returns since when somebody else uses a group of a stream that
// runs, 0: nobody does.
func (b *Bridge) contestedSince(now aes67.MonoTime) aes67.MonoTime {
	switch {
	case b.streams == nil || !b.sessions.contested.Group.IsValid():
		b.contested = 0
	case b.contested == 0:
		b.contested = now
	}
	return b.contested
}

// regroup fits the running sessions to what others announce, and reports
// whether they have to leave a group.
func (b *Bridge) regroup(now aes67.MonoTime) bool {
	n, stays := b.parts.Neighbours(), b.moves.many(now)
	if n == b.neighbours && stays == b.sessions.stays {
		return false
	}
	b.neighbours, b.sessions.stays = n, stays
	number, base := b.sessions.identity.Number, b.sessions.identity.Base
	moved, err := b.sessions.settle(b.network.Address, n)
	if err != nil {
		b.log.Warn().Err(err).Msg("no other group for a session that others contest")
		return false
	}
	renumbered := b.sessions.identity.Number != number && b.sessions.identity.Base == base
	if moved || renumbered {
		b.moves.add(now)
	}
	return moved
}

func (b *Bridge) fail(now aes67.MonoTime, why string) {
	b.failure, b.retryAt = why, now.Add(retryAfter)
}

// moved reports whether the streams are on another network than the chosen. A socket
// that was pulled and has come back is none while the streams went on by the other leg.
func (b *Bridge) moved(chosen Network) bool {
	back := b.network.Second.IsValid() && chosen.Interface.Name == b.network.Interface.Name
	return chosen.Interface.Index != b.network.Interface.Index && !back || chosen.Address != b.network.Address
}

// follow takes over what may change of a network under the streams.
func (b *Bridge) follow(chosen Network) {
	b.sessions.second = chosen.Second
	came := chosen.Interface.Index != b.network.Interface.Index
	b.network = chosen
	if came && len(b.sessions.current) > 0 {
		b.parts.Announce(b.network, slices.Clone(b.sessions.current))
	}
}

func (b *Bridge) start(network Network) error {
	b.neighbours = b.parts.Neighbours()
	if _, err := b.sessions.settle(network.Address, b.neighbours); err != nil {
		return err
	}
	streams, err := b.sessions.streams()
	if err != nil {
		return err
	}
	b.network, b.streams, b.sessions.second = network, streams, network.Second
	b.localMAC = [6]byte{} // the loopback has none
	copy(b.localMAC[:], network.Interface.HardwareAddr)
	groups := make([]string, len(streams))
	for i := range streams {
		groups[i] = netip.AddrPortFrom(streams[i].Group, streams[i].Port).String()
	}
	b.log.Info().Str("interface", network.Interface.Name).Stringer("address", network.Address).Strs("groups", groups).
		Msg("streams started")
	return nil
}

// send starts the sender, or lets the streams rest, announced as they are: what a
// receiver was told to play it shall play again.
func (b *Bridge) send(yes bool) error {
	switch {
	case yes && !b.sends:
		if err := b.parts.StartSender(b.network, b.streams); err != nil {
			return err
		}
		b.log.Info().Msg("sending")
	case !yes && b.sends:
		b.parts.StopSender()
		b.log.Info().Msg("streams rest: nothing sounds")
	}
	b.sends = yes
	return nil
}

func (b *Bridge) stop() {
	if b.streams == nil {
		return
	}
	if len(b.sessions.current) > 0 {
		b.parts.Announce(b.network, nil)
	}
	if b.sends {
		b.parts.StopSender()
	}
	b.sessions.none()
	b.streams, b.sends = nil, false
	b.log.Info().Str("interface", b.network.Interface.Name).Msg("streams stopped")
}

// describe brings the announced descriptions up to date. While the clock is
// between two grandmasters the last one stays in the text, so that no receiver
// ever reads a reference that was not settled.
func (b *Bridge) describe(clock ClockInput) {
	var reference sdp.Reference
	switch {
	case clock.Forbidden:
		reference.LocalMAC = b.localMAC
	case clock.State == ClockLocked && !clock.Grandmaster.IsZero():
		reference = sdp.Reference{Grandmaster: clock.Grandmaster, Domain: clock.Domain}
	case b.reference != (sdp.Reference{}):
		reference = b.reference
	case !clock.Grandmaster.IsZero(): // holdover since before the streams began
		reference = sdp.Reference{Grandmaster: clock.Grandmaster, Domain: clock.Domain}
	default:
		return
	}
	b.reference = reference
	if !b.sessions.update(b.streams, b.network.Address, reference, b.parts.NTPSeconds()) {
		return
	}
	b.parts.Announce(b.network, slices.Clone(b.sessions.current))
	for _, s := range b.sessions.current {
		b.log.Info().Str("session", s.Stream.Name).Stringer("group", s.Stream.Group).Uint64("version", s.Version).
			Str("grandmaster", s.Reference.Grandmaster.String()).Msg("session described")
	}
}

// tell publishes the decision, and logs a new state.
func (b *Bridge) tell(d Decision) {
	told := b.told.Load()
	if b.quiet || d.State != told.State {
		b.log.Info().Stringer("state", d.State).Msg("bridge state")
	} else if d.same(&told.Decision) && b.sessions.generation == told.generation {
		return
	}
	b.quiet = false
	b.told.Store(&Snapshot{Decision: d, Sessions: slices.Clone(b.sessions.current), generation: b.sessions.generation})
	wake.Signal(b.changed)
}
