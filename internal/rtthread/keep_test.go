package rtthread

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// nobody is the ordinary user whom a test that root runs becomes.
const nobody = 65534

// asOrdinaryUser runs the calling test anew in a process of an ordinary user and
// reports true there. For each line "thread ID" that it prints, root gives that thread
// SCHED_RR 20 as RealtimeKit does, and answers with a line. Without root it reports
// true at once, and nobody gives anything.
func asOrdinaryUser(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	// Not by its path, which leads through a folder of root's.
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=1m")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	c.Dir = "/"
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		var tid int
		if _, err := fmt.Sscanf(lines.Text(), "thread %d", &tid); err == nil {
			if err := unix.SchedSetAttr(tid, &unix.SchedAttr{
				Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 20, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
			}, 0); err != nil {
				t.Errorf("giving SCHED_RR: %v", err)
			}
			_, _ = fmt.Fprintln(in)
		}
	}
	if err := c.Wait(); err != nil || !strings.Contains(text.String(), "--- PASS: "+t.Name()) {
		t.Errorf("as an ordinary user: %v\n%s", err, text.String())
	}
	return false
}

// change is what Keep tells.
type change struct {
	grant Grant
	err   error
}

// keeping notes what is told; look looks once.
type keeping struct{ told []change }

func (k *keeping) tell(t *Thread, err error) { k.told = append(k.told, change{t.Grant(), err}) }

func (k *keeping) look(t *testing.T, resumed bool) (next time.Duration) {
	return look(t.Context(), resumed, k.tell)
}

// last returns the only change that was told.
func (k *keeping) last(t *testing.T) Grant {
	t.Helper()
	if len(k.told) != 1 {
		t.Errorf("told %+v, want one change", k.told)
		return Grant{}
	}
	defer func() { k.told = nil }()
	return k.told[0].grant
}

func TestPriorityThatWasTakenAwayIsNoticedAndAskedForAnew(t *testing.T) {
	onThread(t, func() {
		thread := Lock("test", 10)
		defer thread.End()
		if !thread.Grant().RealTime() {
			return
		}
		var k keeping
		if next := k.look(t, false); len(k.told) != 0 || next != lookEach {
			t.Errorf("with all as it was: told %+v, next in %v", k.told, next)
		}
		if err := setOrdinary(thread.tid); err != nil {
			t.Error(err)
		}
		next := k.look(t, false)
		if got := k.last(t); got.RealTime() || !got.Lost || got.Why == "" || thread.Grant() != got {
			t.Errorf("taken away: %+v, the thread says %+v", got, thread.Grant())
		}
		if next <= 0 || next > askAgain {
			t.Errorf("it was had for a moment only: asked for anew in %v, want within %v", next, askAgain)
		}
		k.look(t, true)
		if got := k.last(t); !got.RealTime() || got.Lost {
			t.Errorf("after a resume: %+v, want it back", got)
		}
		if attr, err := unix.SchedGetAttr(thread.tid, 0); err != nil || attr.Policy != unix.SCHED_FIFO {
			t.Errorf("the kernel says %+v, %v", attr, err)
		}
	})
}

func TestRealtimeKitIsAskedUntilItGives(t *testing.T) {
	if !asOrdinaryUser(t) {
		return
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	onThread(t, func() {
		thread := Lock("test", 30)
		defer thread.End()
		if thread.Grant().RealTime() {
			t.Errorf("the kernel gave %+v by itself", thread.Grant())
		}
		var k keeping
		k.look(t, false)
		if got := k.last(t); got.RealTime() || !strings.Contains(got.Why, "RLIMIT_RTPRIO is 0") || !strings.Contains(got.Why, "system bus") {
			t.Errorf("without a bus: %+v", got)
		}
		f := startKit(t)
		if k.look(t, false); len(f.asked) != 0 {
			t.Error("asked again at once")
		}
		k.look(t, true)
		if got, want := k.last(t), (Grant{Policy: PolicyRR, Priority: 20, By: "RealtimeKit"}); got != want {
			t.Errorf("given: %+v, want %+v", got, want)
		}
		if got := <-f.asked; got != [2]int64{int64(thread.tid), 20} {
			t.Errorf("RealtimeKit was asked for %v, want thread %d and 20", got, thread.tid)
		}
		k.look(t, false) // this one gives nothing in truth
		if got := k.last(t); got.RealTime() || !got.Lost || !strings.HasPrefix(got.Why, "RealtimeKit took") {
			t.Errorf("taken away: %+v", got)
		}
		f.refuse.Store(true)
		k.look(t, true)
		if got := k.last(t); got.RealTime() || !got.Lost || !strings.Contains(got.Why, "not allowed") {
			t.Errorf("refused after that: %+v", got)
		}
	})
}

func TestABusThatDoesNotAnswerHoldsNobodyUp(t *testing.T) {
	if !asOrdinaryUser(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "bus")
	bus, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bus.Close() }()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+path)
	began := Now()
	ctx, stop := context.WithCancel(t.Context())
	var keeper sync.WaitGroup
	keeper.Go(func() { Keep(ctx, func(_ *Thread, g Grant, _ error) { t.Errorf("told %+v", g) }) })
	onThread(t, func() {
		Lock("test", 10).End()
		thread := Lock("test", 10)
		defer thread.End()
		silent, err := bus.Accept() // Keep asks
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = silent.Close() })
		if thread.Grant().RealTime() {
			t.Errorf("Lock gave %+v", thread.Grant())
		}
	})
	stop()
	keeper.Wait()
	if took := Now().Sub(began); took >= kitTime {
		t.Errorf("it took %v", took)
	}
}

