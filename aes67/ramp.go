package aes67

import "math"

// Ramp is a gain of the bridge's own, at most 0 dB, that rises by itself.
type Ramp struct {
	At     MonoTime
	FromDB float64 // at the instant At
	ToDB   float64 // where it ends: at least FromDB
	Rise   float64 // dB a second; 0: it stays where it is
	// Alone: the sound server leaves the samples as they are, so that no volume of its
	// own is to be waited for where the gain goes up.
	Alone bool
}

// Climbs reports whether the gain rises by itself.
func (r Ramp) Climbs() bool { return r.Rise > 0 && r.FromDB < r.ToDB }

// SilenceDB is the gain of no sound at all: 24 bits end at -144 dB.
const SilenceDB = -200.0

// DB returns the gain at an instant in dB; before At it is what it is there.
func (r Ramp) DB(now MonoTime) float64 {
	return min(r.ToDB, r.FromDB+r.Rise*max(0, now.Sub(r.At).Seconds()))
}

// Gain returns the gain at an instant as a factor, exactly 1 at 0 dB and 0 at SilenceDB.
func (r Ramp) Gain(now MonoTime) float64 {
	db := r.DB(now)
	if db <= SilenceDB {
		return 0
	}
	return math.Pow(10, db/20)
}
