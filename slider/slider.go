package slider

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// Slider decides what the desktop's slider moves: the level of the stream, or the
// speakers' own. In the second the samples leave untouched.
//
//	          all is well and has been for a while
//	┌──────┐ ─────────────────────────────────────> ┌──────────┐
//	│ Sink │ <── a doubt, or the slider is not ──── │ Entering │ the slider goes to what
//	└──────┘     there in time                      └──────────┘ is heard, if that is less
//	   ^                                                 │  ^
//	   │          ┌────────┐      it is there, or need   │  │ one was turned by its owner
//	   └──────────│ Device │ <──────────── not move ─────┘  │ before it was first written
//	  a doubt     └────────┘ ───────────────────────────────┘
//
//	              what is heard of a speaker, with the slider at volume V, the guard's
//	              gain G (at most 0 dB), the pair's reference R and a level L:
//	Sink          L + V + G            the stream carries it; less what L is above R
//	Device        L + min(0, R+V+G-L)  the speaker carries it; L goes to R+V
//
// One law holds at every instant: no speaker is louder than R+V+G. So
//
//   - the highest level counts that a speaker may have: the one it has told, or the one
//     that is being written to it;
//   - down, the stream goes at once, and comes back when the speakers have confirmed
//     that they are down;
//   - up, a speaker goes only to where R+V+G allows it with the stream as loud as it may
//     still be on its way; if the stream must be lower for that, it is lowered first, and
//     given the time to arrive;
//   - at any doubt the stream has the slider's volume again at once, so that R+V+G holds
//     for a speaker at R too, as one may be that was switched off and on. Only then those
//     that can be reached go back to R.
//
// A level that was changed at a speaker moves the slider, and so the other speaker.
type Slider struct {
	wanted    bool
	reference float64 // R: the speakers' level that is 0 dB of the slider
	law       aes67.Law
	lawful    bool // law was seen
	devices   []device
	mode      Mode
	doubt     doubt
	entry     entry
	follow    follow
	gain      gain
	lowest    float64 // the volume, since Device ended or all began
	unheard   bool    // see Unheard
	out       Orders
}

// Mode is what the slider moves.
type Mode uint8

// The modes.
const (
	Sink     Mode = iota // the stream's level
	Entering             // the same still, until the slider is where Device begins
	Device               // the speakers' level
)

// Speaker is what one tells of itself.
type Speaker struct {
	Reachable bool
	Local     bool   // its own switches have the control, not the network
	Product   string // its model
	LevelDB   float64
	Muted     bool
	MinDB     float64 // the least and the most level that it takes
	MaxDB     float64
}

// Write is a level or a mute for a speaker. Each is answered by Wrote; until then that
// speaker is given no other.
type Write struct {
	Speaker int
	Mute    bool // it is a mute, not a level
	Muted   bool
	LevelDB float64
	// Checked: only to a speaker that is at FromDB still. Its owner may have turned it since
	// it was asked, and nobody at the desktop has moved the slider.
	Checked bool
	FromDB  float64
	Hand    uint64 // the number of who wanted it beside the slider; 0: nobody
}

// Orders are what is to be done now.
type Orders struct {
	// Gain is the stream's from now on; Number is its, for Applied. It is to be put in
	// force before anything else is done.
	Gain   aes67.Ramp
	Number uint64
	Writes []Write
	// VolumeDB and Muted are what the sink is to be set to; nil: nothing.
	VolumeDB *float64
	Muted    *bool
	Next     aes67.MonoTime // when to Look again; 0: when something happens
}

// Result is how a write ended.
type Result uint8

// The results.
const (
	Confirmed Result = iota
	Refusal          // the speaker says no
	Silence          // it says nothing
	Turned           // it was at another level than what the write was checked against
	Unasked          // it did not say at which level it is, so nothing was written
)

