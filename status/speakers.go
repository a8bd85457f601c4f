package status

import (
	"fmt"
	"strings"

	"aes67-sink/internal/text"
)

// Speaker is one of the pair that `aes67-sink speakers pair` has remembered.
type Speaker struct {
	Name       string   `json:"name"`
	Channel    string   `json:"channel"` // front-left, front-right
	Model      string   `json:"model,omitempty"`
	Serial     string   `json:"serial,omitempty"`
	Address    string   `json:"address,omitempty"`
	Reachable  bool     `json:"reachable"`
	LevelDBSPL *Tenths  `json:"level_db_spl,omitempty"`
	Muted      *bool    `json:"muted,omitempty"`
	Local      *bool    `json:"local,omitempty"` // its own switches have the control
	InputDB    *Tenths  `json:"input_db,omitempty"`
	StandbyInM *Tenths  `json:"standby_in_min,omitempty"` // its own countdown; 0: it sleeps
	Warnings   []string `json:"warnings,omitempty"`
	Problem    string   `json:"problem,omitempty"` // why it does not answer
}

// Side is left or right.
func (s *Speaker) Side() string { return strings.TrimPrefix(s.Channel, "front-") }

// Asleep reports whether its countdown to standby has ended.
func (s *Speaker) Asleep() bool { return s.StandbyInM != nil && *s.StandbyInM <= 0 }

// speakerParts are those of a line of the table.
func speakerParts(s *Speaker) []string {
	parts := []string{fmt.Sprintf("%s (%s)", s.Name, s.Side())}
	if !s.Reachable {
		return append(parts, "does not answer")
	}
	if s.LevelDBSPL != nil {
		parts = append(parts, fmt.Sprintf("%.1f dB SPL", float64(*s.LevelDBSPL)))
	}
	if s.Muted != nil && *s.Muted {
		parts = append(parts, "muted")
	}
	if s.Local != nil && *s.Local {
		parts = append(parts, "LOCAL")
	}
	if s.Asleep() {
		parts = append(parts, "asleep")
	}
	if s.InputDB != nil {
		parts = append(parts, fmt.Sprintf("input %.0f dB", float64(*s.InputDB)))
	}
	if len(s.Warnings) > 0 {
		parts = append(parts, "warns: "+text.List(s.Warnings))
	}
	return parts
}
