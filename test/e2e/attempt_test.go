package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// attempt is one try at a measurement. It stands in for *testing.T, so that a
// try that the machine itself spoilt can be thrown away with all its failures.
type attempt struct {
	testing.TB // for Name and the like

	mu       sync.Mutex
	failures []string
	said     []string
	skipped  string
	certain  bool // its failures stand, whatever the machine did
	rows     []row
	cleanups []func()
}

const (
	// mostAttempts bounds the tries of one measurement in the short form, and
	// patience the time of those thrown away, all measurements together: a machine
	// that stands still at every turn shall not keep it for an hour.
	mostAttempts = 4
	patience     = time.Minute
	// fullPatience is for how long the full form tries one measurement.
	fullPatience = 20 * time.Minute
	// standstill is a pause of the whole machine, seen by a thread of higher
	// priority than every one of ours, that spoils a measurement. A virtual
	// machine may be left without its processors for longer.
	standstill = 3 * time.Millisecond
)

// wasted is the time in ns that went into tries that were thrown away.
var wasted atomic.Int64

// measured runs a measurement. When it fails and the machine stood still
// meanwhile, it is taken again; the short form gives up in the end, the full
// one counts the last failure.
func measured(t *testing.T, measure func(a *attempt)) {
	t.Helper()
	for n, began := 1, time.Now(); ; n++ {
		a, from := &attempt{TB: t}, rtthread.Now()
		done := make(chan struct{})
		go func() { // its own, because FailNow ends the goroutine
			defer close(done)
			defer a.cleanUp()
			measure(a)
		}()
		<-done
		stood := watch.longest(from)
		if len(a.failures) > 0 && stood > standstill && !a.certain {
			t.Logf("thrown away, for the machine stood still for %v: %s", stood, strings.Join(a.failures, "; "))
			spent := time.Duration(wasted.Add(int64(rtthread.Now().Sub(from))))
			again := n < mostAttempts && spent < patience
			if full {
				again = time.Since(began) < fullPatience
			}
			if again {
				continue
			}
			if !full {
				t.Skipf("the machine stood still during each of %d attempts: they say nothing (%.0f s of all tests went into such)", n, spent.Seconds())
			}
		}
		a.deliver(t, stood)
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

// deliver makes the attempt's outcome that of the test.
func (a *attempt) deliver(t *testing.T, stood time.Duration) {
	t.Helper()
	figures.add(a.rows)
	for _, text := range a.said {
		t.Log(text)
	}
	for _, text := range a.failures {
		t.Error(text)
	}
	if len(a.failures) > 0 {
		t.Logf("the longest standstill of the machine was %v", stood)
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

// watchman sees standstills of the machine.
type watchman struct {
	mu   sync.Mutex
	seen []pause
}

type pause struct {
	at     aes67.MonoTime
	length time.Duration
}

var watch watchman

// watchmanVariable makes this program a watchman on the processor it names.
const watchmanVariable = "E2E_WATCHMAN"

// begin starts a watchman a processor, in processes of their own: our garbage
// collector must not hold them up. They end with us.
func (w *watchman) begin() {
	for cpu := range runtime.NumCPU() {
		cmd := exec.Command(must(os.Executable()))
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", watchmanVariable, cpu), "GOMAXPROCS=1")
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		out := must(cmd.StdoutPipe())
		if cmd.Start() == nil {
			go w.listen(out)
		}
	}
}

func (w *watchman) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var p pause
		if _, err := fmt.Sscan(lines.Text(), &p.at, &p.length); err == nil {
			w.mu.Lock()
			w.seen = append(w.seen, p)
			w.mu.Unlock()
		}
	}
}

// longest returns the longest standstill since then.
func (w *watchman) longest(since aes67.MonoTime) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.seen {
		if p.at >= since {
			longest = max(longest, p.length)
		}
	}
	return longest
}

// aftermath is how long what a standstill of the machine did is heard, beside its
// own length: a fade, and what the sound takes to come back.
const aftermath = backWithin

// spoilt reports whether a standstill of any length that was seen may be heard in
// what lies between two instants.
func (w *watchman) spoilt(from, to aes67.MonoTime) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.seen, func(p pause) bool {
		return p.at.Add(-p.length-watchPeriod) <= to && p.at.Add(aftermath+p.length) >= from
	})
}

// count tells how often the machine stood still for longer than standstill since
// then. What both processors saw counts once.
func (w *watchman) count(since aes67.MonoTime) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var last aes67.MonoTime
	for _, p := range w.seen { // nearly in order
		if p.at >= since && p.length > standstill && p.at.Sub(last) > 10*time.Millisecond {
			n, last = n+1, p.at
		}
	}
	return n
}

// watchPeriod is how often a watchman wakes.
const watchPeriod = 2 * time.Millisecond

// stand is the watchman's whole life: wake in time, at a priority
// above all that is tested, and tell when that came late.
func stand(cpu string) {
	debug.SetGCPercent(-1)
	var set unix.CPUSet
	var n int
	_, _ = fmt.Sscan(cpu, &n)
	set.Set(n)
	rtthread.Lock("watchman", 90)
	_ = unix.SchedSetaffinity(0, &set)
	for next := rtthread.Now(); ; {
		next = next.Add(watchPeriod)
		rtthread.SleepUntil(next)
		if now := rtthread.Now(); now.Sub(next) > time.Millisecond {
			fmt.Println(int64(now), int64(now.Sub(next)))
			next = now
		}
	}
}
