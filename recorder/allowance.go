package recorder

import "time"

const (
	// A storm shall push out neither what was before it nor a disk: bucket incidents may
	// follow each other, then one each refill.
	bucket = 12
	refill = time.Minute
)

// allowance is how many incidents may be told: a bucket that is filled by and by.
type allowance struct {
	used int
	at   time.Time // of the latest refill
}

// take takes one, if there is any.
func (a *allowance) take(now time.Time) bool {
	for a.used > 0 && now.Sub(a.at) >= refill {
		a.used--
		a.at = a.at.Add(refill)
	}
	if a.used == 0 {
		a.at = now
	}
	if a.used == bucket {
		return false
	}
	a.used++
	return true
}

// giveBack gives one back that was not needed.
func (a *allowance) giveBack() { a.used = max(0, a.used-1) }

// allowance returns what a case is taken from: what is lighter does not use up what is for
// the graver, packets that are late for a moment least of all, and what ends the sound has
// its own.
func (w *lookout) allowance(c *Case) *allowance {
	switch {
	case c.grave == 0:
		return &w.small
	case c.Triggers&(Step|Zeros) != 0, c.Ill.worseThan(&Look{State: StateFilling}):
		return &w.ends
	case c.Triggers&Refusal != 0:
		return &w.refusals
	case c.Triggers&^(small|Limited|Priority) == 0: // nothing breaks off
		return &w.hints
	}
	return &w.breaks
}
