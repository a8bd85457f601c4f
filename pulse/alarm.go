package pulse

import "time"

// alarm is a timer that nobody puts off: it may be asked for again and again, and
// goes off when it was first to.
type alarm struct {
	*time.Timer
	at time.Time // when it goes off; zero: it does not
}

func newAlarm(in time.Duration) *alarm { return &alarm{time.NewTimer(in), time.Now().Add(in)} }

// within lets it go off in so long a time at the latest.
func (a *alarm) within(in time.Duration) {
	if at := time.Now().Add(in); a.at.IsZero() || at.Before(a.at) {
		a.at = at
		a.Reset(in)
	}
}

// rang is to be called when it has gone off.
func (a *alarm) rang() { a.at = time.Time{} }
