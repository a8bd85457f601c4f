package e2e

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// attempt is one try at a measurement. It stands in for *testing.T, so that a
// try in which the machine itself left too little to judge, or stood still and
// something failed, can be taken again. What fails in every try has failed where it
// is certain, and else could not be judged: that is told at the end.
type attempt struct {
	testing.TB // for Name and the like

	mu       sync.Mutex
	failures []string
	said     []string
	skipped  string
	certain  bool // what fails in every try has failed, whatever the machine did
	rows     []row
	cleanups []func()
}

const (
	// patience bounds the time of what is taken again in the short form, all
	// measurements together, and fullPatience that of one in the full form.
	patience     = 3 * time.Minute
	fullPatience = 20 * time.Minute
	// mostTries bounds those of one measurement in the short form.
	mostTries = 3
)

// repeated is the time in ns that went into tries that were taken again.
var repeated atomic.Int64

// measured runs a measurement. It is taken again where something of it could not be
// judged, once in the short form, or failed in a try in which the machine stood
// still: what a standstill does to a sound server is felt for long.
func measured(t *testing.T, measure func(a *attempt)) {
	t.Helper()
	for n, began := 1, rtthread.Now(); ; n++ {
		a, from := &attempt{TB: t}, rtthread.Now()
		done := make(chan struct{})
		go func() { // its own, because FailNow ends the goroutine
			defer close(done)
			defer a.cleanUp()
			measure(a)
		}()
		<-done
		now := rtthread.Now()
		stood := watch.stood(now, now.Sub(from))
		failed := len(a.failures) > 0 && stood > standstill
		if why := a.unjudged(); failed || len(why) > 0 && len(a.failures) == 0 {
			spent := time.Duration(repeated.Add(int64(now.Sub(from))))
			again := spent < patience && n < mostTries && (failed || n == 1)
			if full {
				again = now.Sub(began) < fullPatience
			}
			if again {
				t.Logf("taken again, for the machine stood still for %v: %s", stood, strings.Join(append(why, a.failures...), "; "))
				continue
			}
		}
		if failed && !a.certain && !full {
			a.excuse(stood)
		}
		a.deliver(t)
		return
	}
}

// shared lets the short form of a measurement run beside its siblings: a desktop
// takes a tenth of a processor, and most of the time is waiting. The full form's
// figures are taken alone.
func shared(t *testing.T) {
	if !full {
		t.Parallel()
	}
}

// unjudged lists what could not be judged.
func (a *attempt) unjudged() (why []string) {
	for _, r := range a.rows {
		if r.verdict == notJudged {
			why = append(why, r.name+": "+r.measured)
		}
	}
	return why
}

// excuse turns what failed into what could not be judged.
func (a *attempt) excuse(stood time.Duration) {
	why := fmt.Sprintf("the machine stood still for %v", stood)
	for i := range a.rows { // told once, with all else that failed
		if a.rows[i].verdict == "FAIL" {
			a.rows[i].verdict = notJudged
			a.rows[i].measured = fmt.Sprintf("%s, want %s, and %s", a.rows[i].measured, a.rows[i].limit, why)
		}
	}
	for _, text := range a.failures {
		a.said = append(a.said, "not judged, for "+why+": "+text)
	}
	if !slices.ContainsFunc(a.rows, func(r row) bool { return r.verdict == notJudged }) {
		a.rows = append(a.rows, row{a.Name(), "the measurement", why + ": " + a.failures[0], "", notJudged})
	}
	a.failures = nil
}

// spoilt ends a try which the machine spoilt; it is the test's fault where no
// standstill explains that.
func (a *attempt) spoilt(e excuse, what string) {
	a.Helper()
	now := rtthread.Now()
	if !watch.explains(now, e) {
		a.Fatalf("%s, and no standstill of the machine explains it", what)
	}
	figures.not(a, "the measurement", what+" when the machine stood still")
	runtime.Goexit()
}

// deliver makes the attempt's outcome that of the test.
func (a *attempt) deliver(t *testing.T) {
	t.Helper()
	figures.add(a.rows)
	for _, text := range a.said {
		t.Log(text)
	}
	for _, text := range a.failures {
		t.Error(text)
	}
	if a.skipped != "" {
		t.Skip(a.skipped)
	}
}

func (a *attempt) cleanUp() {
	for len(a.cleanups) > 0 {
		last := a.cleanups[len(a.cleanups)-1]
		a.cleanups = a.cleanups[:len(a.cleanups)-1]
		last()
	}
}

func (a *attempt) note(list *[]string, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*list = append(*list, strings.TrimSuffix(text, "\n"))
}

// The rest is what the helpers use of testing.TB.

func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.failures) > 0
}

func (a *attempt) Cleanup(f func())          { a.cleanups = append(a.cleanups, f) }
func (a *attempt) Log(args ...any)           { a.note(&a.said, fmt.Sprintln(args...)) }
func (a *attempt) Logf(f string, v ...any)   { a.note(&a.said, fmt.Sprintf(f, v...)) }
func (a *attempt) Error(args ...any)         { a.note(&a.failures, fmt.Sprintln(args...)) }
func (a *attempt) Errorf(f string, v ...any) { a.note(&a.failures, fmt.Sprintf(f, v...)) }

func (a *attempt) Fatal(args ...any) {
	a.Error(args...)
	runtime.Goexit()
}

func (a *attempt) Fatalf(f string, v ...any) {
	a.Errorf(f, v...)
	runtime.Goexit()
}

func (a *attempt) Skip(args ...any) { a.Skipf("%s", fmt.Sprint(args...)) }

func (a *attempt) Skipf(f string, v ...any) {
	a.skipped = fmt.Sprintf(f, v...)
	runtime.Goexit()
}

// What would reach the test behind the attempt's back, from another goroutine.

func (a *attempt) Fail()                    { panic("an attempt has no Fail: say Error") }
func (a *attempt) FailNow()                 { panic("an attempt has no FailNow: say Fatal") }
func (a *attempt) SkipNow()                 { panic("an attempt has no SkipNow: say Skip") }
func (a *attempt) Skipped() bool            { panic("an attempt has no Skipped") }
func (a *attempt) TempDir() string          { panic("an attempt has no TempDir: say tempDir") }
func (a *attempt) Setenv(_, _ string)       { panic("an attempt has no Setenv: hand variables to start") }
func (a *attempt) Chdir(string)             { panic("an attempt has no Chdir") }
func (a *attempt) Context() context.Context { panic("an attempt has no Context: say beside") }
