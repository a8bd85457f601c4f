package daemon

import (
	"slices"

	"aes67-sink/recorder"
)

// History is what the plots show.
func (t *teller) History() recorder.History {
	t.recording.mu.Lock()
	defer t.recording.mu.Unlock()
	return t.recording.recorder.History()
}

// Points are the newest of the history.
func (t *teller) Points(after float64) recorder.Track {
	t.recording.mu.Lock()
	defer t.recording.mu.Unlock()
	return t.recording.recorder.Points(after)
}

// Events are those after a number.
func (t *teller) Events(after uint64) []recorder.Event {
	t.recording.mu.Lock()
	defer t.recording.mu.Unlock()
	return t.recording.recorder.Events(after)
}

// Incidents are what went wrong, the newest first.
func (t *teller) Incidents() []recorder.Incident {
	t.recording.mu.Lock()
	defer t.recording.mu.Unlock()
	return slices.Clone(t.recording.incidents)
}
