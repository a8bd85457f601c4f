package health

import (
	"slices"
	"time"

	"aes67-sink/aes67"
)

// Overall stands for all domains.
const Overall Domain = "overall"

// Domains returns all but Overall.
func Domains() []Domain { return []Domain{Link, Transmission, ExternalSynchronization, Essence} }

// reportingDelay is how long a better status is to last before it is told, and a worse
// one is not after an activation (BCP-008-02, "Sender status reporting delay").
const reportingDelay = 3 * time.Second

// Activity is what the bridge does, as far as a status speaks of it.
type Activity struct {
	Rests  bool // nothing sounds, or shall: the sender is inactive
	Sends  bool // packets leave
	Linked bool // an interface is in use
	Sync   Synchronization
}

// Synchronization is where the time comes from.
type Synchronization uint8

// The sources.
const (
	Unsynchronized     Synchronization = iota
	Synchronized                       // to a grandmaster
	HeldOver                           // at the last rate of one
	SynchronizesOthers                 // this computer is the grandmaster
)

// statuses are the words for each domain, as doc.go draws them.
type statuses struct {
	now         map[Domain]Status
	messages    map[Domain]string
	transitions map[Domain]uint64
	betterSince map[Domain]aes67.MonoTime // what is better than the status lasts
	active      bool
	activated   aes67.MonoTime
}

// order are the statuses, the best first; Inactive is neither.
var order = []Status{Healthy, PartiallyHealthy, Unhealthy}

func worse(a, b Status) bool { return slices.Index(order, a) > slices.Index(order, b) }

// observe takes what is visible, and returns when a status can change by itself.
func (s *statuses) observe(now aes67.MonoTime, visible []Finding, does Activity) (next aes67.MonoTime) {
	if s.now == nil {
		*s = statuses{now: map[Domain]Status{}, messages: map[Domain]string{}, transitions: map[Domain]uint64{}, betterSince: map[Domain]aes67.MonoTime{}}
	}
	if !does.Rests && !s.active {
		s.activated = now
	}
	s.active = !does.Rests
	all, why := Healthy, ""
	for _, d := range Domains() {
		status, message := assess(d, visible, does)
		if at := s.move(now, d, status, message); at != 0 && (next == 0 || at < next) {
			next = at
		}
		if worse(s.now[d], all) {
			all, why = s.now[d], s.messages[d]
		}
	}
	if len(visible) > 0 && visible[0].Severity != Notice { // the cause, whatever it does to each domain
		why = visible[0].Sentence
	}
	if does.Rests {
		all = Inactive
	}
	if all == Healthy { // whatever is visible is not reported yet
		why = ""
	}
	s.say(Overall, all, why)
	s.now[Overall] = all
	return next
}

// assess tells how a domain is, whatever it was.
func assess(d Domain, visible []Finding, does Activity) (status Status, message string) {
	if does.Rests && (d == Transmission || d == Essence) {
		return Inactive, ""
	}
	why := ""
	if len(visible) > 0 {
		why = visible[0].Sentence
	}
	if i := slices.IndexFunc(visible, func(f Finding) bool { return Of(f.Code).Domain == d }); i >= 0 { // the worst is the first
		switch why = visible[i].Sentence; visible[i].Severity {
		case Silence:
			return Unhealthy, why
		case Defect:
			return PartiallyHealthy, why
		case Notice:
		}
	}
	switch {
	case d == Transmission && !does.Sends:
		return Unhealthy, why
	case d == Link && !does.Linked:
		return Inactive, ""
	case d != ExternalSynchronization:
		return Healthy, ""
	}
	switch {
	case does.Sync == Synchronized:
		return Healthy, ""
	case does.Sync == HeldOver:
		return PartiallyHealthy, why
	case does.Sync == SynchronizesOthers || does.Rests || !does.Linked: // "NotUsed" there
		return Inactive, ""
	}
	return Unhealthy, why
}

// move goes from the status that is told to another, as doc.go draws it.
func (s *statuses) move(now aes67.MonoTime, d Domain, to Status, message string) (next aes67.MonoTime) {
	from := s.now[d]
	neutral := from == "" || from == Inactive
	if fresh := s.activated.Add(reportingDelay); s.active && now < fresh && worse(to, Healthy) && (neutral || from == Healthy) {
		next, to, message = fresh, Healthy, ""
	}
	waits := false
	switch {
	case to == Inactive || neutral || to == from:
	case worse(to, from):
		s.transitions[d]++
	default:
		since, known := s.betterSince[d]
		if !known {
			since = now
			s.betterSince[d] = now
		}
		if due := since.Add(reportingDelay); now < due {
			waits, next = true, due
		}
	}
	if waits {
		return next
	}
	delete(s.betterSince, d)
	s.say(d, to, message)
	s.now[d] = to
	return next
}

// say keeps the message of a status; a domain that is healthy again tells what it was.
func (s *statuses) say(d Domain, to Status, message string) {
	was, before := s.messages[d], s.now[d]
	switch {
	case message != "":
		s.messages[d] = message
	case to == Healthy && worse(before, Healthy) && was != "":
		s.messages[d] = "Previously: " + was
	case to != Healthy:
		delete(s.messages, d)
	}
}
