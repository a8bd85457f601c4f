package recorder

import "time"

// Share is a line of an incident's bill.
type Share struct {
	Name    string  `json:"name"`    // of Bills
	Percent float64 `json:"percent"` // the lines of a bill add up to 100
	MS      float64 `json:"ms"`
}

// Incident is a time at which the sound, or its clock, was not right.
type Incident struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// DurationMS is from the first to the last sign of it.
	DurationMS float64  `json:"duration_ms"`
	Cause      string   `json:"cause"`    // a code of health, or one of this package
	Sentence   string   `json:"sentence"` // what was heard, for how long, on which stream, because of what
	Bill       []Share  `json:"bill"`
	Context    []string `json:"context"` // ten lines
}
