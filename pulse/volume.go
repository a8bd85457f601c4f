package pulse

import (
	"math"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// Level is a volume in the server's unit: cubic, 65536 = 100 % = 0 dB
// (PulseAudio, volume.h).
type Level uint32

// The ends and the middle of the scale.
const (
	LevelNorm = Level(proto.VolumeNorm)
	LevelMax  = Level(proto.VolumeMax)
)

// LevelOf returns the level nearest to a gain in dB.
func LevelOf(db float64) Level {
	if !(db > aes67.SilenceDB) { // NaN is silent too
		return 0
	}
	level := math.Round(float64(LevelNorm) * math.Pow(10, db/60))
	return Level(math.Min(level, float64(LevelMax)))
}

// DB returns the gain in dB: 60·log10 of the share of 100 %, because the
// server's gain is the cube of that share.
func (l Level) DB() float64 {
	if l == 0 {
		return aes67.SilenceDB
	}
	return max(aes67.SilenceDB, 60*math.Log10(float64(l)/float64(LevelNorm)))
}

// Volume is what the user sets on the sink.
type Volume struct {
	Levels []Level // one for each channel, in the sink's order
	Muted  bool
}

// DB returns the gain of the loudest channel.
func (v Volume) DB() float64 { return v.loudest().DB() }

func (v Volume) loudest() (loudest Level) {
	for _, l := range v.Levels {
		loudest = max(loudest, l)
	}
	return loudest
}

// silent reports whether nothing is heard at this volume.
func (v Volume) silent() bool { return v.Muted || v.DB() <= aes67.SilenceDB }

// equal compares two volumes; a level may be off by a step of a 16-bit scale,
// which PipeWire's floats lose.
func (v Volume) equal(u Volume) bool {
	if len(v.Levels) != len(u.Levels) || v.Muted != u.Muted {
		return false
	}
	for i, l := range v.Levels {
		if max(l, u.Levels[i])-min(l, u.Levels[i]) > 1 {
			return false
		}
	}
	return true
}

// fit returns v for a number of channels; with another number of its own its
// loudest level serves for all.
func (v Volume) fit(channels int) Volume {
	if len(v.Levels) == channels {
		return v
	}
	return uniform(v.loudest(), channels, v.Muted)
}

func uniform(l Level, channels int, muted bool) Volume {
	v := Volume{Levels: make([]Level, channels), Muted: muted}
	for i := range v.Levels {
		v.Levels[i] = l
	}
	return v
}

func (v Volume) wire() proto.ChannelVolumes {
	wire := make(proto.ChannelVolumes, len(v.Levels))
	for i, l := range v.Levels {
		wire[i] = uint32(l)
	}
	return wire
}

func volumeOf(info *proto.GetSinkInfoReply) Volume { return fromWire(info.ChannelVolumes, info.Mute) }

// fromWire is a volume as the server tells it.
func fromWire(wire proto.ChannelVolumes, muted bool) Volume {
	v := Volume{Levels: make([]Level, len(wire)), Muted: muted}
	for i, l := range wire {
		v.Levels[i] = Level(l)
	}
	return v
}

// VolumeStore remembers the sink's volume from one start to the next. It is
// called from the control goroutine and may use files.
type VolumeStore interface {
	Load() (Volume, bool) // false: the sink has never existed
	Save(Volume)
}
