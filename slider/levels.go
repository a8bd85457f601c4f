package slider

import (
	"math"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// device is what is known of a speaker's level.
type device struct {
	told  Speaker
	known bool    // level and muted are what it has
	level float64 // as it last told
	muted bool
	ours  bool    // muted by the slider, and not by its owner alone
	taken bool    // since Device began its level is what we wrote, or was asked
	step  float64 // the finest that it takes, as far as is known
	set   float64 // what we set last, in an earlier run too; NaN: nothing, or it is over

	writing bool // a write is on its way
	write   Write
	began   aes67.MonoTime
	wrote   aes67.MonoTime // when the last one ended
	asked   float64        // what the last one that was confirmed asked for; NaN: turned since
	lost    float64        // the level of one that was not answered; NaN: none
	hushed  bool           // a mute of the slider's was not answered
	gaveUp  aes67.MonoTime // when the last of these was given up
}

// most is the highest level that it may have, as long as it is heard of.
func (d *device) most() float64 {
	if d.writing && !d.write.Mute {
		return max(d.level, d.write.LevelDB)
	}
	return d.level
}

// writable reports whether it may be given a write now.
func (s *Slider) writable(i int) bool {
	d := &s.devices[i]
	failed := s.doubt.lasting.Why != Well && s.doubt.lasting.Speaker == i
	return d.told.Reachable && d.known && !d.told.Local && !d.writing && !failed
}

// restoreAfter is how long a doubt must last until the speakers that can be reached go
// back to the reference: most are over sooner.
const restoreAfter = 2 * time.Second

// targets are the levels where the speakers should go; NaN: nowhere.
func (s *Slider) targets(now aes67.MonoTime) []float64 {
	targets := make([]float64, len(s.devices))
	for i := range s.devices {
		targets[i] = s.target(now, i)
	}
	return targets
}

func (s *Slider) target(now aes67.MonoTime, i int) float64 {
	d, target := &s.devices[i], math.NaN()
	switch {
	case !s.writable(i):
		return target
	case s.mode == Device && !s.follow.active:
		// Downwards to a whole step.
		step := s.step()
		level := math.Floor((s.reference+s.law.VolumeDB)/step+sameDB) * step
		target = min(d.told.MaxDB, max(d.told.MinDB, level))
	case s.mode == Sink && s.restores(now, d):
		target = min(d.told.MaxDB, s.reference)
	default:
		return target
	}
	if there := d.level > target-levelStep/2 && d.level < target+sameDB; there || math.Abs(target-d.asked) < levelStep/2 {
		if d.set, d.taken = d.level, true; s.mode == Sink {
			d.set = math.NaN()
		}
		return math.NaN()
	}
	return target
}

// step is the finest that all speakers take: they shall be alike.
func (s *Slider) step() float64 {
	step := levelStep
	for i := range s.devices {
		step = max(step, s.devices[i].step)
	}
	return step
}

// restores reports whether a speaker shall go back to the reference: one that is where
// we left it.
func (s *Slider) restores(now aes67.MonoTime, d *device) bool {
	at := s.doubt.since.Add(restoreAfter)
	switch {
	case !s.lawful: // nobody knows yet what the slider says
		return false
	case s.doubt.fault.Why == Well || math.IsNaN(d.set):
		return false
	case math.Abs(d.level-d.set) > levelStep: // its owner has turned it since
		d.set = math.NaN()
		return false
	case now < at:
		s.again(at)
		return false
	}
	return true
}

// writeLevels writes those levels that may be written now: down at any time, up where no
// speaker gets louder than the law with the stream as it may still be on its way.
func (s *Slider) writeLevels(now aes67.MonoTime, targets []float64) {
	for i, target := range targets {
		d := &s.devices[i]
		if math.IsNaN(target) {
			continue
		}
		if room := s.reference + s.law.Ramp().DB(now) - s.gain.most(now); target > d.level && target > room+sameDB {
			s.again(s.gain.arrives(now))
			continue
		}
		s.order(now, Write{Speaker: i, LevelDB: target, Checked: s.mode == Sink || !d.taken, FromDB: d.level})
	}
}

// writeMutes lets the speakers be muted as the slider is. One that its owner has muted alone
// stays muted when the slider is not; where he has muted all of them they are the slider's.
func (s *Slider) writeMutes(now aes67.MonoTime) {
	muted := s.mode == Device && s.law.Muted
	if others := func(d device) bool { return !d.muted || d.ours }; muted && !slices.ContainsFunc(s.devices, others) {
		for i := range s.devices {
			s.devices[i].ours = true
		}
	}
	for i := range s.devices {
		d := &s.devices[i]
		if s.writable(i) && !s.follow.active && d.muted != muted && (muted || d.ours) {
			s.order(now, Write{Speaker: i, Mute: true, Muted: muted})
		}
	}
}

func (s *Slider) order(now aes67.MonoTime, w Write) {
	d := &s.devices[w.Speaker]
	d.writing, d.write, d.began = true, w, now
	s.again(now.Add(answerLimit))
	s.out.Writes = append(s.out.Writes, w)
}
