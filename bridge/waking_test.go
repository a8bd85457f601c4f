package bridge

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/safety"
)

// TestWhenASoundIsHeldBack: each order in which it may be told that a speaker sleeps.
func TestWhenASoundIsHeldBack(t *testing.T) {
	const begin, second = aes67.MonoTime(time.Hour), aes67.MonoTime(time.Second)
	type step struct {
		at     aes67.MonoTime
		asleep int // 1: it is told, -1: that it is awake
		begins bool
	}
	for name, test := range map[string]struct {
		steps []step
		held  map[aes67.MonoTime]bool
		wakes bool
	}{
		"nobody sleeps":      {[]step{{begin, 0, true}}, map[aes67.MonoTime]bool{begin: false}, false},
		"one sleeps":         {[]step{{0, 1, false}, {begin, 0, true}}, map[aes67.MonoTime]bool{begin: true, begin + second - 1: true, begin + second: false, 2 * begin: false}, true},
		"it wakes":           {[]step{{0, 1, false}, {begin, 0, true}, {begin + 1, -1, false}}, map[aes67.MonoTime]bool{begin + 1: false}, true},
		"it sleeps again":    {[]step{{0, 1, false}, {begin, 0, true}, {begin + 1, -1, false}, {begin + 2, 1, false}}, map[aes67.MonoTime]bool{begin + 3: false}, true},
		"told while it goes": {[]step{{begin, 0, true}, {begin + 1, 1, false}}, map[aes67.MonoTime]bool{begin + 2: false}, false},
		"the second sound":   {[]step{{0, 1, false}, {begin, 0, true}, {2 * begin, 0, true}}, map[aes67.MonoTime]bool{2 * begin: true, 2*begin + second: false}, true},
	} {
		w := waking{begun: make(chan struct{}, 1)}
		for _, s := range test.steps {
			if s.asleep != 0 {
				w.set(s.asleep > 0)
			}
			if s.begins {
				w.begins(s.at)
			}
		}
		for at, held := range test.held {
			if w.holds(at) != held {
				t.Errorf("%s: at %v held is %v", name, time.Duration(at-begin), !held)
			}
		}
		if wakes := len(w.begun) > 0; wakes != test.wakes {
			t.Errorf("%s: somebody is woken: %v", name, wakes)
		}
	}
}

// TestASoundWaitsForASpeakerToWake plays a tone after silence, in streams that were on the
// wire all the time and in such that begin: it is heard once the speaker is awake, or after
// a second, and is faded in from where the program is by then, at the usual latency.
func TestASoundWaitsForASpeakerToWake(t *testing.T) {
	plainOnly(t)
	for _, rests := range []bool{false, true} {
		for _, c := range []struct {
			asleep       bool
			awake        time.Duration // after the sound begins; 0: never
			least, limit time.Duration
		}{
			{false, 0, 0, 150 * time.Millisecond},
			{true, 300 * time.Millisecond, 300 * time.Millisecond, 360 * time.Millisecond},
			{true, 0, time.Second, 1060 * time.Millisecond},
		} {
			r := newRig(t, PipelineConfig{}, 0)
			r.SetConfirmed(true)
			r.program = silence
			r.pullFor(3*time.Second, nil)
			if rests { // nobody pulls
				for range 50 {
					r.now, r.next = r.now.Add(100*time.Millisecond), r.now.Add(100*time.Millisecond)
					r.message(r.now)
				}
				r.next = r.now
			}
			r.SetAsleep(c.asleep)
			r.program = tone
			began, heard, last, steep := r.now, aes67.MonoTime(0), 0.0, 0.0
			for r.now < began.Add(2*time.Second) {
				if c.awake > 0 && r.now >= began.Add(c.awake) {
					r.SetAsleep(false)
				}
				r.pull()
				for _, x := range r.out[0] {
					if x != 0 && heard == 0 {
						heard = r.now
					}
					steep, last = max(steep, math.Abs(x-last)), x
				}
			}
			if took := heard.Sub(began); heard == 0 || took < c.least || took > c.limit {
				t.Errorf("%+v, rests %v: heard after %v", c, rests, took)
			}
			if most := 1.1 * 0.5 * (2*math.Pi*500 + math.Pi/2/safety.FadeTime.Seconds()) / testRate; steep > most && c.asleep { // a tone that begins in mid-wave is left as it is
				t.Errorf("%+v, rests %v: a step of %.4f; the tone and its fade have %.4f", c, rests, steep, most)
			}
			if s := r.Snapshot(); s.Phase != Flowing || math.Abs(s.Fill-float64(s.Target)) > 96 || s.Underruns > 0 {
				t.Errorf("%+v, rests %v: %+v", c, rests, s)
			}
			if c.asleep != (len(r.Begun()) == 1) {
				t.Errorf("%+v, rests %v: %d signals to wake it", c, rests, len(r.Begun()))
			}
		}
	}
}
