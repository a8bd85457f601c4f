package speakersim

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plainError is the shape of an error about a message.
func plainError(code int, desc string) string {
	return `{"osc":{"error":[` + errorBody(code, desc) + `]}}`
}

// errorBody is the code with its description.
func errorBody(code int, desc string) string {
	return strconv.Itoa(code) + `,{"desc":"` + desc + `"}`
}

// pathError is the shape of an error about an address.
func pathError(code int, desc string, path []string) string {
	return `{"osc":{"error":[` + nest(path, "["+errorBody(code, desc)+"]") + `]}}`
}

func nest(path []string, value string) string {
	var b strings.Builder
	for _, name := range path {
		quoted, _ := json.Marshal(name)
		b.WriteByte('{')
		b.Write(quoted)
		b.WriteByte(':')
	}
	return b.String() + value + strings.Repeat("}", len(path))
}

const notUnderstood = "message not understood"

// answer answers one line; set is called afterwards, without the lock, if it set
// something.
func (s *Speaker) answer(line []byte, f Faults) (answer string, set func()) {
	path, value, ok := single(bytes.TrimSpace(line))
	if !ok {
		return plainError(400, notUnderstood), nil
	}
	at := strings.Join(path, "/")
	if at == "osc/schema" || at == "osc/limits" {
		if s.config.NoSchema {
			return plainError(400, notUnderstood), nil
		}
		return s.describe(at, value), nil
	}
	l := s.leaves[at]
	switch {
	case l == nil && s.container(at):
		return plainError(400, notUnderstood), nil
	case l == nil:
		return pathError(404, "address not found", path), nil
	case string(value) == "null":
		v := l.value
		if at == "m/in/level" {
			v = s.levels()
		}
		return nest(path, encode(l.kind, v)), nil
	case !l.writable:
		return pathError(405, "method not allowed", path), nil
	case s.leaves["ui/control_mode"].value == "LOCAL":
		return pathError(405, "method not allowed", path), nil
	}
	v, ok := l.take(value)
	if !ok {
		return plainError(400, notUnderstood), nil
	}
	if f.DropSet { // gone before it took the value
		return "", func() {}
	}
	l.value = v
	if s.standby.asleep && s.standby.roused.IsZero() {
		s.standby.roused = time.Now()
	}
	told := s.onSet
	return nest(path, encode(l.kind, v)), func() {
		if told != nil {
			told(at, v)
		}
	}
}

// single finds the one leaf of a message.
func single(line []byte) (path []string, value json.RawMessage, ok bool) {
	value = line
	for {
		var level map[string]json.RawMessage
		if json.Unmarshal(value, &level) != nil || level == nil {
			return path, value, len(path) > 0
		}
		if len(level) != 1 {
			return nil, nil, false
		}
		for name, below := range level {
			path, value = append(path, name), below
		}
		if at := strings.Join(path, "/"); at == "osc/schema" || at == "osc/limits" {
			return path, value, true
		}
	}
}

func (s *Speaker) container(at string) bool {
	for path := range s.leaves {
		if strings.HasPrefix(path, at+"/") {
			return true
		}
	}
	return false
}

// take reads and clamps a value; ok is false where its type is wrong. A number that
// is written without a decimal point is no number for a leaf that has one.
func (l *leaf) take(raw json.RawMessage) (v any, ok bool) {
	switch l.kind {
	case number, whole:
		var x float64
		if json.Unmarshal(raw, &x) != nil || (l.kind == number) != bytes.ContainsAny(raw, ".eE") {
			return nil, false
		}
		if l.ranged {
			x = min(max(x, l.min), l.max)
		}
		if l.kind == whole {
			return int(x), true
		}
		return math.Round(x*10) / 10, true
	case boolean:
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			return nil, false
		}
		return b, true
	case text:
		var t string
		if json.Unmarshal(raw, &t) != nil || (l.length > 0 && len(t) > l.length) ||
			(len(l.options) > 0 && !slices.Contains(l.options, t)) {
			return nil, false
		}
		return t, true
	default: // a list
		var all []any
		if json.Unmarshal(raw, &all) != nil || (l.length > 0 && len(all) != l.length) {
			return nil, false
		}
		return all, true
	}
}

// encode writes a value as its kind has it.
func encode(k kind, v any) string {
	switch x := v.(type) {
	case float64:
		s := strconv.FormatFloat(x, 'f', -1, 64)
		if k != whole && !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	case []any:
		parts := make([]string, len(x))
		for i, one := range x {
			parts[i] = encode(k, one)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// describe answers osc/schema and osc/limits.
func (s *Speaker) describe(what string, value json.RawMessage) string {
	var asked []json.RawMessage
	var path []string
	if string(value) != "null" {
		if json.Unmarshal(value, &asked) != nil || len(asked) != 1 {
			return plainError(400, notUnderstood)
		}
		var ok bool
		if path, _, ok = single(asked[0]); !ok {
			return plainError(400, notUnderstood)
		}
	}
	at := strings.Join(path, "/")
	body := ""
	switch l := s.leaves[at]; {
	case what == "osc/limits" && l != nil:
		body = l.limits()
	case what == "osc/schema" && l != nil:
		body = "null"
	case what == "osc/schema" && (at == "" || s.container(at)):
		body = s.below(at)
	default:
		return pathError(404, "address not found", path)
	}
	return nest(strings.Split(what, "/"), "["+nest(path, body)+"]")
}

// below is the level under an address: {} a container, null a leaf.
func (s *Speaker) below(at string) string {
	level := map[string]any{}
	for path := range s.leaves {
		rest, under := path, true
		if at != "" {
			rest, under = strings.CutPrefix(path, at+"/")
		}
		if !under {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			level[name] = struct{}{}
		} else {
			level[name] = nil
		}
	}
	b, _ := json.Marshal(level)
	return string(b)
}

func (l *leaf) limits() string {
	m := map[string]any{"type": []string{"Number", "Number", "Boolean", "String", "Array"}[l.kind], "writeable": l.writable}
	if l.ranged {
		m["min"], m["max"], m["units"] = l.min, l.max, l.units
	}
	if len(l.options) > 0 {
		m["option"] = l.options
	}
	b, _ := json.Marshal(m)
	return "[" + string(b) + "]"
}
