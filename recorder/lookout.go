package recorder

import (
	"cmp"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// Trigger is what calls for an explanation.
type Trigger uint16

// The triggers.
const (
	Late     Trigger = 1 << iota // a packet left after its turn, by more than lateFrom or a packet time
	Jump                         // the timestamps jumped
	Refusal                      // the kernel did not take a packet
	Underrun                     // the buffer ran dry
	Skip                         // the sound server lost time, or rendered ahead
	Step                         // the network's clock stepped
	Limited                      // the limiter works hard
	Priority                     // the sender's thread lost its real-time priority
	State                        // the bridge stopped to send
	Zeros                        // the sound server gives zeros for what is played
)

const (
	// lateFrom is the least lateness that calls for an explanation.
	lateFrom = time.Millisecond
	// limitedFrom and limitedTo are where the limiter begins and ends to work hard: half
	// of the amplitude, a player that is far too loud.
	limitedFrom, limitedTo = 6.0, 3.0
	// Before is how much of the ring before an incident goes into it.
	Before = 2 * time.Second
	// After is how much behind it does.
	After = time.Second
	// rejoining is how long a grandmaster that has not been heard since the network came
	// back is no incident of its own: three Announces at one each 2 s and some more.
	rejoining = 10 * time.Second
	// longest is how long an incident waits for its end; what goes on is told then, and
	// grows.
	longest = 10 * time.Second
	// apart is how long after small triggers what is grave follows from something else: what
	// a standstill does to a sound server is seen within three seconds.
	apart = 5 * time.Second
	// MostRecords bounds an incident's file: below 256 KiB.
	MostRecords = 5000
)

// Case is an incident before it is explained.
type Case struct {
	ID          string
	At          time.Time     // of the first trigger
	From, Until aes67.RawTime // the first and the last
	Triggers    Trigger
	Before      Look   // the last one before it began
	Ill         Look   // the one after that in which least worked, else the last
	After       Look   // when it was over
	Least       uint64 // the number of the first trigger's record
	Records     []Record
	Unkept      int // incidents before it that were too many to be kept

	skipped          aes67.RawTime // the last time that the sound server skipped some; 0: it did not
	next             aes67.RawTime // the first trigger of what it was cut off for; 0: of nothing
	continues        bool          // the one before it, which was kept
	grave, graveLast aes67.RawTime // the first and the last trigger that is not small; 0: none
}

// lookout finds what calls for an explanation.
type lookout struct {
	plan   Plan
	last   Look
	begun  bool
	before Record        // the newest record of the last look
	any    bool          // there is one
	hard   bool          // the limiter works hard
	joined aes67.RawTime // when the network came back; 0: it was never away
	open   *Case

	small    allowance
	hints    allowance
	breaks   allowance
	refusals allowance
	ends     allowance
	unkept   int           // since the last one that was told
	closedAt aes67.RawTime // the latest case; 0: none
	kept     bool          // it was
	grave    aes67.RawTime // its graveLast
}

// look takes a look and the records since the last one, the first of which has a
// number. It returns a case that is over.
func (w *lookout) look(l *Look, fresh []Record, number uint64) (over *Case) {
	if !w.begun {
		w.begun, w.last = true, *l
	}
	for i := range fresh {
		if found := w.judge(&fresh[i]); found != 0 && !l.Asleep {
			over = cmp.Or(w.trigger(found, fresh[i].at(), l, number+uint64(i)), over)
		}
		w.before, w.any = fresh[i], true
	}
	if found := w.compare(l); found != 0 && !l.Asleep {
		over = cmp.Or(w.trigger(found, l.Raw, l, number+uint64(len(fresh))), over)
	}
	w.last = *l
	c := w.open
	if c == nil || over != nil {
		return over
	}
	c.After = *l
	if b := &c.Before; b.Policy == "" { // the sender began meanwhile
		b.Policy, b.RealTime, b.Why = l.Policy, l.RealTime, l.Why
	}
	if l.worseThan(&c.Ill) || !c.Ill.turned(&c.Before) {
		c.Ill = *l
	}
	if l.Raw.Sub(c.Until) < After && l.Raw.Sub(c.From) < longest {
		return nil
	}
	return w.end()
}

// end ends the case that is open, and returns it unless there are too many.
func (w *lookout) end() (over *Case) {
	c, l := w.open, &w.last
	if c == nil {
		return nil
	}
	more, after := c.goesOn(w.grave, w.closedAt), w.kept
	w.open, w.grave, w.closedAt = nil, c.graveLast, l.Raw
	if w.kept = w.allowance(c).take(l.At); w.kept {
		c.continues = more && after
		c.Unkept, w.unkept = w.unkept, 0
		return c
	}
	if !more || w.unkept == 0 {
		w.unkept++
	}
	return nil
}

// small are triggers of a moment, which a busy computer has now and then.
const small = Late | Skip

// goesOn reports whether a case is more of the one that was closed at an instant, of
// which the last trigger that is not small is given; 0: none.
func (c *Case) goesOn(grave, closed aes67.RawTime) bool {
	switch {
	case closed == 0:
		return false
	case c.grave != 0:
		return grave != 0 && c.grave.Sub(grave) < After
	}
	return grave == 0 && c.From.Sub(closed) < After
}

// add adds a trigger.
func (c *Case) add(found Trigger, at aes67.RawTime) {
	c.Triggers |= found
	c.Until = max(c.Until, at)
	if found&Skip != 0 {
		c.skipped = at
	}
	if found&^small == 0 {
		return
	}
	if c.grave == 0 {
		c.grave = at
	}
	c.graveLast = max(c.graveLast, at)
}

// gravest are states, what others follow from last.
var gravest = []string{StateFilling, StateHoldover, StateFailed, StateWaitingSoundServer, StateWaitingNetwork}

// worseThan reports whether less works in a state than in another.
func (l *Look) worseThan(other *Look) bool {
	return slices.Index(gravest, l.State) > slices.Index(gravest, other.State)
}

// turned reports whether the bridge stopped to send after an earlier look.
func (l *Look) turned(before *Look) bool { return l.State != before.State }

// judge tells what a record calls for.
func (w *lookout) judge(s *Record) (found Trigger) {
	if s.late() > max(lateFrom, w.plan.Packet) {
		found |= Late
	}
	if s.has(Jumped) {
		found |= Jump
	}
	if s.has(Refused) {
		found |= Refusal
	}
	if s.has(Starved) {
		found |= Underrun
	}
	heard := s.Peak != silent || w.any && w.before.Peak != silent && s.Due.Sub(w.before.Due) < usualPause
	if s.has(Skipped) && heard {
		found |= Skip
	}
	return found
}

// compare tells what has changed for the worse since the last look.
func (w *lookout) compare(l *Look) (found Trigger) {
	if l.Steps > w.last.Steps && w.last.PTP != 0 {
		found |= Step
	}
	if hard := l.LimitedDB >= limitedFrom || w.hard && l.LimitedDB >= limitedTo; hard != w.hard {
		w.hard = hard
		if hard {
			found |= Limited
		}
	}
	if w.last.RealTime && !l.RealTime && l.Policy != "" {
		found |= Priority
	}
	if l.Zeros && !w.last.Zeros {
		found |= Zeros
	}
	if l.Network != "" && w.last.Network == "" {
		w.joined = l.Raw
	}
	if l.State == StateHoldover && w.joined != 0 && l.Raw.Sub(w.joined) < rejoining {
		return found
	}
	if w.last.sounds() && l.State != w.last.State && l.State != StateIdle && l.State != StateSending {
		found |= State
	}
	return found
}

// another reports whether a trigger is not of the open case: it is grave, and nothing before
// it was. What runs dry, or stops, behind a skip is the skip's, and a jump that of a packet
// which was as late.
func (w *lookout) another(found Trigger, at aes67.RawTime) bool {
	c := w.open
	if c.skipped != 0 && at.Sub(c.skipped) <= After {
		found &^= Underrun | State
	}
	if w.before.late() > aes67.LateTime {
		found &^= Jump
	}
	return c.grave == 0 && found&^small != 0
}

// trigger opens a case, or goes on with the one that is open. One of nothing but small
// triggers, as a busy computer has for as long as it is busy, is over when what is grave
// comes long after it began: that is a case of its own, with its own time.
func (w *lookout) trigger(found Trigger, at aes67.RawTime, l *Look, number uint64) (over *Case) {
	if c := w.open; c != nil && at.Sub(c.From) > apart && w.another(found, at) {
		c.next = at
		over = w.end()
	}
	if w.open == nil {
		began := l.At.Add(-l.Raw.Sub(at))
		w.open = &Case{
			ID: began.UTC().Format("20060102-150405"), At: began, From: at, Until: at,
			Before: w.last, Ill: *l, After: *l, Least: number,
		}
	}
	w.open.add(found, at)
	return over
}
