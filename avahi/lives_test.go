package avahi

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// spent returns the processor time of this process.
func spent(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// idle fails when a stretch of waiting takes more than a tenth of a processor; a
// loop that spins takes a whole one.
func idle(t testing.TB, when string) {
	t.Helper()
	const length = 500 * time.Millisecond
	least := time.Hour
	for range 5 { // a virtual machine that stands still may be charged to whoever runs
		before := spent(t)
		<-time.After(length)
		if least = min(least, spent(t)-before); least <= length/10 {
			return
		}
	}
	t.Errorf("%s: %v of processor in %v at the least", when, least, length)
}

func TestAHundredLivesLeaveNothing(t *testing.T) {
	b := startBus(t)
	p, end := publisher(t, b)
	p.Publish(3, two)
	first := 0
	for life := range 100 {
		p.becomes(t, StateAbsent)
		d := b.newDaemon(serverRunning)
		d.group("left", groupEstablished)
		d.group("right", groupEstablished)
		p.becomes(t, StateEstablished)
		if life == 0 {
			eventually(t, "the look has ended", func() bool {
				n := runtime.NumGoroutine()
				settled := n == first
				first = n
				return settled
			})
			idle(t, "published")
		}
		if life == 99 {
			eventually(t, "as many goroutines as in the first life", func() bool { return runtime.NumGoroutine() <= first })
		}
		d.end()
	}
	p.becomes(t, StateAbsent)
	idle(t, "without a daemon")
	b.end()
	p.becomes(t, StateNoBus)
	idle(t, "without a bus")
	end()
}

func TestABusThatHangsHoldsNobody(t *testing.T) {
	t.Parallel()
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	p, _ := publisher(t, b)
	browser := NewBrowser(Config{Connect: b.connect}, zerolog.Nop())
	running(t, browser.Run)
	p.Publish(3, two[:1])
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
	b.hangs()
	defer b.goesOn()
	browser.Browse([]int{3})
	p.Publish(3, two[1:])
	p.becomes(t, StateFailed) // when the call has been waited for
	if s := p.becomes(t, StateNoBus); !strings.Contains(s.Problem, "does not answer") {
		t.Errorf("problem %q", s.Problem)
	}
	eventually(t, "the browser misses it too", func() bool { return browser.Snapshot().State == StateNoBus })
	b.goesOn()
	d.group("right", groupEstablished)
	p.becomes(t, StateEstablished)
	eventually(t, "the browser goes on", func() bool { return browser.Snapshot().State == StateBrowsing })
}

func TestTheEndDoesNotWaitForAHungBus(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"a connection", "a call"} {
		b := startBus(t)
		d := b.newDaemon(serverRunning)
		if during == "a connection" {
			b.hangs()
		}
		p, end := publisher(t, b)
		browser := NewBrowser(Config{Connect: b.connect}, zerolog.Nop())
		endToo := running(t, browser.Run)
		p.Publish(3, two)
		if during == "a call" {
			d.group("left", groupEstablished)
			d.group("right", groupEstablished)
			p.becomes(t, StateEstablished)
			b.hangs()
			p.Publish(3, two[:1])
		}
		began := time.Now()
		end()
		endToo()
		if took := time.Since(began); took > callTime/2 {
			t.Errorf("during %s: ended after %v", during, took)
		}
		b.goesOn()
	}
}

func TestABusThatForbidsIsTold(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	d.mu.Lock()
	d.denied = true
	d.mu.Unlock()
	p, _ := publisher(t, b)
	p.Publish(3, two)
	if s := p.becomes(t, StateForbidden); s.Problem == "" {
		t.Error("no problem is told")
	}
	browser := NewBrowser(Config{Connect: b.connect}, zerolog.Nop())
	running(t, browser.Run)
	browser.Browse([]int{3})
	eventually(t, "the browser tells it", func() bool { s := browser.Snapshot(); return s.State == StateForbidden && s.Problem != "" })
}

func TestAnInterfaceThatIsLeftOutIsTold(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	d.mu.Lock()
	d.deaf = true
	d.mu.Unlock()
	p, _ := publisher(t, b)
	p.Publish(3, two)
	d.group("left", groupEstablished)
	d.group("right", groupEstablished)
	if s := p.becomes(t, StateForbidden); !strings.Contains(s.Problem, "deny-interfaces") {
		t.Errorf("problem %q", s.Problem)
	}
	d.mu.Lock()
	d.deaf = false
	d.mu.Unlock()
	p.Publish(4, two) // another one
	d.group("left", groupEstablished)
	p.becomes(t, StateRegistering)
}