const (
	// levelStep is the finest level that is written (khtool writes one decimal).
	levelStep = 0.1
	// tolerance is by how much a confirmed level may differ from what was written: one
	// step of a speaker that knows whole decibels alone, which are written from then on.
	tolerance = 1.0
	// sameDB: levels that differ by less are the same. It is less than can be heard of
	// two speakers side by side, and is not worth an untouched stream.
	sameDB = 0.02
	// Flight is how long what has left the bridge at an old gain may be on its way to the
	// ear: the receivers' buffers, 20 ms at most, and what their amplifiers add. What is
	// quieter than that follows before; 100 ms is the least of steps that seem at once.
	// What is delayed on purpose comes on top (Delay).
	Flight = 100 * time.Millisecond
	// answerLimit is how long a write may take until it counts as a doubt.
	answerLimit = time.Second
	// firstRest is how long all must have been well before the speakers are used, and
	// nextRest after a doubt: who comes and goes shall not turn the sound up and down, and
	// a write that was given up, a line in a buffer somewhere, may yet be obeyed.
	firstRest = 500 * time.Millisecond
	nextRest  = 10 * time.Second
	// followLimit is how long the sound server may take to move the slider.
	followLimit = time.Second
)

// New begins in Sink mode. reference is the level, in the speakers' own dB, that
// is 0 dB of the slider; last are the levels that were set last in an earlier run, one
// a speaker, NaN where there is none.
func New(reference float64, last []float64) *Slider {
	s := &Slider{reference: reference, devices: make([]device, len(last))}
	s.doubt.rest, s.gain.flight = firstRest, Flight
	for i := range s.devices {
		s.devices[i] = device{set: last[i], asked: math.NaN(), lost: math.NaN()}
	}
	return s
}

// Unheard tells that the speakers were another's until now, and that nothing of ours was on
// the wire since.
func (s *Slider) Unheard(yes bool) { s.unheard = yes }

// Mutes are whether the slider has muted each speaker, or may have: one that has not
// answered may have obeyed.
func (s *Slider) Mutes() []bool {
	all := make([]bool, len(s.devices))
	for i := range all {
		d := &s.devices[i]
		all[i] = d.muted && d.ours || d.hushed
	}
	return all
}

// Muted tells, of the same speakers, what Mutes of an earlier Slider was: what it has muted
// it unmutes.
func (s *Slider) Muted(earlier []bool) {
	for i, yes := range earlier {
		s.devices[i].muted, s.devices[i].ours = yes, yes
	}
}

// Want lets the speakers be used, or not.
func (s *Slider) Want(now aes67.MonoTime, device bool) Orders {
	s.wanted = device
	return s.act(now)
}

// Delay tells by how much longer than Flight what has left at an old gain is on its way:
// delays of channels, and what receivers wait.
func (s *Slider) Delay(by time.Duration) { s.gain.flight = Flight + max(0, by) }

// See takes the sink's law.
func (s *Slider) See(now aes67.MonoTime, law aes67.Law) Orders {
	law.VolumeDB = min(0, law.VolumeDB)
	moved := s.lawful && (math.Abs(law.VolumeDB-s.law.VolumeDB) > sameDB || law.Muted != s.law.Muted)
	switch {
	case !s.lawful:
		s.doubt.since = 0 // a doubt without a law says nothing
		s.lowest = law.VolumeDB
	case s.mode != Device:
		s.lowest = min(s.lowest, law.VolumeDB)
	}
	s.law, s.lawful = law, true
	if moved {
		s.follow = follow{}
	}
	return s.act(now)
}

// Tell takes what a speaker told, in answer to what was asked at an instant.
func (s *Slider) Tell(now aes67.MonoTime, i int, asked aes67.MonoTime, told Speaker) Orders {
	d := &s.devices[i]
	d.told = told
	switch {
	case !told.Reachable:
		d.known = false
	case d.wrote > asked: // it is of before
	case d.writing: // it may be
		d.level = max(d.level, told.LevelDB)
	default:
		was := *d
		d.known, d.level, d.muted = true, told.LevelDB, told.Muted
		if math.Abs(d.level-was.level) > sameDB {
			if d.asked = math.NaN(); was.known {
				d.set = math.NaN() // somebody else did it
			}
		}
		if d.muted != was.muted { // so did he here, or a mute that was given up was obeyed
			d.ours = d.muted && d.hushed
		}
		obeyed := math.Abs(d.level-d.lost) <= tolerance
		if obeyed {
			d.set = d.level
		}
		late := now.Sub(d.gaveUp) >= nextRest
		if obeyed || late {
			d.lost = math.NaN()
		}
		d.hushed = d.hushed && !d.muted && !late
		if was.known && s.mode == Device {
			s.turned(now, was, d)
		}
		d.taken = d.taken || asked >= s.entry.since
	}
	return s.act(now)
}

