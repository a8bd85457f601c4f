package pulse

import (
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// backEvery is the least time between two attempts to turn the sink back: who
// sets it all the time shall not be answered all the time.
const backEvery = 200 * time.Millisecond

// doubts returns how many doubts an answer of the server that is asked now ends.
func (s *Sink) doubts() uint64 {
	if s.framer.volumes == nil {
		return 0
	}
	return s.framer.volumes.Doubts()
}

// heardBefore is the volume that the user left, or the first one: what is seen of a
// new sink is judged by it.
func (t *life) heardBefore() Volume {
	if t.known {
		return t.volume
	}
	return uniform(LevelOf(t.cfg.FirstVolumeDB), len(t.cfg.Channels), false)
}

// sawVolume takes over what the server says in answer to so many doubts. The
// monitor and its recording add addedDB to it, which our own gain takes back. It was
// byPlayer if it changed when a player came or went.
func (t *life) sawVolume(doubts uint64, v Volume, addedDB float64, byPlayer bool) {
	now, pending := t.cfg.Now(), t.guard.pending
	t.guard.see(now, v, circumstances{
		program: byPlayer,
		playing: t.playing > 0,
		heard:   t.heardUntil(),
	})
	law := t.law(addedDB)
	t.tellLaw(doubts, law)
	t.volume, t.known = t.guard.trusted, true
	t.set(func(st *Status) {
		st.VolumeDB, st.Muted, st.Unscaled = v.DB(), v.Muted, v.equal(whole(len(v.Levels))) || law.Unscaled
		st.Alone = law.Unscaled
		st.VolumeConfirmed, st.Notice = true, t.notice(now)
	})
	if t.guard.pending && !pending {
		t.log.Warn().Float64("from_db", t.guard.from).Float64("to_db", t.guard.to).Bool("program", t.guard.player).
			Msg("volume jumped; the sound rises slowly")
	}
	if t.guard.over() > 0 {
		t.turnBack(now)
	}
}

// turnBack sets the sink to the most that it may be at. Our own gain has bounded
// the sound already, so an error is left to the next look.
func (t *life) turnBack(now aes67.MonoTime) {
	if t.backAt != 0 && now.Sub(t.backAt) < backEvery {
		return // the next beat does it
	}
	if t.backAt == 0 || now.Sub(t.backAt) > toldFor {
		t.log.Warn().Float64("volume_db", t.guard.seen.DB()).Float64("max_volume_db", t.guard.maxDB).Msg("volume turned back")
	}
	t.backAt = now
	_ = t.server.request("setting the volume", &proto.SetSinkVolume{SinkIndex: t.index, ChannelVolumes: t.guard.bounded.wire()}, nil)
}

// beatVolume is what time alone does to the volume.
func (t *life) beatVolume() {
	if !t.confirmed {
		return
	}
	now := t.cfg.Now()
	if t.guard.look(now, t.playing > 0 && !t.silent()) {
		t.volume = t.guard.trusted
		t.log.Info().Float64("volume_db", t.volume.DB()).Msg("volume is listened to; it is remembered now")
	}
	if t.guard.over() > 0 || t.astray {
		t.mark(dirtyLevels)
	}
	t.set(func(st *Status) { st.Notice = t.notice(now) })
}

// notice is the sentence for status, or empty.
func (t *life) notice(now aes67.MonoTime) string {
	if t.asleep && !t.flow.flowing {
		return "the sink is suspended, so nothing is heard of it: resume it (`pactl suspend-sink " + t.cfg.SinkID + " 0`)"
	}
	if t.deaf.deafened() {
		return "the sound server gives zeros for what is played, since the sink was suspended: pause what plays for a second, and the sink is made anew"
	}
	return t.guard.notice(now)
}
