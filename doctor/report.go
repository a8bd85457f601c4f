package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aes67-sink/health"
	"aes67-sink/internal/redact"
	"aes67-sink/internal/text"
)

// Report is what all checks found, the worst first.
type Report struct {
	Version string `json:"version"`
	Items   []Item `json:"items"`
}

// Well reports whether nothing is ill.
func (r Report) Well() bool {
	for i := range r.Items {
		if r.Items[i].told() {
			return false
		}
	}
	return true
}

// JSON returns all of it indented, with a line end.
func (r Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(struct {
		Well bool `json:"well"`
		Report
	}{r.Well(), r}, "", "  ")
	return append(text, '\n'), err
}

// Shared returns the report without what shared replaces.
func (r Report) Shared(shared *redact.Redactor) Report {
	r.Items = slices.Clone(r.Items)
	for i := range r.Items {
		r.Items[i].Sentence, r.Items[i].Command = shared.Text(r.Items[i].Sentence), shared.Text(r.Items[i].Command)
	}
	return r
}

// marks are how outcomes look at a glance.
var marks = map[Outcome]string{Well: "✓", Ill: "✗", Fact: "·", Unknown: "?"}

// indent is the columns in front of what belongs to an item.
const indent = 2

// Text is what people read: a line where nothing is ill, else what is, each with its
// command in a line of its own; with all everything that was found. Sentences are at
// most so many columns wide, 0: as wide as they are.
func (r Report) Text(width int, all bool) string {
	var b strings.Builder
	unknown := 0
	for i := range r.Items {
		item := &r.Items[i]
		if item.Outcome == Unknown {
			unknown++
		}
		if !all && !item.told() {
			continue
		}
		line := item.Sentence
		if !health.Repeats(item.Title, line) {
			line = item.Title + ": " + line
		}
		if item.HiddenBy != "" {
			line += " (follows from " + string(item.HiddenBy) + ")"
		}
		fmt.Fprintf(&b, "%s %s\n", marks[item.Outcome], text.Wrap(text.Printable(line), indent, width))
		if item.Command != "" && item.told() { // in one piece, for whoever copies it
			fmt.Fprintf(&b, "%*s%s\n", 2*indent, "", text.Printable(item.Command))
		}
	}
	if r.Well() {
		fmt.Fprintf(&b, "all is well: %s, %d without an answer", text.Count(len(r.Items), "check", "checks"), unknown)
		if !all {
			b.WriteString(" (aes67-sink doctor -v shows them)")
		}
		b.WriteString("\n")
	}
	return b.String()
}
