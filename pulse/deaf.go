package pulse

import (
	"time"

	"aes67-sink/aes67"
)

// deaf tells when a recording should be begun anew of which channels give nothing
// but zeros, though a program plays. PipeWire 0.3.65 takes the links off a
// recording whose sink is suspended, and of the monitor's channels but the first
// for good: only another sink helps. All that it tells is that something about the
// sink has changed. It is pure: time is an argument.
//
//	            something changed, not the volume
//	calm ────────────────────────────────────────> suspicious
//	  ^                                              │    ^
//	  ├───── every channel sounds that did before ───┤    │ a program plays, and none
//	  └──────── neither was a help ──────────────────┘    └─ does: record anew; one of
//	                                                         them does not: then the
//	                                                         sink, when it may
type deaf struct {
	suspicious bool
	since      aes67.MonoTime // the change, or the last attempt
	wait       time.Duration  // from then to the next one
	sounded    channelSet     // until the change
	tries      cure
	gone       channelSet // what nothing helped, until it sounds by itself
}

// cure is what is to be done.
type cure uint8

const (
	noCure cure = iota
	recordAnew
	sinkAnew
)

// channelSet has a bit for each channel.
type channelSet uint8

const (
	// deafSoon is waited where there was sound until the change, deafLate where
	// there was none: a program may begin with silence.
	deafSoon, deafLate = 200 * time.Millisecond, 2 * time.Second
	// inFlight is how long after a change sound of before may still come, and recently a
	// time in which it is looked at least once.
	inFlight = 100 * time.Millisecond
	recently = flowCheck + inFlight
)

// changed takes note of a change; heard is when each channel last sounded. What a change
// just before has silenced is missed still, and what was tried for it stays tried.
func (d *deaf) changed(now aes67.MonoTime, heard []aes67.MonoTime) {
	d.suspicious, d.since, d.wait = true, now, deafLate
	d.sounded |= since(heard, now.Add(-2*inFlight))
	if d.sounded != 0 {
		d.wait = deafSoon
	}
}

// since returns the channels that have sounded after an instant.
func since(heard []aes67.MonoTime, at aes67.MonoTime) (set channelSet) {
	for c, h := range heard {
		if h > at {
			set |= 1 << c
		}
	}
	return set
}

// look tells what to do. audible says that a program plays and that the sink's
// volume lets it be heard.
func (d *deaf) look(now aes67.MonoTime, heard []aes67.MonoTime, audible bool) cure {
	if since(heard, now.Add(-recently))&d.gone == d.gone {
		d.gone = 0
	}
	sounds := since(heard, d.since.Add(inFlight))
	switch {
	case !d.suspicious:
		return noCure
	case sounds != 0 && (sounds&d.sounded == d.sounded || d.tries == noCure), d.tries == sinkAnew:
		*d = deaf{gone: d.gone}
		return noCure
	case !audible:
		d.since = now
		return noCure
	case now.Sub(d.since) < d.wait:
		return noCure
	case d.sounded == 0 && d.tries == recordAnew: // a program may play silence
		*d = deaf{gone: d.gone}
		return noCure
	}
	d.since, d.wait, d.tries = now, 2*d.wait, d.tries+1
	if d.tries == sinkAnew {
		d.gone = d.sounded
	}
	return d.tries
}

// deafened reports that a channel gives no sound and will not until the sink is made anew.
func (d *deaf) deafened() bool { return d.gone != 0 }

// lost reports that channels which sounded until a change have not since, and that
// something was tried for it.
func (d *deaf) lost() bool { return d.deafened() || d.tries != noCure && d.sounded != 0 }
