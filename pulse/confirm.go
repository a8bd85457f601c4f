package pulse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

// The volume of a sink that was just made is the server's, usually 100 %. It is
// set at once, but believed only after it was seen:
//
//  1. PipeWire 1.4 takes it over when the sink runs, so the monitor must be
//     recorded first. Until the volume is confirmed the framer hands over zeros.
//  2. WirePlumber 0.4 sets the volume that it remembers when it has seen the
//     sink, usually 5 to 20 ms after it was made. So a volume must stand for a
//     while, and is set again if it does not.

const (
	// confirmLimit is how long the server may take to show a volume that was
	// set, which must settle all the same; confirmPause is the time between two looks.
	confirmLimit = 3 * time.Second
	confirmPause = 10 * time.Millisecond
	// confirmBlind is the most that counts of the time between two looks: a computer that
	// stood still meanwhile has shown nothing.
	confirmBlind = 100 * time.Millisecond
	// confirmAgain is when a volume that is not seen is set again.
	confirmAgain = 200 * time.Millisecond
	// settleFirst and settleKnown are how long PipeWire must show the first and
	// any other volume before it is believed. Nobody is quick enough to mean it.
	settleFirst = 750 * time.Millisecond
	settleKnown = 200 * time.Millisecond
)

// doubtful tells whether an adopted sink's volume may be nobody's choice, but
// what the server gives every new sink: its maker may have died before it set
// one. The quieter of the two wins then.
func (t *life) doubtful(seen Volume) bool {
	return t.cfg.Volume != nil && seen.DB() >= 0 && !(t.known && t.volume.DB() >= 0)
}

// wantVolume sets the volume that the user left, or the first one.
func (t *life) wantVolume() error {
	t.want = t.heardBefore().atMost(t.cfg.MaxVolumeDB)
	if err := t.setVolume(); err != nil {
		return t.giveUp(err)
	}
	return nil
}

func (t *life) setVolume() error {
	return errors.Join(
		t.server.request("setting the volume", &proto.SetSinkVolume{SinkIndex: t.index, ChannelVolumes: t.want.wire()}, nil),
		t.server.request("setting mute", &proto.SetSinkMute{SinkIndex: t.index, Mute: t.want.Muted}, nil))
}

// confirm waits until the server shows the volume that was set, or for an
// adopted sink any that stands, and opens the way for sound then.
func (t *life) confirm(ctx context.Context) error {
	adopted, first := len(t.want.Levels) == 0, !t.known
	settle := t.settling(first && !adopted)
	begin := t.cfg.Now()
	asked := begin // when the volume was set
	standing := standing{long: settle, messages: t.framer.intake.messages.Load()}
	var seen Volume
	for now := begin; now.Sub(begin) < confirmLimit || standing.settles(); now = t.cfg.Now() {
		info := &proto.GetSinkInfoReply{}
		if err := t.server.request("sink information", &proto.GetSinkInfo{SinkIndex: t.index}, info); err != nil {
			return t.giveUp(err)
		}
		last := seen
		seen = volumeOf(info)
		good := adopted && seen.equal(last) || seen.equal(t.want)
		if standing.look(now, good, t.framer.intake.messages.Load()) {
			break
		}
		if !good && !adopted && now.Sub(asked) >= confirmAgain {
			asked = now
			if err := t.setVolume(); err != nil {
				return t.giveUp(err)
			}
		}
		if !wake.Pause(ctx, confirmPause) {
			return nil
		}
	}
	// Whoever moves the slider of an adopted sink all the time means it.
	if !standing.good && !adopted {
		return t.giveUp(fmt.Errorf("the sound server does not take the volume %.1f dB of sink %q: look for a program that sets its volume all the time", t.want.DB(), t.cfg.SinkID))
	}
	t.confirmed = true
	t.guard.begin(t.heardBefore())
	if err := t.look(dirtyLevels); err != nil || !t.present {
		t.confirmed = false
		return err
	}
	t.framer.open.Store(true)
	t.log.Info().Float64("volume_db", seen.DB()).Bool("muted", seen.Muted).Bool("first", first && !adopted).Msg("volume confirmed")
	return nil
}

// standing tells whether a volume has stood for long enough. PipeWire's time counts
// from the first message of the recording on: until its session manager has
// linked that, it may not yet have set the volume that it remembers either.
type standing struct {
	long     time.Duration
	messages uint64 // before the first one that counts
	good     bool   // at the last look
	recorded bool   // messages that count have come
	last     aes67.MonoTime
	stood    time.Duration
}

// look takes what is seen now; enough is never true while nothing is recorded.
func (s *standing) look(now aes67.MonoTime, good bool, messages uint64) (enough bool) {
	s.recorded = s.long == 0 || messages != s.messages
	if good && s.good && s.recorded {
		s.stood += min(now.Sub(s.last), confirmBlind)
	} else {
		s.stood = 0
	}
	s.good, s.last = good, now
	return good && s.recorded && s.stood >= s.long
}

// settles reports whether a volume is shown that may stand for long enough before long:
// one look that finds it proves nothing.
func (s *standing) settles() bool { return s.good && s.recorded }

// settling is how long a volume must stand before it is believed.
func (t *life) settling(first bool) time.Duration {
	switch {
	case !t.server.isPipeWire():
		return 0
	case first:
		return settleFirst
	default:
		return settleKnown
	}
}

// giveUp removes a sink whose volume is not known, so that nobody adopts it.
func (t *life) giveUp(cause error) error {
	t.absent()
	if err := t.unload(t.module); err == nil {
		t.module, t.leftBehind = noModule, false
		t.unloadHidden()
	}
	return cause
}
