package bridge

// Hot: next runs once a pull. Pure: what it does not know it is told.

import "time"

// watch is the machine that decides what a pull does.
//
//	           a place to begin        the resampler is primed
//	Filling -------------------> Priming -----------------> Playing
//	 ^   ^                          |                          |
//	 |   |   a frame is missing,    |     a frame is missing,  |
//	 |   +---- or all is lost ------+        or all is lost    |
//	 |                                                         v
//	 +------------------ silent ----------------------------- Fading
//
// In Filling nothing is read and zeros go out; Priming reads, still silent;
// Playing sounds; Fading goes on with what there is, and with what would have
// come where nothing is, until it has faded to zero. "Lost" is a fill that
// steering would not bring back.
type watch struct {
	state watchState
	vain  time.Duration // since it played, while sound came
	moves int           // since it played: how often relocate was tried
}

type watchState uint8

const (
	stateFilling watchState = iota
	statePriming
	statePlaying
	stateFading
)

// mostMoves is how often relocate is tried: what went before the first may still
// be in what is measured.
const mostMoves = 2

// watchInput is what a decision rests on.
type watchInput struct {
	place   bool // it is known where to begin, and what is needed there has arrived
	comes   bool // messages come, and are counted
	enough  bool // what this pull needs is there, and joins what was read
	lost    bool // the fill is beyond what steering brings back
	primed  bool // nothing of an older sound is left in the resampler
	silent  bool // the last block ended in exact zeros
	since   time.Duration
	patient time.Duration // how long messages may come without a place to begin
}

// watchOutput is what a pull does.
type watchOutput struct {
	begin  bool // read on from the place
	read   bool // else zeros go out
	open   bool // the sound may be heard
	starve bool // a frame is missing from now on
	stop   bool // read no more: a place to begin is looked for
	// The server is not where it was thought to be: relocate takes it for where it
	// is now; refill, if that was no help, forgets all that is known of it.
	relocate, refill bool
}

// next decides for one pull.
func (w *watch) next(in watchInput) (out watchOutput) {
	if in.comes {
		w.vain += in.since
	} else {
		w.vain, w.moves = 0, 0
	}
	switch w.state {
	case stateFilling:
		switch {
		case in.place:
			w.state = statePriming
			out = watchOutput{begin: true, read: true}
		case w.vain > in.patient:
			out.relocate, out.refill = w.moves < mostMoves, w.moves >= mostMoves
			w.vain, w.moves = 0, (w.moves+1)%(mostMoves+1)
		}
	case statePriming:
		switch {
		case in.lost || !in.enough:
			w.state, out.stop = stateFilling, true
		case in.primed:
			*w = watch{state: statePlaying}
			out = watchOutput{read: true, open: true}
		default:
			out.read = true
		}
	case statePlaying:
		w.vain = 0
		out = watchOutput{read: true, open: true}
		if in.lost || !in.enough {
			w.state = stateFading
			out = watchOutput{read: true, starve: !in.enough}
		}
	case stateFading:
		out.read = !in.silent
		if in.silent {
			w.state, out.stop = stateFilling, true
		}
	}
	return out
}
