package recorder

import (
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
)

const (
	// lateFrom is the least lateness that calls for an explanation.
	lateFrom = time.Millisecond
	// limitedFrom and limitedTo are where the limiter begins and ends to work hard: half
	// of the amplitude, a player that is far too loud.
	limitedFrom, limitedTo = 6.0, 3.0
	// Before and After are how much of the ring goes into an incident.
	Before = 2 * time.Second
	After  = time.Second
	// longest is how long an incident waits for its end; what goes on is told then, and
	// grows.
	longest = 10 * time.Second
	// MostRecords bounds an incident's file: below 256 KiB.
	MostRecords = 5000
	// A storm shall push out neither what was before it nor a disk: bucket incidents may
	// follow each other, then one each refill.
	bucket = 12
	refill = time.Minute
)

// Case is an incident before it is explained.
type Case struct {
	ID          string
	At          time.Time     // of the first trigger
	From, Until aes67.RawTime // the first and the last
	Triggers    Trigger
	Before      Look   // the last one before it began
	Ill         Look   // the first one after that in which nothing sounded, or the state was another, else the last
	After       Look   // when it was over
	Least       uint64 // the number of the first trigger's record
	Records     []Record
	Unkept      int // incidents before it that were too many to be kept

	excess    bool // this one is
	continues bool // the one before it
}

// watcher finds what calls for an explanation.
type watcher struct {
	plan   Plan
	last   Look
	begun  bool
	before Record // the newest record of the last look
	any    bool   // there is one
	hard   bool   // the limiter works hard
	open   *Case

	full     int // of the bucket
	refilled time.Time
	unkept   int
	closed   *Case // the latest
	closedAt aes67.RawTime
}

// look takes a look and the records since the last one, the first of which has a
// number. It returns a case that is over.
func (w *watcher) look(l *Look, fresh []Record, number uint64) (over *Case) {
	if !w.begun {
		w.begun, w.last, w.full, w.refilled = true, *l, bucket, l.At
	}
	for i := range fresh {
		if found := w.judge(&fresh[i]); found != 0 && !l.Asleep {
			at := fresh[i].Due.Add(max(0, fresh[i].late()))
			w.trigger(found, at, l, number+uint64(i))
		}
		w.before, w.any = fresh[i], true
	}
	if found := w.compare(l); found != 0 && !l.Asleep {
		w.trigger(found, l.Raw, l, number+uint64(len(fresh)))
	}
	w.last = *l
	c := w.open
	if c == nil {
		return nil
	}
	c.After = *l
	if !c.Ill.turned(&c.Before) || c.Ill.sounds() && !l.sounds() && l.State != StateIdle {
		c.Ill = *l
	}
	if l.Raw.Sub(c.Until) < After && l.Raw.Sub(c.From) < longest {
		return nil
	}
	w.open, w.closed, w.closedAt = nil, c, l.Raw
	if !c.excess {
		return c
	}
	if !c.continues || w.unkept == 0 {
		w.unkept++
	}
	return nil
}

// turned reports whether the bridge stopped to send after an earlier look.
func (l *Look) turned(before *Look) bool { return l.State != before.State }

// judge tells what a record calls for.
func (w *watcher) judge(s *Record) (found Trigger) {
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
func (w *watcher) compare(l *Look) (found Trigger) {
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
	if w.last.sounds() && l.State != w.last.State && l.State != StateIdle && l.State != StateSending {
		found |= State
	}
	return found
}

// trigger opens a case, or goes on with the one that is open.
func (w *watcher) trigger(found Trigger, at aes67.RawTime, l *Look, number uint64) {
	if w.open != nil {
		w.open.Triggers |= found
		w.open.Until = max(w.open.Until, at)
		return
	}
	for w.full < bucket && l.At.Sub(w.refilled) >= refill {
		w.full++
		w.refilled = w.refilled.Add(refill)
	}
	if w.full == bucket {
		w.refilled = l.At
	}
	continues := w.closed != nil && at.Sub(w.closedAt) < After
	excess := w.full == 0
	began := l.At.Add(-l.Raw.Sub(at))
	w.open = &Case{
		ID: began.UTC().Format("20060102-150405"), At: began, From: at, Until: at, Triggers: found,
		Before: w.last, Ill: *l, Least: number, Unkept: w.unkept, excess: excess, continues: continues,
	}
	if !excess {
		w.full--
		w.unkept = 0
	}
}
