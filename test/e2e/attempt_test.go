package e2e

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// attempt is one try at a measurement. It stands in for *testing.T, so that a
// try in which the machine itself left too little to judge, or stood still and
// a figure was beyond its limit, can be taken again. A figure that is in every try
// has failed where it is certain, and else could not be judged: that is told at the
// end. Whatever else fails has failed, at once: no standstill explains it. (But for a sound
// server that crashed by itself: Debian 12's does now and then, whoever uses it.)
type attempt struct {
	testing.TB // for Name and the like

	mu       sync.Mutex
	failures []string
	beyond   []string // figures beyond their limits
	said     []string
	skipped  string
	certain  bool // a figure beyond its limit in every try has failed, whatever the machine did
	crashed  bool // a sound server of it crashed by itself
	rows     []row
	cleanups []func()
	part     bool
}

// partOf is what ends before the rest of a test: its cleanups are its own, and all that
// it has to say is the test's.
func partOf(t testing.TB) *attempt { return &attempt{TB: t, part: true} }

// attemptOf is the attempt that a test is, or that it is a part of; nil: it is none.
func attemptOf(t testing.TB) *attempt {
	for {
		a, ok := t.(*attempt)
		if !ok || !a.part {
			return a
		}
		t = a.TB
	}
}

const (
	// patience bounds the time of what is taken again in the short form, all
	// measurements together, and fullPatience that of one in the full form.
	patience     = 3 * time.Minute
	fullPatience = 20 * time.Minute
	// mostTries bounds those of one measurement in the short form, and those of tests that
	// have a loop of their own.
	mostTries = 3
)

// repeated is the time in ns that went into tries that were taken again.
var repeated atomic.Int64

// measured runs a measurement. It is taken again where something of it could not be
// judged, once in the short form, or was beyond its limit in a try in which the
// machine stood still: what a standstill does to a sound server is felt for long. What
// is certain is tried twice, whatever time others took. What failed beside a sound server
// that crashed by itself is taken again once, and told.
func measured(t *testing.T, measure func(a *attempt)) {
	t.Helper()
	crashed := false
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
		doubtful := len(a.beyond) > 0 && stood > standstill
		if failures := append(a.failures, a.beyond...); a.crashed && !crashed && len(failures) > 0 {
			crashed, n = true, n-1
			figures.not(t, "a try", "the sound server crashed by itself: "+strings.Join(failures, "; "))
			continue
		}
		if why := a.unjudged(); len(a.failures) == 0 && (doubtful || len(why) > 0 && len(a.beyond) == 0) {
			spent := time.Duration(repeated.Add(int64(now.Sub(from))))
			again := spent < patience && n < mostTries && (doubtful || n == 1) ||
				n == 1 && doubtful && a.certain // one try makes nothing certain
			if full {
				again = now.Sub(began) < fullPatience
			}
			if again {
				t.Logf("taken again, for the machine stood still for %v: %s", stood, strings.Join(append(why, a.beyond...), "; "))
				continue
			}
		}
		if doubtful && !a.certain && !full {
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

// excuse turns figures beyond their limits into figures that could not be judged.
func (a *attempt) excuse(stood time.Duration) {
	why := fmt.Sprintf("the machine stood still for %v", stood)
	for i := range a.rows {
		if a.rows[i].verdict == failed {
			a.rows[i].verdict = notJudged
			a.rows[i].measured = fmt.Sprintf("%s, want %s, and %s", a.rows[i].measured, a.rows[i].limit, why)
		}
	}
	for _, text := range a.beyond {
		a.said = append(a.said, "not judged, for "+why+": "+text)
	}
	a.beyond = nil
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
func (a *attempt) deliver(t testing.TB) {
	t.Helper()
	for _, r := range a.rows {
		figures.take(t, r)
	}
	for _, text := range a.said {
		t.Log(text)
	}
	for _, text := range a.failures {
		t.Error(text)
	}
	for _, text := range a.beyond {
		failBeyond(t, text)
	}
	if a.skipped != "" {
		t.Skip(a.skipped)
	}
}

// failBeyond fails a test for a figure beyond its limit.
func failBeyond(t testing.TB, text string) {
	t.Helper()
	if a := attemptOf(t); a != nil {
		a.note(&a.beyond, text)
		return
	}
	t.Error(text)
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
	if a.part {
		return a.TB.Failed()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.failures)+len(a.beyond) > 0
}

func (a *attempt) Cleanup(f func()) { a.cleanups = append(a.cleanups, f) }

func (a *attempt) Log(args ...any) { a.Logf("%s", fmt.Sprintln(args...)) }

func (a *attempt) Logf(f string, v ...any) {
	if a.part {
		a.TB.Logf(f, v...)
		return
	}
	a.note(&a.said, fmt.Sprintf(f, v...))
}

func (a *attempt) Error(args ...any) { a.Errorf("%s", fmt.Sprintln(args...)) }

func (a *attempt) Errorf(f string, v ...any) {
	if a.part {
		a.TB.Errorf(f, v...)
		return
	}
	a.note(&a.failures, fmt.Sprintf(f, v...))
}

func (a *attempt) Fatal(args ...any) { a.Fatalf("%s", fmt.Sprintln(args...)) }

func (a *attempt) Fatalf(f string, v ...any) {
	a.Errorf(f, v...)
	a.FailNow()
}

// FailNow ends what has failed.
func (a *attempt) FailNow() {
	if a.part {
		a.TB.FailNow()
	}
	runtime.Goexit()
}

func (a *attempt) Skip(args ...any) { a.Skipf("%s", fmt.Sprint(args...)) }

func (a *attempt) Skipf(f string, v ...any) {
	if a.part {
		a.TB.Skipf(f, v...)
	}
	a.skipped = fmt.Sprintf(f, v...)
	runtime.Goexit()
}

// What would reach the test behind the attempt's back, from another goroutine.

func (a *attempt) Fail()                    { panic("an attempt has no Fail: say Error") }
func (a *attempt) SkipNow()                 { panic("an attempt has no SkipNow: say Skip") }
func (a *attempt) Skipped() bool            { panic("an attempt has no Skipped") }
func (a *attempt) TempDir() string          { panic("an attempt has no TempDir: say tempDir") }
func (a *attempt) Setenv(_, _ string)       { panic("an attempt has no Setenv: hand variables to start") }
func (a *attempt) Chdir(string)             { panic("an attempt has no Chdir") }
func (a *attempt) Context() context.Context { panic("an attempt has no Context: say beside") }
