package pulse

import (
	"slices"
	"time"

	"aes67-sink/aes67"
)

const (
	// heardFor is how long a rate must have played to be followed: a desktop's own sounds
	// do not.
	heardFor = 5 * time.Second
	// restFor is how long nothing must have played until the rate may change: between two
	// pieces a player's stream ends, too.
	restFor = 2 * time.Second
)

// follow decides at which rate the monitor is recorded: that of what played last. It changes
// in silence alone, so a sound that begins another rate is the server's to resample, and
// what comes after it is not.
//
//	            played for heardFor, at one rate          nothing plays for restFor
//	Playing ─────────────────────────────────────> heard ───────────────────────────> turn
//
// Pure: time is an argument.
type follow struct {
	rates []aes67.Hz // that it may be, the usual one first; one alone: it never changes
	now   aes67.Hz   // at which the monitor is recorded

	plays   aes67.Hz       // the rate of all that plays; 0: nothing does, or several rates
	silent  bool           // nothing plays
	since   aes67.MonoTime // since when that is so
	heard   aes67.Hz       // what is to be followed; 0: nothing
	refused bool           // the server did not go along, the last time
}

func newFollow(rates []aes67.Hz) follow { return follow{rates: rates, now: rates[0], silent: true} }

// saw takes the rates of the programs that play from now on.
func (f *follow) saw(now aes67.MonoTime, playing []aes67.Hz) {
	plays, silent := aes67.Hz(0), len(playing) == 0
	if !silent && !slices.ContainsFunc(playing, func(r aes67.Hz) bool { return r != playing[0] }) {
		plays = playing[0]
	}
	if plays == f.plays && silent == f.silent {
		return
	}
	f.look(now)
	f.plays, f.silent, f.since = plays, silent, now
}

// look notes what has played for long enough.
func (f *follow) look(now aes67.MonoTime) {
	if f.plays != 0 && now.Sub(f.since) >= heardFor {
		f.heard = f.rates[0] // what has none of the rates is the server's to resample, to the usual one
		if slices.Contains(f.rates, f.plays) {
			f.heard = f.plays
		}
	}
}

// due returns the rate to which to turn now.
func (f *follow) due(now aes67.MonoTime) (rate aes67.Hz, yes bool) {
	return f.heard, f.silent && now.Sub(f.since) >= restFor && f.heard != 0 && f.heard != f.now
}

// again asks for a rate that was about to be taken over, after another silence.
func (f *follow) again(now aes67.MonoTime, rate aes67.Hz) {
	if rate != f.now {
		f.heard, f.refused, f.since = rate, false, now
	}
}

// turned tells what became of a turn: the rate at which the monitor is recorded now, and
// whether the server went along. If not, the rate is asked for again when it has been heard
// again; a recording that could not go back to the rate before does so when it may.
func (f *follow) turned(now aes67.Hz, along bool) {
	before := f.now
	f.now, f.heard, f.refused = now, 0, !along
	if !along && now != before {
		f.heard = before
	}
}
