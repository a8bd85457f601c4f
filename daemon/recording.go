package daemon

import "aes67-sink/recorder"

// History is what the plots show.
func (t *teller) History() recorder.History { return recorder.History{} }

// Points are the newest of the history.
func (t *teller) Points(after float64) recorder.Track { return recorder.Track{} }

// Events are those after a number.
func (t *teller) Events(after uint64) []recorder.Event { return nil }

// Incidents are what went wrong, the newest first.
func (t *teller) Incidents() []recorder.Incident { return nil }
