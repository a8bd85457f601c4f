package drift

import "time"

// State says how far the loop has come.
type State uint8

// The states. Between Start and the next fall back to Acquire the caller reads.
//
//	          Start                  10 s, error in the dead zone
//	Acquire ---------> Coarse ------------------------------------> Fine
//	   ^                 ^                                           |
//	   |                 +--- error or change of ratio too large ----+
//	   +--- from any: no arrivals for 100 ms, or far too much in the ring
//
// Holding stands in for Coarse and Fine while arrivals are overdue: the ratio
// stays as it is.
const (
	Acquire State = iota
	Coarse
	Fine
	Holding
)

// String returns the word of status.
func (s State) String() string {
	switch s {
	case Coarse:
		return "coarse"
	case Fine:
		return "fine"
	case Holding:
		return "holding"
	default:
		return "acquire"
	}
}

const (
	// overdue arrivals make the loop hold, or two messages if longer. Late
	// wake-ups of a loaded machine reach 20 ms (recorded: 40 ms).
	overdue = 50 * time.Millisecond
	// coarseLeast is how long the line is given to become sure.
	coarseLeast = 10 * time.Second
	// deadZone is the error that Coarse leaves alone, and Fine takes as its
	// own: 7 frames at 48 kHz, an eighth of the allowance of a quarter message.
	deadZone = 150 * time.Microsecond
	// strayed is the error, from where Fine began, that brings Coarse back.
	strayed = 500 * time.Microsecond
	// strayedRatio is the change of the ratio, still to come, that does so.
	strayedRatio = 10e-6
)
