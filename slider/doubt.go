package slider

import (
	"time"

	"aes67-sink/aes67"
)

// Why is what keeps the slider from the speakers.
type Why uint8

// The reasons, in the order in which they are told.
const (
	Well         Why = iota
	Unwanted         // by the configuration, or there is no pair
	Scaled           // the sound server scales the samples whatever one does
	Unreachable      // a speaker does not answer
	Local            // a speaker is turned by its own switches
	Mixed            // the speakers are of different models
	Bounded          // the reference is above what a speaker takes
	Refused          // a speaker refused a write
	NotConfirmed     // a speaker confirmed another level than what was written
)

// Fault is a reason, and the speaker it is about.
type Fault struct {
	Why     Why
	Speaker int
}

// doubt is what keeps the slider from the speakers, and since when, or since when
// nothing does.
type doubt struct {
	fault Fault
	since aes67.MonoTime
	rest  time.Duration // how long all must be well before the speakers are used
	// lasting is a fault that shows only when it is tried again.
	lasting Fault
	until   aes67.MonoTime
	pause   time.Duration // until then, the last time
}

// longestRest bounds the time between two tries.
const longestRest = 10 * time.Minute

// fail notes a fault that shows only when it is tried again.
func (s *Slider) fail(now aes67.MonoTime, f Fault) {
	s.doubt.pause = min(longestRest, 2*max(nextRest, s.doubt.pause))
	s.doubt.lasting, s.doubt.until = f, now.Add(s.doubt.pause)
}

// judge looks for a doubt.
func (s *Slider) judge(now aes67.MonoTime) {
	if s.doubt.lasting.Why != Well {
		if now >= s.doubt.until {
			s.doubt.lasting = Fault{}
		} else {
			s.again(s.doubt.until)
		}
	}
	f := s.find(now)
	if f.Why == Well {
		f = s.doubt.lasting
	}
	if (f.Why == Well) != (s.doubt.fault.Why == Well) || s.doubt.since == 0 {
		s.doubt.since = now
	}
	s.doubt.fault = f
}

func (s *Slider) find(now aes67.MonoTime) Fault {
	switch {
	case !s.wanted || !s.lawful || len(s.devices) == 0:
		return Fault{Why: Unwanted}
	case !s.law.Unscaled:
		return Fault{Why: Scaled}
	}
	found := Fault{}
	add := func(why Why, i int) {
		if found.Why == Well || why < found.Why {
			found = Fault{why, i}
		}
	}
	for i := range s.devices {
		d := &s.devices[i]
		late := d.writing && now.Sub(d.began) >= answerLimit
		if d.writing && !late {
			s.again(d.began.Add(answerLimit))
		}
		switch {
		case !d.told.Reachable || !d.known || late:
			add(Unreachable, i)
		case d.told.Local:
			add(Local, i)
		case d.told.Product != s.devices[0].told.Product:
			add(Mixed, i)
		case d.told.MaxDB < s.reference:
			add(Bounded, i)
		}
	}
	return found
}
