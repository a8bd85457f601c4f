package config

import (
	"cmp"
	"slices"
	"strings"
)

// Fault is one thing that is wrong, told in one line.
type Fault struct {
	Source string // file, or --set; empty when the default or several are to blame
	Line   int    // in the file; 0: none
	Key    string // table.key; empty: the whole file
	Value  string // as TOML
	Why    string
	Remedy string
}

// Error returns the line: where, what, which value, why, what to do.
func (f Fault) Error() string {
	what := strings.Join(given(f.Key, f.Value), " = ")
	line := strings.Join(given(f.place(), what, f.Why), ": ")
	if f.Remedy != "" {
		line += "; " + f.Remedy
	}
	return oneLine(line)
}

// given leaves out what is not there.
func given(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

func (f Fault) place() string {
	if f.Line > 0 {
		return f.Source + ":" + itoa(f.Line)
	}
	return f.Source
}

// Faults is every thing that is wrong.
type Faults []Fault

// Error returns one line a fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// or returns fs as an error, nil when there are none.
func (fs Faults) or() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// sort puts faults of a file into the order of its lines, before all others.
func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		switch {
		case a.Line == 0 || b.Line == 0:
			return cmp.Compare(b.Line, a.Line)
		default:
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
		}
	})
}

// maxValue is how much of a value a message repeats, in bytes.
const maxValue = 80

// shorten cuts what a message repeats.
func shorten(s string) string {
	if len(s) <= maxValue {
		return s
	}
	return strings.ToValidUTF8(s[:maxValue], "") + "…"
}

// oneLine replaces what would break a line or a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
