package slider

import (
	"math"

	"aes67-sink/aes67"
)

// entry is the way into Device: where the slider must be for it to begin.
type entry struct {
	asked, told bool
	base        float64 // the volume at which the speakers are heard, before the slider is moved for them
	seen        float64 // the volume when it was asked for
	to          float64 // and what was; in Device, where it began
	since       aes67.MonoTime
}

// enter begins Device where it is no louder than what is heard. A speaker that is where
// we left it is heard at R+V as before, unless the slider was moved up since: then, as one
// that somebody else has turned down, it is heard at its level less the slider's, and
// the slider goes there first. Who turns one down
// meanwhile is heard no louder for it: the slider goes further. While nothing of ours is
// heard on speakers that another has left, his level is as far as it goes.
func (s *Slider) enter(now aes67.MonoTime) Mode {
	below, volume, e := 0.0, s.law.VolumeDB, &s.entry
	for i := range s.devices {
		if d := &s.devices[i]; s.unheard || s.raised() || !(math.Abs(d.level-d.set) <= levelStep) { // NaN too
			below = min(below, d.level-s.reference)
		}
	}
	if !e.asked || volume > e.seen+sameDB { // or somebody has moved it up
		e.base = volume
	}
	to := e.base + below
	if s.unheard {
		to = min(e.base, below)
	}
	to = max(aes67.SilenceDB, to)
	switch {
	case below > -levelStep, e.asked && volume <= to+levelStep:
		for i := range s.devices {
			s.devices[i].taken = false
		}
		*e = entry{base: e.base, to: volume, since: now}
		return Device
	case e.asked && now.Sub(e.since) >= followLimit: // the slider does not go there
		*e, s.doubt.rest, s.doubt.since = entry{}, nextRest, now
		s.again(now.Add(nextRest))
		return Sink
	case !e.asked || math.Abs(to-e.to) > sameDB:
		*e = entry{asked: true, base: e.base, seen: volume, to: to, since: now}
	}
	s.again(e.since.Add(followLimit))
	return Entering
}

// raised reports whether the slider is higher than it was since Device ended.
func (s *Slider) raised() bool { return s.law.VolumeDB > s.lowest+sameDB }

// overtaken goes back before Device, for a speaker that its owner has turned before it was
// first written: what he hears was his wish, and the slider goes there.
func (s *Slider) overtaken(now aes67.MonoTime) {
	volume := s.law.VolumeDB
	base := min(0, s.entry.base+volume-s.entry.to)
	s.lowest = volume
	s.mode, s.entry = Entering, entry{asked: true, told: true, base: base, seen: volume, to: volume, since: now}
}

// turned takes a change that was made at a speaker: the slider goes there, and nothing
// is written until it is there. A speaker that was muted alone is its owner's wish; when
// all are, or one that the slider had muted is not, the slider follows.
func (s *Slider) turned(now aes67.MonoTime, was device, is *device) {
	switch {
	case math.Abs(is.level-was.level) <= sameDB:
	case !was.taken:
		s.overtaken(now)
	default:
		is.set = is.level
		s.follow.active, s.follow.since = true, now
		s.follow.volumeDB = new(min(0, is.level-s.reference))
	}
	all := true
	for i := range s.devices {
		all = all && s.devices[i].muted
	}
	if is.muted != was.muted && all != s.law.Muted && (all || was.ours) {
		s.follow.active, s.follow.since = true, now
		s.follow.muted = new(all)
	}
}