// An ordinary user may not clear RESET_ON_FORK, which both ways to real time set.
func TestAnOrdinaryUserGivesPrioritiesBack(t *testing.T) {
	if !asOrdinaryUser(t) {
		return
	}
	defer givenBack.Store(false)
	ctx, stop := context.WithCancel(t.Context())
	told := make(chan change, 10)
	var keeper sync.WaitGroup
	var refused string
	onThread(t, func() {
		thread := Lock("test", 10)
		defer thread.End()
		fmt.Printf("thread %d\n", thread.tid)
		_, _ = fmt.Scanln()
		if attr, err := unix.SchedGetAttr(0, 0); err != nil || attr.Policy != unix.SCHED_RR {
			refused = fmt.Sprintf("needs root, to give real-time priority as RealtimeKit does: %+v, %v", attr, err)
			return
		}
		thread.set(Grant{Policy: PolicyRR, Priority: 20, By: "RealtimeKit"})
		keeper.Go(func() { Keep(ctx, func(_ *Thread, g Grant, err error) { told <- change{g, err} }) })
		// The handler may not be there yet: then SIGXCPU would end us.
		ours := make(chan os.Signal, 1)
		signal.Notify(ours, unix.SIGXCPU)
		defer signal.Stop(ours)
		for !GivenBack() {
			_ = unix.Kill(os.Getpid(), unix.SIGXCPU)
			SleepUntil(Now().Add(time.Millisecond))
		}
		if got := <-told; got.err != nil || got.grant.RealTime() || got.grant.Why != ranTooLong {
			t.Errorf("told %+v", got)
		}
		if attr, err := unix.SchedGetAttr(0, 0); err != nil || attr.Policy != unix.SCHED_NORMAL {
			t.Errorf("after the overrun the policy is %+v, %v", attr, err)
		}
		again := Lock("test", 10)
		defer again.End()
		if again.Grant().RealTime() || again.Grant().Why != ranTooLong {
			t.Errorf("Lock after that gave %+v", again.Grant())
		}
	})
	stop()
	keeper.Wait()
	if refused != "" {
		t.Skip(refused)
	}
	if len(told) != 0 {
		t.Errorf("it was told more than once: %+v", <-told)
	}
}

func TestSuspendsAreTheDifferenceOfTwoClocks(t *testing.T) {
	var s suspends
	mono, slept := aes67.MonoTime(time.Hour), 5*time.Minute // of before the start
	s.happened(mono.Add(slept), mono)
	for _, step := range []struct {
		runs, sleeps time.Duration
		want         bool
	}{
		{time.Minute, 0, false},
		{time.Minute, time.Millisecond, false},
		{time.Second, time.Second, true},
		{time.Minute, 0, false},
		{0, 8 * time.Hour, true},
		{time.Hour, 0, false},
	} {
		mono, slept = mono.Add(step.runs), slept+step.sleeps
		if got := s.happened(mono.Add(slept), mono); got != step.want {
			t.Errorf("%v awake and %v asleep: %v, want %v", step.runs, step.sleeps, got, step.want)
		}
	}
}

func TestWatchingForResumesEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	resumed := make(chan struct{}, 1)
	watcher.Go(func() { watchResumes(ctx, resumed) })
	stop()
	watcher.Wait()
	if len(resumed) != 0 {
		t.Error("a resume was seen where there was none")
	}
}
