package pulse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

const (
	// heartbeat is how often the server is asked whether it is there.
	heartbeat = 2 * time.Second
	// refreshGap is the least time from an event to the look that it causes, but for
	// the volume of a confirmed sink, so that a burst of events makes one; troubledGap
	// while things go wrong.
	refreshGap  = 30 * time.Millisecond
	troubledGap = 250 * time.Millisecond
	// saveDelay is how long after it has changed a volume is remembered: a
	// moving slider sends dozens.
	saveDelay = 500 * time.Millisecond
)

// What the server's messages make necessary, as bits.
const (
	dirtySink    uint32 = 1 << iota // our sink's volume, or whether it exists
	dirtyInputs                     // who plays
	dirtyMonitor                    // the recording has ended
	dirtyLevels                     // the monitor's or the recording's own volume, or what is allowed

	dirtyPlayer // a player came or went when the sink changed, which is to be looked at

	dirtyVolumes = dirtySink | dirtyLevels | dirtyPlayer
)

// life is what lasts as long as one connection to the server.
type life struct {
	*Sink
	server *server

	dirty     atomic.Uint32
	suspended atomic.Bool   // the server has suspended the monitor
	monitor   atomic.Uint32 // the monitor source's number
	output    atomic.Uint32 // the recording's number among those of all programs
	wakeup    chan struct{}

	// Owned by the capture goroutine.
	playerAt aes67.MonoTime // when a player came or went
	volumeAt aes67.MonoTime // when the sink changed: the answer what it is may take long

	present bool   // the sink is there
	index   uint32 // its number
	module  uint32 // its module's, or noModule
	stream  uint32 // the recording's, or noStream
	source  string // the monitor's name
	born    aes67.MonoTime
	flow    flow
	playing int  // players that are not paused
	asleep  bool // the sink is suspended, as far as is known
	deaf    deaf
	offset  offset
	follow  follow

	want      Volume         // what was set when the sink was made; empty for an adopted one
	confirmed bool           // the server has shown it
	unscaled  bool           // its volume is ours to apply
	astray    bool           // the monitor or its recording was not at 0 dB when last seen
	backAt    aes67.MonoTime // when the sink was last turned back; 0: never
}

func newLife(s *Sink) *life {
	s.volumeTo.Store(nil) // what was asked of another server's sink
	s.mutedTo.Store(nil)
	t := &life{Sink: s, wakeup: make(chan struct{}, 1), module: noModule, stream: noStream, follow: newFollow(s.cfg.rates())}
	t.playerAt, t.volumeAt = math.MinInt64/2, math.MinInt64/2 // never
	return t
}

// live connects, makes the sink and serves it until the connection or ctx
// ends. At the end of ctx it removes the sink, or leaves it to the next run.
func (s *Sink) live(ctx context.Context) error {
	t := newLife(s)
	server, err := connect(ctx, s.where, s.framer, s.cfg.Now, s.cfg.OnReader, t.message)
	if err != nil {
		return err
	}
	t.server = server
	defer server.close()
	// A server that does not answer may not hold up the end.
	defer deadline(ctx, farewell, func() { server.fail(errNoAnswer) })()

	s.set(func(st *Status) { st.Connected, st.Server, st.State = true, server.name, StatePreparing })
	s.log.Info().Str("server", server.name).Stringer("address", server.address).Msg("sound server found")
	t.warnRate()
	if channels, err := channelMap(s.cfg.Channels); err == nil && mixedChannels(channels) && server.isPipeWire() {
		s.log.Warn().Strs("channels", s.cfg.Channels).Msg("PipeWire may silence aux and mono channels beside others")
	}
	err = t.serve(ctx)
	s.remember()
	if ctx.Err() != nil {
		t.end()
	}
	return err
}

// deadline calls act a while after ctx has ended, unless the returned function
// was called before.
func deadline(ctx context.Context, after time.Duration, act func()) (cancel func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			act()
		case <-done:
		}
	})
	return func() {
		close(done)
		if !stop() {
			<-ended
		}
	}
}

// message notes what the server tells. It runs on the capture goroutine.
func (t *life) message(m any) {
	switch m := m.(type) {
	case *proto.SubscribeEvent:
		switch m.Event.GetFacility() {
		case proto.EventSink:
			switch {
			case m.Index == t.framer.sink.Load():
				t.mark(dirtySink | t.happens(&t.volumeAt, t.playerAt))
			case m.Event.GetType() != proto.EventChange:
				t.mark(dirtySink)
			}
		case proto.EventSource:
			if m.Index == t.monitor.Load() && m.Event.GetType() == proto.EventChange {
				t.mark(dirtyLevels)
			}
		case proto.EventSinkSourceOutput:
			if m.Index == t.output.Load() && m.Event.GetType() == proto.EventChange {
				t.mark(dirtyLevels)
			}
		case proto.EventSinkSinkInput:
			what := dirtyInputs
			if m.Event.GetType() != proto.EventChange {
				what |= t.happens(&t.playerAt, t.volumeAt)
			}
			t.mark(what)
		}
	case *proto.RecordStreamKilled:
		t.mark(dirtyMonitor)
	case *proto.RecordStreamMoved:
		// The sink's volume is not in what another source gives: nothing of it is heard.
		if m.DestIndex != t.monitor.Load() {
			t.framer.moved.Store(true)
			t.mark(dirtyMonitor)
		}
	case *proto.RecordStreamSuspended:
		t.suspended.Store(m.Suspended)
	}
}

