package recorder

import (
	"cmp"
	"time"
)

// Event is a change worth remembering.
type Event struct {
	Number uint64    `json:"number"` // from 1, in order
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`          // state, problem, grandmaster, step, volume, server, link, priority, incident
	Text   string    `json:"text"`          // what happened, in some words
	Ill    bool      `json:"ill"`           // something went wrong, as against got better or changed
	Why    string    `json:"why,omitempty"` // the id of the incident that explains it
}

const (
	// mostEvents is how many are remembered, eventsFor for how long.
	mostEvents = 1024
	eventsFor  = 24 * time.Hour
)

// events is a ring of the latest.
type events struct {
	ring [mostEvents]Event
	told uint64
}

func (e *events) add(what Event) {
	e.told++
	what.Number = e.told
	e.ring[e.told%mostEvents] = what
}

// oldest is the number of the first that is there.
func (e *events) oldest() uint64 {
	if e.told < mostEvents {
		return 1
	}
	return e.told - mostEvents + 1
}

// after returns those behind a number, without what is older than a day.
func (e *events) after(number uint64) (all []Event) {
	for n := max(number+1, e.oldest()); n <= e.told; n++ {
		if what := e.ring[n%mostEvents]; e.ring[e.told%mostEvents].At.Sub(what.At) < eventsFor {
			all = append(all, what)
		}
	}
	return all
}

// explain marks what went wrong while an incident lasted.
func (e *events) explain(i *Incident) {
	end := i.At.Add(time.Duration(i.DurationMS * float64(time.Millisecond)))
	for n := e.oldest(); n <= e.told; n++ {
		what := &e.ring[n%mostEvents]
		if what.Ill && what.Why == "" && !what.At.Before(i.At.Add(-LookEach)) && !what.At.After(end.Add(After)) {
			what.Why = i.ID
		}
	}
}

// tellChanges makes events of what is another than at the last look.
func (r *Recorder) tellChanges(was, is *Look) {
	add := func(kind, text string, ill bool) {
		r.events.add(Event{At: is.At, Kind: kind, Text: text, Ill: ill})
	}
	if is.State != was.State {
		add("state", is.State+", was "+was.State, was.sounds() && is.State != StateIdle && is.State != StateSending)
	}
	switch {
	case is.Problem == was.Problem:
	case is.Problem == "":
		add("problem", "over: "+was.Problem, false)
	default:
		add("problem", is.Problem, true)
	}
	if is.Master != was.Master {
		add("grandmaster", cmp.Or(is.Master, "none")+", was "+cmp.Or(was.Master, "none"), is.Master == "")
	}
	if is.Steps > was.Steps && was.PTP != 0 {
		add("step", "the network's clock stepped"+by(stepped(was, is)), true)
	}
	// A slider that is dragged is told where it comes to rest.
	if is.Volume == was.Volume && is.Volume != r.volume {
		r.volume = is.Volume
		add("volume", cmp.Or(is.Volume, "not known"), false)
	}
	if is.Server != was.Server {
		add("server", cmp.Or(is.Server, "gone: "+was.Server), is.Server == "")
	}
	if is.Network != was.Network {
		add("link", cmp.Or(is.Network, "none, was "+was.Network), is.Network == "")
	}
	if is.RealTime != was.RealTime && is.Policy != "" && was.Policy != "" {
		add("priority", "the sender is "+is.Policy+", was "+was.Policy, !is.RealTime)
	}
}
