package speakers

import "strings"

// Reading is what a speaker's input meter shows, in dB: before a tone, and while one plays
// to the left and to the right. Of several readings it is the middle one, of a tone that
// which a quarter are above.
type Reading struct{ Quiet, Left, Right float64 }

// Plays is which stream a speaker plays.
type Plays uint8

// What a speaker may play.
const (
	Nothing    Plays = iota // its meter does not move
	LeftOnly                // the left stream
	RightOnly               // the right stream
	Both                    // both, as of a session of two channels
	OtherSound              // its meter is up, and heeds no tone: another session
)

const (
	// riseDB is by how much a tone is above what was there: less may be noise.
	riseDB = 12.0
	// loudDB is above what an input without a stream shows.
	loudDB = -70.0
)

// Plays tells which stream it is.
func (h Reading) Plays() Plays {
	left, right := h.Left-h.Quiet >= riseDB, h.Right-h.Quiet >= riseDB
	switch {
	case left && right && h.Left-h.Right < riseDB && h.Right-h.Left < riseDB:
		return Both
	case left && h.Left > h.Right:
		return LeftOnly
	case right:
		return RightOnly
	case h.Quiet > loudDB:
		return OtherSound
	}
	return Nothing
}

// Wiring is how two speakers are fed.
type Wiring struct {
	Left, Right int    // which plays the left stream, and which the right; -1: none
	Says        string // one sentence for the listener
	Done        bool   // each plays one of them
	Swapped     bool   // by their names, the left one plays the right stream
}

// Decide tells the wiring of speakers by what they heard. names are theirs, in the same
// order.
func Decide(names []string, heard []Reading) Wiring {
	w := Wiring{Left: -1, Right: -1}
	var left, right, both, other, silent []string
	for i, h := range heard {
		switch h.Plays() {
		case LeftOnly:
			w.Left, left = i, append(left, names[i])
		case RightOnly:
			w.Right, right = i, append(right, names[i])
		case Both:
			both = append(both, names[i])
		case OtherSound:
			other = append(other, names[i])
		case Nothing:
			silent = append(silent, names[i])
		}
	}
	list := func(names []string) string { return strings.Join(names, " and ") }
	switch {
	case len(both) > 0:
		w.Says = list(both) + " plays both streams: choose one session, of one channel, in the speaker's own settings, or stream.layout = \"mono\""
	case len(left) > 1:
		w.Says = list(left) + " both play the left stream: choose the right one's session in one speaker's own settings"
	case len(right) > 1:
		w.Says = list(right) + " both play the right stream: choose the left one's session in one speaker's own settings"
	case len(other) > 0:
		w.Says = list(other) + " plays something else: another session, or another input, is chosen in the speaker's own settings"
	case len(left) == 1 && len(right) == 1:
		w.Done = true
		w.Swapped = side(names[w.Left]) == "right" || side(names[w.Right]) == "left"
		w.Says = names[w.Left] + " plays left, " + names[w.Right] + " plays right"
		if w.Swapped {
			w.Says += ": by their names they are swapped; choose the sessions the other way round in the speakers' own settings, or rename them (aes67-sink speakers name)"
		}
	case len(left)+len(right) == 1:
		stream := "left"
		if len(right) == 1 {
			stream = "right"
		}
		w.Says = list(append(left, right...)) + " plays " + stream + ", and nothing is heard by " + list(silent) + ": is its session chosen, and its input digital?"
	default:
		w.Says = "nothing is heard by " + list(silent) + ": are the sessions chosen in the speakers' own settings, and is the bridge sending (aes67-sink status)?"
	}
	if !w.Done {
		w.Left, w.Right = -1, -1
	}
	return w
}

// side is the one that a name says, or empty.
func side(name string) string {
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '-' || r == '_' || r == '.' }) {
		switch word {
		case "left", "l", "links":
			return "left"
		case "right", "r", "rechts":
			return "right"
		}
	}
	return ""
}