// happens notes when something did. A player that comes or goes when the sink changes has
// changed the volume, until that has been looked at: it returns what is dirty so.
func (t *life) happens(this *aes67.MonoTime, other aes67.MonoTime) uint32 {
	*this = t.cfg.Now()
	if this.Sub(other) <= oneStep {
		return dirtyPlayer
	}
	return 0
}

func (t *life) mark(what uint32) {
	t.dirty.Or(what)
	wake.Signal(t.wakeup)
}

// serve is the control loop.
func (t *life) serve(ctx context.Context) error {
	// Before the first look, so that nothing is missed after it.
	mask := proto.SubscriptionMaskSink | proto.SubscriptionMaskSinkInput |
		proto.SubscriptionMaskSource | proto.SubscriptionMaskSourceInput // the library's name for outputs
	if err := t.server.request("subscription", &proto.Subscribe{Mask: mask}, nil); err != nil {
		return err
	}
	beat, next := time.NewTicker(heartbeat), time.NewTimer(0)
	defer beat.Stop()
	defer next.Stop()
	look, save := newAlarm(startCheck), newAlarm(saveDelay)
	defer look.Stop()
	defer save.Stop()
	again := retry{first: firstRetry, last: lastRetry}
	gap, soon := refreshGap, true
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.server.lost:
			return t.gone()
		case <-beat.C:
			if _, err := t.server.info(); err != nil && t.server.err() != nil {
				return t.gone()
			}
			t.beatVolume()
			t.tellLatency(ctx)
			save.within(saveDelay)
		case <-look.C:
			look.rang()
			if err := t.followRate(ctx); err != nil {
				t.mark(dirtyMonitor)
			}
			look.within(t.watchFlow())
		case <-save.C:
			save.rang()
			t.remember()
		case <-t.asked:
			t.setAsked()
			if t.takeLimits() {
				t.mark(dirtyLevels)
			}
			soon = true
			next.Reset(0)
		case <-t.wakeup:
			// At once: the sound is in doubt until the volume is known.
			if volumes := t.dirty.Load() & dirtyVolumes; t.confirmed && volumes != 0 {
				t.dirty.And(^volumes)
				if err := t.look(volumes); err != nil || !t.present {
					t.dirty.Or(volumes)
				} else if save.within(saveDelay); t.dirty.Load() == 0 {
					continue
				}
			}
			if !soon {
				soon = true
				next.Reset(gap)
			}
		case <-next.C:
			soon, gap = false, refreshGap
			err := t.step(ctx)
			switch {
			case errors.Is(err, errNoSound) && errors.Is(t.server.err(), errNoAnswer): // nobody links the recording
				return errNoSound
			case t.server.err() != nil:
				return t.gone()
			case err != nil:
				t.trouble(err)
				gap = troubledGap
				next.Reset(again.pause())
			case !t.present && t.withdrawn.Load():
				t.relief() // until somebody asks
			case !t.present:
				next.Reset(again.pause())
			default:
				if t.remade == 0 { // else when there is sound
					t.relief()
				}
				look.within(startCheck)
				if t.cfg.Now().Sub(t.born) > steady {
					again.reset()
				}
				save.within(saveDelay)
			}
		}
	}
}

// outdated reports whether the sink, which may be of another run, would be made otherwise
// now: its volume applied by another, or telling players the latency.
func (t *life) outdated() bool {
	return t.unscaled != t.alone() || t.offset.lacking && t.wantsFront()
}

func (t *life) gone() error {
	return fmt.Errorf("the sound server at %v is gone (%w): waiting for it", t.server.address, t.server.err())
}

