package e2e

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"text/tabwriter"
)

// figures collects what was measured, for the table at the end.
var figures table

type row struct{ test, name, measured, limit, verdict string }

// notJudged is the verdict on a figure that could not be judged; in the place of
// what was measured stands the reason.
const notJudged = "not judged"

type table struct {
	mu   sync.Mutex
	rows []row
}

// atMost records a figure with an upper limit and fails the test above it.
func (f *table) atMost(t testing.TB, name string, measured, limit float64, unit string) {
	t.Helper()
	f.judge(t, name, measured, measured <= limit, fmt.Sprintf("<= %.4g %s", limit, unit), unit)
}

// atLeast records a figure with a lower limit and fails the test below it.
func (f *table) atLeast(t testing.TB, name string, measured, limit float64, unit string) {
	t.Helper()
	f.judge(t, name, measured, measured >= limit, fmt.Sprintf(">= %.4g %s", limit, unit), unit)
}

func (f *table) judge(t testing.TB, name string, measured float64, good bool, limit, unit string) {
	t.Helper()
	r := row{t.Name(), name, fmt.Sprintf("%.4g %s", measured, unit), limit, "ok"}
	if !good { // also when measured is not a number
		r.verdict = "FAIL"
		t.Errorf("%s: %s, want %s", name, r.measured, limit)
	}
	f.take(t, r)
}

// not records that a figure could not be judged, and why.
func (f *table) not(t testing.TB, name, why string) {
	t.Helper()
	f.take(t, row{t.Name(), name, why, "", notJudged})
}

func (f *table) take(t testing.TB, r row) {
	if a, ok := t.(*attempt); ok { // may be taken again yet
		a.mu.Lock()
		defer a.mu.Unlock()
		a.rows = append(a.rows, r)
		return
	}
	f.add([]row{r})
}

func (f *table) add(rows []row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, rows...)
}

// print shows the figures, and last what could not be judged.
func (f *table) print(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rows) == 0 {
		return
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\ntest\tfigure\tmeasured\tlimit\t\n")
	var left []row
	for _, r := range f.rows {
		if r.verdict == notJudged {
			left = append(left, r)
			continue
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.test, r.name, r.measured, r.limit, r.verdict)
	}
	_ = out.Flush()
	fmt.Fprintf(w, "\njudged %d of %d", len(f.rows)-len(left), len(f.rows))
	if len(left) > 0 {
		fmt.Fprint(w, "; not judged:")
	}
	fmt.Fprintln(w)
	for _, r := range left {
		fmt.Fprintf(w, "  %s: %s: %s\n", r.test, r.name, r.measured)
	}
}
