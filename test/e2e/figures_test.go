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

// The verdicts on a figure beyond its limit: a standstill may explain that, and none
// does.
const (
	failed = "FAIL"
	surely = "FAIL, whatever the machine did"
)

type table struct {
	mu   sync.Mutex
	rows []row
}

// atMost records a figure with an upper limit and fails the test above it.
func (f *table) atMost(t testing.TB, name string, measured, limit float64, unit string) {
	t.Helper()
	f.judge(t, measured <= limit, bounded(t, name, measured, "<=", limit, unit))
}

// atLeast records a figure with a lower limit and fails the test below it.
func (f *table) atLeast(t testing.TB, name string, measured, limit float64, unit string) {
	t.Helper()
	f.judge(t, measured >= limit, bounded(t, name, measured, ">=", limit, unit))
}

// so records what was seen of the sound or of packets, and fails the test where it is
// not as wanted.
func (f *table) so(t testing.TB, name string, good bool, seen, wanted string) {
	t.Helper()
	f.judge(t, good, row{t.Name(), name, seen, wanted, "ok"})
}

// never records a figure with an upper limit that no standstill of the machine brings
// it above.
func (f *table) never(t testing.TB, name string, measured, limit float64, unit string) {
	t.Helper()
	r := bounded(t, name, measured, "<=", limit, unit)
	if !(measured <= limit) { // also when it is not a number
		r.verdict = surely
		t.Error(r.fault())
	}
	f.take(t, r)
}

// bounded is the row of a figure within its limit.
func bounded(t testing.TB, name string, measured float64, than string, limit float64, unit string) row {
	return row{t.Name(), name, fmt.Sprintf("%.4g %s", measured, unit), fmt.Sprintf("%s %.4g %s", than, limit, unit), "ok"}
}

// fault tells of a row that is not good.
func (r row) fault() string { return fmt.Sprintf("%s: %s, want %s", r.name, r.measured, r.limit) }

// judge fails the test for a row that is not good, which may be taken again if the
// machine stood still.
func (f *table) judge(t testing.TB, good bool, r row) {
	t.Helper()
	if !good {
		r.verdict = failed
		failBeyond(t, r.fault())
	}
	f.take(t, r)
}

// not records that a figure could not be judged, and why.
func (f *table) not(t testing.TB, name, why string) {
	t.Helper()
	f.take(t, row{t.Name(), name, why, "", notJudged})
}

func (f *table) take(t testing.TB, r row) {
	if a := attemptOf(t); a != nil { // may be taken again yet
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