// step brings everything to where it should be, as far as is known to differ.
func (t *life) step(ctx context.Context) (err error) {
	dirty := t.dirty.Swap(0)
	defer func() {
		if err != nil {
			t.dirty.Or(dirty) // still to be done
		}
	}()
	if t.withdrawn.Load() {
		return t.withdraw()
	}
	if t.present && (t.deaf.deafened() || t.outdated()) { // nobody's sink is taken away under him
		if err := t.countPlayers(); err != nil {
			return err
		}
	}
	switch {
	case t.present && t.worn:
		t.absent()
		t.remade++
		t.trouble(errNoSound)
	case t.present && t.deaf.deafened() && t.playing == 0:
		t.log.Info().Msg("nothing plays; making the sink anew, for a channel of it gave no sound")
		t.absent()
		t.worn = true
	case t.present && t.playing == 0 && t.outdated():
		t.log.Info().Bool("alone", t.alone()).Bool("tells_latency", t.wantsFront()).Msg("nothing plays; making the sink anew, for it would be another now")
		t.absent()
		t.worn = true
	}
	if volumes := dirty & dirtyVolumes; t.present && volumes != 0 {
		if err := t.look(volumes); err != nil || !t.present {
			return err
		}
		dirty &^= dirtyPlayer // seen, whatever else fails
	}
	if !t.present {
		if err := t.establish(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		dirty |= dirtyInputs | dirtyMonitor
	}
	if dirty&dirtyMonitor != 0 || t.stream == noStream {
		if err := t.record(t.follow.now); err != nil {
			return err
		}
	}
	if !t.confirmed {
		if err := t.confirm(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	if dirty&dirtyInputs != 0 {
		if err := t.countPlayers(); err != nil {
			return err
		}
		if t.playing == 0 && t.outdated() {
			t.mark(dirtyInputs) // the next step begins with a new sink
		}
	}
	return nil
}

// sinkSuspended is the state of a sink that does nothing, though it be recorded
// (PulseAudio, def.h, PA_SINK_SUSPENDED).
const sinkSuspended = 2

// look reads all that scales the sound on its way, and the sink's state, for
// something of it has changed; a sink that is gone is noted as such.
func (t *life) look(dirty uint32) error {
	doubts, info := t.doubts(), &proto.GetSinkInfoReply{}
	err := t.server.request("sink information", &proto.GetSinkInfo{SinkIndex: t.index}, info)
	if errors.Is(err, proto.ErrNoSuchEntity) || err == nil && info.ModuleIndex != t.module {
		t.removed()
		return nil
	}
	if err != nil {
		return err
	}
	t.asleep = info.State == sinkSuspended
	if !t.confirmed {
		return nil
	}
	// Something else has changed. PulseAudio never takes the links off.
	if dirty&dirtySink != 0 && t.server.isPipeWire() && volumeOf(info).equal(t.guard.seen) {
		t.deaf.changed(t.cfg.Now(), t.framer.intake.heardAt(len(t.cfg.Channels)))
	}
	added, err := t.levels()
	if err != nil {
		return err
	}
	byPlayer := (dirty|t.dirty.Load())&dirtyPlayer != 0 // also of what the answer knows already
	t.sawVolume(doubts, volumeOf(info), added, byPlayer)
	return nil
}

// removed notes that somebody has unloaded the sink.
func (t *life) removed() {
	t.absent()
	t.leftBehind, t.module = false, noModule
	t.log.Warn().Str("sink", t.cfg.SinkID).Msg("sink was removed; making it again")
}

// absent notes that there is no sink.
func (t *life) absent() {
	t.present, t.confirmed, t.stream, t.playing = false, false, noStream, 0
	t.deaf = deaf{}
	t.framer.sink.Store(noStream)
	t.framer.close()
	t.set(func(st *Status) {
		*st = Status{Connected: true, Server: st.Server, State: StatePreparing, VolumeDB: st.VolumeDB, Muted: st.Muted, Problem: st.Problem}
	})
	t.follow.saw(t.cfg.Now(), nil)
}

// countPlayers counts the streams that play into the sink.
func (t *life) countPlayers() error {
	var inputs proto.GetSinkInputInfoListReply
	if err := t.server.request("list of players", &proto.GetSinkInputInfoList{}, &inputs); err != nil {
		return err
	}
	clients, other := 0, aes67.Hz(0)
	var playing []aes67.Hz
	for _, input := range inputs {
		if input.SinkIndex != t.index || input.ClientIndex == t.server.client {
			continue
		}
		clients++
		if !input.Corked {
			rate := aes67.Hz(input.SampleSpec.Rate)
			playing = append(playing, rate)
			if rate != t.follow.now && t.server.isPipeWire() { // PulseAudio's sink cannot switch
				other = rate
			}
		}
	}
	t.playing = len(playing)
	t.follow.saw(t.cfg.Now(), playing)
	t.set(func(st *Status) { st.Clients, st.Playing, st.OtherRate = clients, t.playing, other })
	return nil
}

// remember saves the trusted volume if it has changed.
func (s *Sink) remember() {
	if s.cfg.Volume == nil || !s.known || s.volume.equal(s.saved) {
		return
	}
	s.cfg.Volume.Save(s.volume)
	s.saved = s.volume
}
