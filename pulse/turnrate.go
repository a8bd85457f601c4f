package pulse

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/pipewire"
)

// A graph of PipeWire has one rate, of those that it is allowed, and each stream that has
// another is resampled to it or from it. What runs in it wants a rate, and a recording is
// such a stream. The graph takes one over only where nothing runs: so while no program
// plays, the recording is ended and begun at the new rate, and the graph comes along. The
// sink is not touched: its monitor has the graph's rate, whatever its own is (seen with
// 0.3.65 and 1.4.2, bit for bit). The graph's rate is read from the server's profiler; where
// it did not come along, the recording goes back, or else it would be resampled twice.
// PulseAudio's null sink has the rate that it was loaded with.

const (
	// alongLimit is how long the graph may take to come along, alongPause the time between
	// two looks, of which each waits for alongLook.
	alongLimit = time.Second
	alongPause = 25 * time.Millisecond
	alongLook  = 150 * time.Millisecond
)

// Follows is whether the rate follows what plays, as status tells it.
type Follows string

// What Status.Follows may be.
const (
	FollowsNot    Follows = ""       // the rate is what the configuration says
	FollowsPlayed Follows = "played" // it does
	FollowsUnable Follows = "unable" // this sound server cannot
	FollowsKept   Follows = "kept"   // it did not go along: it may not, or something else runs
)

// follows reports whether the server is one whose graph may come along.
func (t *life) follows() bool { return len(t.cfg.OtherRates) > 0 && t.server.speaksNative() }

// following is what Status tells of it.
func (t *life) following() Follows {
	switch {
	case len(t.cfg.OtherRates) == 0:
		return FollowsNot
	case !t.follows():
		return FollowsUnable
	case t.follow.refused:
		return FollowsKept
	default:
		return FollowsPlayed
	}
}

// warnRate says once in a life that what is asked for cannot be had.
func (t *life) warnRate() {
	if t.following() == FollowsUnable {
		t.log.Warn().Str("server", t.server.name).Int("rate_hz", int(t.follow.now)).Msg("this sound server's rate cannot follow what plays")
	}
	t.tellRate()
}

// tellRate tells the rate at which the monitor is recorded.
func (t *life) tellRate() {
	t.set(func(st *Status) { st.Rate, st.Follows = t.follow.now, t.following() })
}

// startRate goes on at the rate of an adopted sink's graph, in which a program may play.
func (t *life) startRate(ctx context.Context) {
	if t.follows() {
		if rate, _ := t.graphRate(ctx); slices.Contains(t.cfg.rates(), rate) {
			t.follow.now = rate
		}
	}
}

// followRate turns to another rate if it is time to.
func (t *life) followRate(ctx context.Context) error {
	t.follow.look(t.cfg.Now())
	rate, due := t.follow.due(t.cfg.Now())
	if !due || !t.follows() || !t.confirmed || t.stream == noStream || t.sounds() {
		return nil
	}
	if err := t.countPlayers(); err != nil || t.playing > 0 {
		return err
	}
	if err := t.record(rate); err != nil { // the sink is worth more than a rate
		t.log.Warn().Err(err).Int("rate_hz", int(rate)).Msg("not recorded at another rate")
		t.worn = false
		t.follow.turned(t.follow.now, false)
		t.tellRate()
		return t.record(t.follow.now)
	}
	came, busy := t.along(ctx, rate)
	select {
	case <-ctx.Done():
		return nil
	default:
	}
	if came {
		t.log.Info().Int("rate_hz", int(rate)).Int("before_hz", int(t.follow.now)).Msg("rate follows what played last")
		t.follow.turned(rate, true)
	} else {
		t.log.Info().Bool("busy", busy).Int("rate_hz", int(rate)).Int("before_hz", int(t.follow.now)).Msg("the sound server keeps its rate")
		wanted := rate
		if err := t.countPlayers(); err == nil && t.playing == 0 { // nobody's recording is broken off
			rate = t.follow.now
			if err := t.record(rate); err != nil {
				return err
			}
		}
		if t.follow.turned(rate, false); busy {
			t.follow.again(t.cfg.Now(), wanted)
		}
	}
	t.tellRate()
	return nil
}

// sounds reports whether the sink sounds, or did until a moment ago: a program may play into
// it without the server's counting it among the players.
func (t *life) sounds() bool { return t.cfg.Now().Sub(t.soundedAt()) < restFor }

// silent reports whether nothing is heard at this moment: nothing sounds, or nobody sends it.
func (t *life) silent() bool { return t.cfg.Now() >= t.heardUntil() }

// heardUntil is until when what sounds is heard, as far as is known: a moment after both were.
func (t *life) heardUntil() aes67.MonoTime {
	last := t.soundedAt()
	if to := t.framer.volumes; to != nil {
		last = min(last, to.HeardAt())
	}
	return last.Add(2 * flowCheck)
}

// soundedAt is when any channel sounded last.
func (t *life) soundedAt() aes67.MonoTime {
	return slices.Max(t.framer.intake.heardAt(len(t.cfg.Channels)))
}

// along waits until the graph has come along. The control loop stands still meanwhile, so
// what is in doubt of the volume is looked at here, and it ends where a player comes or
// somebody asks for something (busy).
func (t *life) along(ctx context.Context, rate aes67.Hz) (came, busy bool) {
	for begin := t.cfg.Now(); t.cfg.Now().Sub(begin) < alongLimit; {
		if volumes := t.dirty.Load() & dirtyVolumes; volumes != 0 {
			t.dirty.And(^volumes)
			if err := t.look(volumes); err != nil || !t.present {
				t.dirty.Or(volumes)
				return false, true
			}
		}
		if len(t.asked) > 0 || t.dirty.Load()&dirtyInputs != 0 {
			return false, true
		}
		is, err := t.graphRate(ctx)
		switch {
		case is == rate:
			return true, false
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded):
			return false, false
		case !wake.Pause(ctx, alongPause):
			return false, false
		}
	}
	return false, false
}

// graphRate is that of the sink's graph; 0: not known.
func (t *life) graphRate(ctx context.Context) (aes67.Hz, error) {
	ctx, cancel := context.WithTimeout(ctx, alongLook)
	defer cancel()
	hz, err := pipewire.GraphRate(ctx, pipewire.Socket(t.where.getenv), t.cfg.SinkID)
	if err != nil {
		t.log.Debug().Err(err).Msg("the graph's rate is not known")
	}
	return aes67.Hz(hz), err
}
