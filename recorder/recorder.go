package recorder

import (
	"math"
	"time"
)

// Plan is what stays as it is while a bridge runs.
type Plan struct {
	Packet   time.Duration // time of one packet
	Offset   time.Duration // from a frame's RTP time to its sending; aes67.SendOffset
	Channels int
}

// Recorder remembers. One goroutine at a time may call its methods; its Ring is
// written by the sender.
type Recorder struct {
	Ring *Ring

	plan    Plan
	lookout lookout
	events  events
	history history
	next    uint64 // number of the first record not looked at yet
	fresh   []Record
	last    Look
	begun   bool
	volume  string // as told by an event
	told    *Kept  // the latest incident
}

// New makes a recorder; all that it needs for a day is there then.
func New(plan Plan) *Recorder {
	return &Recorder{
		Ring: NewRing(plan.Packet), plan: plan, lookout: lookout{plan: plan}, history: newHistory(plan.Channels),
		fresh: make([]Record, 0, 2*LookEach/plan.Packet),
	}
}

// Look takes a look at the bridge, each LookEach. It returns an incident that is over
// and wants to be explained.
func (r *Recorder) Look(l *Look) *Case {
	fresh, first := r.Ring.From(r.next, r.fresh[:0])
	r.next = first + uint64(len(fresh))
	r.fresh = fresh[:0]
	worst := math.NaN()
	for i := range fresh {
		late := fresh[i].late()
		r.history.late(late, l.Raw)
		if us := float64(late) / float64(time.Microsecond); !(worst >= us) {
			worst = us
		}
	}
	r.history.add(l, worst)
	if r.begun {
		r.tellChanges(&r.last, l)
	} else {
		r.volume = l.Volume
	}
	r.begun, r.last = true, *l
	return r.fill(r.lookout.look(l, fresh, first))
}

// End returns the incident that is not over when the bridge ends, as Look does; nil: none.
func (r *Recorder) End() *Case { return r.fill(r.lookout.end()) }

// fill adds the records of a case, if there is one.
func (r *Recorder) fill(c *Case) *Case {
	if c == nil {
		return nil
	}
	before := uint64(Before / r.plan.Packet)
	all, _ := r.Ring.From(c.Least-min(before, c.Least), nil)
	for i := range all {
		if all[i].Due > c.Until.Add(After) || c.next != 0 && all[i].at() >= c.next {
			all = all[:i]
			break
		}
	}
	c.Records = all
	return c
}

// Explain explains a case that Look returned, and notes it as an event. Where the last
// incident goes on, that is returned anew, longer than it was, and fresh is false.
func (r *Recorder) Explain(c *Case, e *Evidence) (kept Kept, fresh bool) {
	kept = Keep(r.plan, c, e)
	if fresh = r.told == nil || !r.told.prolong(c, &kept); fresh {
		r.told = &kept
	} else {
		kept = *r.told
		r.lookout.allowance(c).giveBack()
	}
	r.events.explain(&kept.Incident)
	if fresh {
		r.events.add(Event{At: kept.At, Kind: "incident", Text: kept.Sentence, Ill: true, Why: kept.ID})
	}
	return kept, fresh
}

// Events returns those after a number, the oldest first.
func (r *Recorder) Events(after uint64) []Event { return r.events.after(after) }

// History returns what the plots show.
func (r *Recorder) History() History { return r.history.all() }

// Points returns the points of the fast track after the newest that the asker has, which
// he names by its time in Unix seconds.
func (r *Recorder) Points(after float64) Track { return r.history.fast.track(after) }
