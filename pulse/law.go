package pulse

import (
	"math"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

// PipeWire's null sink has a property by which its monitor is not scaled by the sink's
// volume, nor silenced by its mute (seen with 0.3.65: a sine of 0.5 stays at 0.5 at any
// volume of the sink). Then the samples are the programs' own, and the volume is ours to
// apply: by a gain, or by the speakers' own level. PulseAudio scales the monitor whatever
// one does.

// scaledKey is that property (PipeWire, audioconvert.c, "monitor.channel-volumes").
const scaledKey = "monitor.channel-volumes"

// law is what is known of it now. The monitor and its recording add addedDB.
func (t *life) law(addedDB float64) aes67.Law {
	if !t.unscaled {
		return aes67.Law{VolumeDB: t.guard.bounded.DB(), Muted: t.guard.seen.Muted, Held: lowered(t.guard.ramp(), addedDB)}
	}
	l := aes67.Law{VolumeDB: t.guard.bounded.DB(), Muted: t.guard.seen.Muted, Held: lowered(t.guard.own, addedDB), Unscaled: true}
	db := decibels(t.guard.bounded)
	for _, channel := range db {
		if channel < l.VolumeDB {
			l.Balance = make([]float64, len(db))
			for i := range db {
				l.Balance[i] = math.Pow(10, (db[i]-l.VolumeDB)/20)
			}
			break
		}
	}
	return l
}

// tellLaw puts the law in force, from the first of so many doubts on.
func (t *life) tellLaw(doubts uint64, l aes67.Law) {
	switch {
	case t.cfg.Law != nil:
		t.cfg.Law(doubts, l)
	case t.framer.volumes != nil:
		t.framer.volumes.Settle(doubts, l.Ramp(), l.Balance...)
	}
}

// SetAlone asks for a sink whose volume PipeWire leaves to us, or not; one that is there is
// made anew when nothing plays. Any goroutine may call it, also before Run.
func (s *Sink) SetAlone(yes bool) {
	if s.wantsAlone.Swap(yes) != yes {
		wake.Signal(s.asked)
	}
}

// alone reports whether the sink is to be one whose volume is ours to apply.
func (t *life) alone() bool { return t.wantsAlone.Load() && t.server.isPipeWire() }

// isUnscaled reports whether the volume of a sink is ours to apply. Where the server tells
// of the property, and scales all the same, the sound is quieter than it should be, not
// louder. A sink that is just being made may have no properties yet.
func (t *life) isUnscaled(info *proto.GetSinkInfoReply) bool {
	return t.server.isPipeWire() &&
		(info.Properties[scaledKey].String() == "false" || strings.Contains(t.argumentsOf(info), scaledKey+`="false"`))
}

// SetVolume moves the sink's slider; its channels keep their distances. Any goroutine may
// call it; what was set last counts.
func (s *Sink) SetVolume(db float64) {
	s.volumeTo.Store(new(db))
	wake.Signal(s.asked)
}

// SetMuted mutes the sink, or ends that. Any goroutine may call it.
func (s *Sink) SetMuted(yes bool) {
	s.mutedTo.Store(new(yes))
	wake.Signal(s.asked)
}

// setAsked does what SetVolume and SetMuted ask for. What the server does not take is
// forgotten: who asked sees the volume as it is.
func (t *life) setAsked() {
	db, muted := t.volumeTo.Swap(nil), t.mutedTo.Swap(nil)
	if !t.confirmed {
		return
	}
	if db != nil {
		_ = t.server.request("setting the volume", &proto.SetSinkVolume{SinkIndex: t.index, ChannelVolumes: t.guard.seen.at(*db).wire()}, nil)
	}
	if muted != nil {
		_ = t.server.request("setting mute", &proto.SetSinkMute{SinkIndex: t.index, Mute: *muted}, nil)
	}
}

// at returns v moved so that its loudest channel is at a gain in dB.
func (v Volume) at(db float64) Volume {
	to, loudest := LevelOf(min(0, db)), v.loudest()
	if loudest == 0 {
		return uniform(to, len(v.Levels), v.Muted)
	}
	moved := Volume{Levels: make([]Level, len(v.Levels)), Muted: v.Muted}
	for i, l := range v.Levels {
		moved.Levels[i] = Level(uint64(l) * uint64(to) / uint64(loudest))
	}
	return moved
}
