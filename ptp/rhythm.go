package ptp

import (
	"slices"
	"time"
)

// rhythm is how far apart a master's Announces really come. What they tell of
// it is not always true, and a master is no more gone than it comes.
type rhythm struct {
	gaps  [rhythmGaps]time.Duration // the latest, by sequence number
	n     int                       // noted so far
	usual time.Duration             // the second longest of them, or the longer of two
}

const (
	// rhythmGaps are looked at, and so many are needed before a master is believed
	// to come oftener than it tells: fewer may have been held up and let go at
	// once.
	rhythmGaps = 8
	// rhythmSure are enough to tell an absence: who comes more rarely than he tells shows
	// it from the first on.
	rhythmSure = 2
	// rhythmLost is how many Announces may be lost between two. Beyond that the
	// master was away, or began anew.
	rhythmLost = 15
	// rhythmShortest is the interval below which a master that tells a longer one
	// is not judged.
	rhythmShortest = time.Second
)

// note takes the time between two Announces, by how much their sequence numbers
// differ, and the interval that they tell. Some senders number all their
// messages together: steps may make an interval longer than told, never shorter.
func (r *rhythm) note(gap time.Duration, steps uint16, told time.Duration) {
	if steps == 0 || steps > rhythmLost+1 {
		return
	}
	if steps > 1 {
		gap = max(gap/time.Duration(steps), told)
	}
	r.gaps[r.n%rhythmGaps] = min(gap, interval(maxLogInterval, maxLogInterval))
	r.n++
	gaps := r.gaps
	noted := gaps[:min(r.n, rhythmGaps)]
	slices.Sort(noted)
	r.usual = noted[len(noted)-1]
	if len(noted) > 2 { // else too few to tell one from the rest
		r.usual = noted[len(noted)-2]
	}
}

// interval is the one to judge the master by: the second longest of the latest
// gaps, for one may be a time in which the master had nothing to say; and no less
// than told until there are enough of them.
func (r *rhythm) interval(told time.Duration) time.Duration {
	least := told
	if r.n >= rhythmGaps {
		least = min(told, rhythmShortest)
	}
	return max(least, r.usual)
}
