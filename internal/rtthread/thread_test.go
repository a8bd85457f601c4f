package rtthread

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// onThread runs f on a goroutine of its own, whose thread dies with it if f
// locked it.
func onThread(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestLockTellsWhatTheThreadReallyHas(t *testing.T) {
	for _, priority := range []int{0, 1, 10, 99, 200} {
		onThread(t, func() {
			thread := Lock("test", priority)
			defer thread.End()
			grant := thread.Grant()
			attr, err := unix.SchedGetAttr(0, 0)
			if err != nil {
				t.Errorf("reading the thread's policy: %v", err)
				return
			}
			if gotFIFO := attr.Policy == unix.SCHED_FIFO; gotFIFO != grant.RealTime() || int(attr.Priority) != grant.Priority {
				t.Errorf("Lock(%d) = %+v, but the kernel says policy %d priority %d", priority, grant, attr.Policy, attr.Priority)
			}
			if grant.RealTime() && attr.Flags&unix.SCHED_FLAG_RESET_ON_FORK == 0 {
				t.Errorf("Lock(%d): SCHED_FIFO without RESET_ON_FORK", priority)
			}
			if !grant.RealTime() && grant.Why == "" {
				t.Errorf("Lock(%d) = %+v does not say why", priority, grant)
			}
			if slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err == nil && slack > 1 && !grant.RealTime() {
				t.Errorf("Lock(%d): timer slack is %d ns, want at most 1", priority, slack)
			}
		})
	}
}

func TestLockIsRefusedWithAReasonWithoutPrivilege(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give up the privilege on one thread")
	}
	onThread(t, func() {
		Lock("test", 0).End()
		// Drops the thread's effective capabilities only; the thread ends with
		// this goroutine.
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			t.Errorf("dropping capabilities: %v", err)
			return
		}
		if rtprioLimit() > 0 {
			return // the limit alone allows it here
		}
		thread := Lock("test", 10)
		defer thread.End()
		grant := thread.Grant()
		if grant.RealTime() || !strings.Contains(grant.Why, "RLIMIT_RTPRIO is 0") {
			t.Errorf("Lock(10) without privilege = %+v, want SCHED_OTHER and the limit named", grant)
		}
	})
}

func TestNewThreadsDoNotInheritThePriority(t *testing.T) {
	onThread(t, func() {
		thread := Lock("test", 10)
		defer thread.End()
		if !thread.Grant().RealTime() {
			return
		}
		onThread(t, func() {
			attr, err := unix.SchedGetAttr(0, 0)
			if err != nil || attr.Policy == unix.SCHED_FIFO {
				t.Errorf("a thread born of a real-time one has policy %d, err %v; want SCHED_OTHER", attr.Policy, err)
			}
		})
	})
}

func TestSleepUntilIsNeverEarly(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 50 * time.Microsecond, 3 * time.Millisecond} {
		target := Now().Add(d)
		SleepUntil(target)
		if now := Now(); now < target {
			t.Errorf("SleepUntil(%v ahead) returned %v early", d, target.Sub(now))
		}
	}
	SleepUntil(0)
	SleepUntil(aes67.MonoTime(-5))
}

// Whoever takes real time away may leave the thread a long timer slack.
func TestAThreadThatWakesLateShortensItsSlack(t *testing.T) {
	onThread(t, func() {
		thread := Lock("test", 0)
		defer thread.End()
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(100*time.Millisecond), 0, 0, 0); err != nil {
			t.Error(err)
		}
		for timerSlack() > 1 { // now and then another timer wakes it in time
			thread.SleepUntil(Now().Add(time.Millisecond))
		}
	})
}

func TestClockDoesNotAllocate(t *testing.T) {
	var last aes67.MonoTime
	var lastRaw aes67.RawTime
	var thread Thread
	if n := testing.AllocsPerRun(1000, func() {
		now, raw := Now(), Raw()
		if now < last || raw < lastRaw {
			t.Fatalf("a clock ran back: by %v, by %v", last.Sub(now), lastRaw.Sub(raw))
		}
		last, lastRaw = now, raw
		thread.SleepUntil(now)
	}); n != 0 {
		t.Fatalf("Now, Raw and SleepUntil allocate %v times, want 0", n)
	}
}
