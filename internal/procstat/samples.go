package procstat

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/recorder"
)

// Sample is what was read at an instant.
type Sample struct {
	Raw             aes67.RawTime
	Mono            aes67.MonoTime // the same instant
	Sender, Capture recorder.Thread
	Pressed         time.Duration
	Dropped, Errors uint64
}

// usualFor is for how long before an incident it is looked at what is usual.
const usualFor = 5 * time.Second

// Samples are the latest of them: half a minute and what was before.
type Samples struct {
	ring [160]Sample
	n    int
}

// Add adds the newest.
func (s *Samples) Add(sample Sample) {
	s.ring[s.n%len(s.ring)] = sample
	s.n++
}

// at returns the newest sample that is not after an instant, or the oldest.
func (s *Samples) at(raw aes67.RawTime) int {
	n := s.n - 1
	for oldest := max(0, s.n-len(s.ring)); n > oldest && s.sample(n).Raw > raw; n-- {
	}
	return n
}

func (s *Samples) sample(n int) *Sample { return &s.ring[n%len(s.ring)] }

// Between returns what the samples say of a time, from the one before it to the one
// after it. each is how far they are apart unless this program stands still.
func (s *Samples) Between(from, until aes67.RawTime, each time.Duration) recorder.Evidence {
	if s.n == 0 {
		return recorder.Evidence{}
	}
	first := s.at(from)
	last := min(s.at(until)+1, s.n-1)
	a, b := s.sample(first), s.sample(last)
	before := s.sample(s.at(a.Raw.Add(-usualFor)))
	e := recorder.Evidence{
		Span: b.Raw.Sub(a.Raw), Sender: less(b.Sender, a.Sender), Capture: less(b.Capture, a.Capture),
		Usual: less(a.Sender, before.Sender), UsualSpan: a.Raw.Sub(before.Raw),
		Pressed: max(0, b.Pressed-a.Pressed), Dropped: fewer(b.Dropped, a.Dropped), Errors: fewer(b.Errors, a.Errors),
	}
	if e.Span > 0 {
		e.Slewed = 1e6 * (float64(b.Mono.Sub(a.Mono))/float64(e.Span) - 1)
	}
	for n := first + 1; n <= last; n++ {
		e.StoodStill = max(e.StoodStill, s.sample(n).Raw.Sub(s.sample(n-1).Raw)-each)
	}
	return e
}

// less is what came since; a thread that began meanwhile has all of it.
func less(now, then recorder.Thread) recorder.Thread {
	if now.Ran < then.Ran {
		return now
	}
	return now.Less(then)
}

// fewer is what a counter gained; another interface's begins anew.
func fewer(now, then uint64) uint64 {
	if now < then {
		return 0
	}
	return now - then
}
