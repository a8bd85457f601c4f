package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// event is one line of test2json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // s
	Output  string
}

// tally is how one test went.
type tally struct {
	name                      string
	passed, failed, notJudged int
	seconds                   []float64
	failures                  []string // the first line of each, those alike once
}

type table struct {
	rows []*tally
	said map[string][]string // of the tests that run, in the run at hand
	left bool                // what is told now is what could not be judged
	run  map[string]bool     // the tests of the run at hand; true: it failed
}

// complaint is a line of t.Error and its kin.
var complaint = regexp.MustCompile(`^\s*\w+_test\.go:\d+: .`)

// read takes the events of all runs, one after the other.
func read(in io.Reader) (*table, error) {
	t := &table{said: map[string][]string{}, run: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%q is no event of test2json: %w", lines.Text(), err)
		}
		t.take(e)
	}
	return t, lines.Err()
}

func (t *table) take(e event) {
	switch {
	case e.Action == "output":
		t.hear(e)
	case e.Test == "" && (e.Action == "pass" || e.Action == "fail"):
		if e.Action == "fail" && len(t.run) == 0 { // it ended before any test did
			r := t.row("(the program)")
			r.failed++
			r.fail(t.said[""])
		}
		t.said, t.run, t.left = map[string][]string{}, map[string]bool{}, false
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		failed := e.Action == "fail"
		part := t.hasParts(e.Test, failed)
		t.run[e.Test] = failed
		if part { // its parts tell how it went
			return
		}
		r := t.row(e.Test)
		switch e.Action {
		case "pass":
			r.passed++
		case "fail":
			r.failed++
			r.fail(t.said[e.Test])
		case "skip":
			r.notJudged++
		}
		if e.Action != "skip" {
			r.seconds = append(r.seconds, e.Elapsed)
		}
	}
}

// hear keeps what a test says, and finds what the end-to-end tests list last: what
// could not be judged.
func (t *table) hear(e event) {
	line := strings.TrimRight(e.Output, "\n")
	if strings.HasPrefix(line, "judged ") {
		t.left = strings.HasSuffix(line, "not judged:")
		return
	}
	if name, _, ok := strings.Cut(strings.TrimPrefix(line, "  "), ": "); t.left && ok && strings.HasPrefix(line, "  Test") {
		r := t.row(name)
		r.notJudged++
		r.passed = max(0, r.passed-1) // it did not fail
		return
	}
	if complaint.MatchString(line) {
		t.said[e.Test] = append(t.said[e.Test], strings.TrimSpace(line))
	}
}

// hasParts reports whether a test has subtests that ran, one of which failed if it
// did.
func (t *table) hasParts(test string, failed bool) (parts bool) {
	for other, otherFailed := range t.run {
		if strings.HasPrefix(other, test+"/") {
			parts = true
			if failed && otherFailed {
				return true
			}
		}
	}
	return parts && !failed
}

func (t *table) row(name string) *tally {
	for _, r := range t.rows {
		if r.name == name {
			return r
		}
	}
	t.rows = append(t.rows, &tally{name: name})
	return t.rows[len(t.rows)-1]
}

func (r *tally) fail(said []string) {
	first := "(no word)"
	if len(said) > 0 {
		first = said[0]
	}
	if !slices.Contains(r.failures, first) {
		r.failures = append(r.failures, first)
	}
}

// print writes the table; good is false if a test failed.
func (t *table) print(w io.Writer) (good bool) {
	good = true
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "test\truns\tpassed\tfailed\tnot judged\tmedian s\tmax s\n")
	for _, r := range t.rows {
		median, longest := "", ""
		if n := len(r.seconds); n > 0 {
			slices.Sort(r.seconds)
			median, longest = fmt.Sprintf("%.1f", r.seconds[n/2]), fmt.Sprintf("%.1f", r.seconds[n-1])
		}
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", r.name, r.passed+r.failed+r.notJudged, r.passed, r.failed, r.notJudged, median, longest)
		good = good && r.failed == 0
	}
	_ = out.Flush()
	for _, r := range t.rows {
		for _, line := range r.failures {
			fmt.Fprintf(w, "%s: %s\n", r.name, line)
		}
	}
	return good
}
