package pulse

import (
	"time"

	"aes67-sink/aes67"
)

// deaf tells when a recording should be begun anew that gives nothing but zeros,
// though a program plays. PipeWire 0.3.65 takes the links off a recording whose
// sink is suspended, puts none back, and goes on with zeros; all that it tells is
// that something about the sink has changed. It is pure: time is an argument.
//
//	            something changed, not the volume
//	calm ────────────────────────────────────────> suspicious
//	  ^                                              │    ^
//	  ├──────────────── sound comes ─────────────────┤    │ a program plays, and
//	  └──────── it was no help so many times ────────┘    └─ zeros come: record anew
type deaf struct {
	suspicious bool
	since      aes67.MonoTime // the change, or the last new recording
	wait       time.Duration  // from then to the next one
	tries      int
}

const (
	// deafSoon is waited where there was sound until the change, deafLate where
	// there was none: a program may begin with silence.
	deafSoon, deafLate = 200 * time.Millisecond, 2 * time.Second
	// deafTries new recordings are no help: what is played is silence.
	deafTries = 5
	// inFlight is how long after a change sound of before may still come.
	inFlight = 100 * time.Millisecond
)

// changed takes note of a change; heard is when sound last came.
func (d *deaf) changed(now, heard aes67.MonoTime) {
	*d = deaf{suspicious: true, since: now, wait: deafLate}
	if now.Sub(heard) < 2*inFlight {
		d.wait = deafSoon
	}
}

// look reports whether to record anew. audible says that a program plays and that
// the sink's volume lets it be heard.
func (d *deaf) look(now, heard aes67.MonoTime, audible bool) (again bool) {
	switch {
	case !d.suspicious:
		return false
	case heard > d.since.Add(inFlight), d.tries == deafTries:
		*d = deaf{}
		return false
	case !audible:
		d.since = now
		return false
	case now.Sub(d.since) < d.wait:
		return false
	}
	d.since, d.wait, d.tries = now, 2*d.wait, d.tries+1
	return true
}
