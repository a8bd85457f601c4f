package wire

import "encoding/json"

// Limits are what a leaf may hold. What the speaker did not tell is nil or "".
type Limits struct {
	Type      string   `json:"type,omitempty"` // "Number", "String", "Boolean", …
	Desc      string   `json:"desc,omitempty"`
	Units     string   `json:"units,omitempty"`
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	Writeable *bool    `json:"writeable,omitempty"`
	Const     *bool    `json:"const,omitempty"`
	Options   []string `json:"option,omitempty"`
	Told      bool     `json:"-"` // by the speaker; else from what is known of its model
}

// Holds reports whether a number is within.
func (l Limits) Holds(x float64) bool {
	return (l.Min == nil || x >= *l.Min) && (l.Max == nil || x <= *l.Max)
}

// ParseLimits reads the answer to AskLimits for an address: a list, or one alone, of
// the tree with its limits, or of the limits themselves.
func ParseLimits(p Path, v Value) (Limits, error) {
	at := first([]byte(v.json))
	for _, name := range p.names() {
		var level map[string]json.RawMessage
		if json.Unmarshal(at, &level) != nil || level[name] == nil {
			break
		}
		at = first(level[name])
	}
	// Each member by itself: one of a strange type takes nothing from the others.
	var members map[string]json.RawMessage
	if json.Unmarshal(at, &members) != nil || members == nil {
		return Limits{}, ErrMessage
	}
	l := Limits{Told: true}
	found := false
	for name, to := range map[string]any{
		"type": &l.Type, "desc": &l.Desc, "units": &l.Units, "min": &l.Min, "max": &l.Max,
		"writeable": &l.Writeable, "const": &l.Const, "option": &l.Options,
	} {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, to) == nil {
			found = true
		}
	}
	if !found {
		return Limits{}, ErrMessage
	}
	return l, nil
}

// first is the first of a list, or what is no list itself.
func first(raw []byte) []byte {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		return list[0]
	}
	return raw
}

// ParseSchema reads the answer to AskSchema: the names below an address, and whether
// each is a container.
func ParseSchema(p Path, v Value) (map[string]bool, error) {
	at := first([]byte(v.json))
	names := p.names()
	if p == "" {
		names = nil
	}
	for _, name := range names {
		var level map[string]json.RawMessage
		if json.Unmarshal(at, &level) != nil || level[name] == nil {
			return nil, ErrMessage
		}
		at = level[name]
	}
	var level map[string]json.RawMessage
	if json.Unmarshal(at, &level) != nil || level == nil {
		return nil, ErrMessage
	}
	below := make(map[string]bool, len(level))
	for name, what := range level {
		var container map[string]json.RawMessage
		below[name] = json.Unmarshal(what, &container) == nil && container != nil
	}
	return below, nil
}
