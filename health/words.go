package health

import (
	"slices"
	"strings"
)

// Severity is how much a condition matters to a listener.
type Severity string

// The severities, the worst first.
const (
	Silence Severity = "silence" // what plays is not heard
	Defect  Severity = "defect"  // it is heard with faults, or not by everyone
	Notice  Severity = "notice"  // worth knowing; nothing is heard of it
)

// Rank orders severities: 0 is the worst, less than 0 is none.
func (s Severity) Rank() int { return slices.Index([]Severity{Silence, Defect, Notice}, s) }

// Domain is the part of a sender that a condition concerns (AMWA BCP-008-02, Sender
// status monitoring).
type Domain string

// The domains.
const (
	Link                    Domain = "link"
	Transmission            Domain = "transmission"
	ExternalSynchronization Domain = "external_synchronization"
	Essence                 Domain = "essence"
)

// Status is the word for a domain, or for all (AMWA BCP-008-02).
type Status string

// The statuses.
const (
	Inactive         Status = "inactive"
	Healthy          Status = "healthy"
	PartiallyHealthy Status = "partially healthy"
	Unhealthy        Status = "unhealthy"
)

// Code names a condition: in status.json, the log, the page, doctor and tests alike.
type Code string

// Repeats reports whether a sentence begins with its title, which need not be said then.
func Repeats(title, sentence string) bool {
	return strings.HasPrefix(strings.ToLower(sentence), strings.ToLower(title))
}

// Finding is a condition that is ill: what was found, with its values, and what to do.
type Finding struct {
	Code     Code     `json:"code"`
	Title    string   `json:"title"`             // some words
	Sentence string   `json:"sentence"`          // what, which value, why, and the mend
	Command  string   `json:"command,omitempty"` // to paste, where the mend is one
	Severity Severity `json:"severity"`
}