// Wrote takes the answer to a write: the level that the speaker has now. One that was
// not answered may yet be obeyed; one that was refused was not.
func (s *Slider) Wrote(now aes67.MonoTime, w Write, confirmedDB float64, result Result) Orders {
	d := &s.devices[w.Speaker]
	d.writing, d.wrote = false, now
	switch {
	case result == Refusal && w.Hand != 0: // it is as it was, and the slider none the worse
	case result == Refusal:
		s.fail(now, Fault{Refused, w.Speaker})
	case result == Silence, result == Unasked:
		switch {
		case result == Unasked:
		case !w.Mute:
			d.lost = w.LevelDB
		case w.Hand == 0:
			d.hushed = w.Muted
		}
		d.gaveUp = now
		d.known, d.told.Reachable, s.doubt.rest = false, false, max(s.doubt.rest, nextRest)
	case w.Mute:
		s.muted(now, w)
	case result == Turned:
		was := *d
		d.level, d.set, d.asked = confirmedDB, math.NaN(), math.NaN()
		if s.mode == Device {
			s.turned(now, was, d)
		}
	default:
		d.level, d.set, d.asked, d.taken = confirmedDB, confirmedDB, w.LevelDB, true
		switch off := math.Abs(confirmedDB - w.LevelDB); {
		case off <= sameDB:
		case off <= tolerance:
			d.step = tolerance
		default:
			s.fail(now, Fault{NotConfirmed, w.Speaker})
		}
	}
	return s.act(now)
}

// Applied tells that the stream has the gain of that number, or that nothing is sent.
func (s *Slider) Applied(now aes67.MonoTime, number uint64) Orders {
	s.gain.applied(now, number)
	return s.act(now)
}

// Look lets time pass.
func (s *Slider) Look(now aes67.MonoTime) Orders { return s.act(now) }

// Mode is what the slider moves now, and what keeps it from the speakers.
func (s *Slider) Mode() (Mode, Fault) { return s.mode, s.doubt.fault }

// Last are the levels that were set last, one a speaker; NaN: none.
func (s *Slider) Last() []float64 {
	last := make([]float64, len(s.devices))
	for i := range s.devices {
		last[i] = s.devices[i].set
	}
	return last
}

// act decides. What it returns holds until the next call.
func (s *Slider) act(now aes67.MonoTime) Orders {
	s.out = Orders{}
	s.judge(now)
	s.move(now)
	s.out.VolumeDB, s.out.Muted = s.follow.take()
	if s.entry.asked && !s.entry.told {
		s.entry.told = true
		s.out.VolumeDB = new(s.entry.to)
	}
	targets := s.targets(now)
	s.setGain(now, targets)
	s.writeLevels(now, targets)
	s.writeMutes(now)
	s.out.Gain, s.out.Number = s.gain.ramp, s.gain.number
	return s.out
}

// again asks to be looked at, at an instant.
func (s *Slider) again(at aes67.MonoTime) {
	if s.out.Next == 0 || at < s.out.Next {
		s.out.Next = at
	}
}

// move changes the mode.
func (s *Slider) move(now aes67.MonoTime) {
	switch ready := s.doubt.since.Add(s.doubt.rest); {
	case s.doubt.fault.Why != Well:
		if s.mode != Sink {
			s.doubt.rest = max(s.doubt.rest, nextRest)
		}
		if s.mode == Device {
			s.lowest = s.law.VolumeDB
		}
		s.mode, s.entry, s.follow = Sink, entry{}, follow{}
	case s.mode == Device:
		if now.Sub(s.doubt.since) >= longestRest {
			s.doubt.pause = 0
		}
	case now < ready:
		s.again(ready)
	default:
		s.mode = s.enter(now)
	}
	switch end := s.follow.since.Add(followLimit); {
	case s.follow.active && now >= end:
		s.follow = follow{}
	case s.follow.active:
		s.again(end)
	}
}

// follow is a slider on its way to where a speaker was turned.
type follow struct {
	active   bool
	since    aes67.MonoTime
	volumeDB *float64 // to be ordered
	muted    *bool
}

func (f *follow) take() (volumeDB *float64, muted *bool) {
	volumeDB, muted = f.volumeDB, f.muted
	f.volumeDB, f.muted = nil, nil
	return volumeDB, muted
}
