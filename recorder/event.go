package recorder

import "time"

// Event is a change worth remembering.
type Event struct {
	Number uint64    `json:"number"` // from 1, in order
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`          // state, problem, grandmaster, step, volume, server, link, incident
	Text   string    `json:"text"`          // what happened, in some words
	Ill    bool      `json:"ill"`           // something went wrong, as against got better or changed
	Why    string    `json:"why,omitempty"` // the id of the incident that explains it
}
