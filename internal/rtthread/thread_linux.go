package rtthread

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// The scheduling policies that a Grant names.
const (
	PolicyFIFO  = "SCHED_FIFO"
	PolicyRR    = "SCHED_RR" // what RealtimeKit gives
	PolicyOther = "SCHED_OTHER"
)

// Grant is what a thread has.
type Grant struct {
	Policy   string
	Priority int    // 1 to 99 with a real-time policy, else 0
	By       string // who gave it, if not the kernel by itself: "RealtimeKit"
	Why      string // why it is less than was asked for; empty if it is not
	Lost     bool   // it was more, until somebody took it away
}

// RealTime reports whether the thread runs ahead of all ordinary ones.
func (g Grant) RealTime() bool { return g.Policy == PolicyFIFO || g.Policy == PolicyRR }

// Thread is the thread of a goroutine that must not be late.
type Thread struct {
	name     string
	tid      int
	priority int // as asked for, 1 to 99; 0: none
	grant    atomic.Pointer[Grant]

	asking asking // of Keep
}

// Lock ties the calling goroutine to its thread and asks the kernel for SCHED_FIFO
// at the given priority (1 to 99; less asks for nothing). It does not wait: where
// the kernel refuses, Keep asks RealtimeKit for SCHED_RR, from another thread. The
// goroutine should end without unlocking, so that its thread ends with it, and
// call End before.
func Lock(name string, priority int) *Thread {
	runtime.LockOSThread()
	t := &Thread{name: name, tid: unix.Gettid(), priority: max(0, min(priority, 99))}
	slackErr := shortenSlack()
	switch {
	case t.priority == 0:
		t.set(ordinary("real-time priority was not asked for", slackErr))
	case GivenBack(): // and Grant says so
		t.set(Grant{Policy: PolicyOther})
	default:
		granted, err := request(t.tid, t.priority)
		if err != nil {
			t.set(ordinary(refusal(t.priority, err), slackErr))
			break
		}
		grant := Grant{Policy: PolicyFIFO, Priority: granted}
		if granted < t.priority {
			grant.Why = fmt.Sprintf("priority %d: limited to %d by RLIMIT_RTPRIO", t.priority, granted)
		}
		t.asking.granted(Now())
		t.set(grant)
	}
	kept.add(t)
	keepReserve()
	return t
}

// End says that the thread is about to end.
func (t *Thread) End() {
	kept.remove(t)
	keepReserve()
}

// Name is the one that Lock was given.
func (t *Thread) Name() string { return t.name }

// Grant is what the thread has, as far as it is known: Keep looks once a minute.
func (t *Thread) Grant() Grant {
	g := *t.grant.Load()
	if t.priority > 0 && !g.RealTime() && GivenBack() {
		return Grant{Policy: PolicyOther, Lost: true, Why: ranTooLong}
	}
	return g
}

func (t *Thread) set(g Grant) { t.grant.Store(&g) }

// lateSlack is a wake-up so late that the timer slack may be the cause.
const lateSlack = 200 * time.Microsecond

// SleepUntil is for the thread itself. It blocks until at, never less.
func (t *Thread) SleepUntil(at aes67.MonoTime) {
	SleepUntil(at)
	// Whoever takes a thread's real-time priority away makes its timer slack that of
	// its parent, since Linux 6.12; and no one but itself may shorten it.
	if Now().Sub(at) > lateSlack {
		_ = shortenSlack() // it was possible before
	}
}

// shortenSlack lets the calling thread's sleeps end when they should: timer slack,
// 50 µs by default (prctl(2)), may stretch those of an ordinary thread; 1 ns is the
// least. Real-time threads have none.
func shortenSlack() error { return setSlack(1) }

// request asks for priority, or for what RLIMIT_RTPRIO leaves of it.
func request(tid, priority int) (granted int, err error) {
	err = setFIFO(tid, priority)
	if !errors.Is(err, unix.EPERM) {
		return priority, err
	}
	limit := int(rtprioLimit())
	if limit < 1 || limit >= priority {
		return 0, err
	}
	return limit, setFIFO(tid, limit)
}

func setFIFO(tid, priority int) error {
	return unix.SchedSetAttr(tid, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_FIFO,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: uint32(priority),
	}, 0)
}

// setOrdinary takes a thread's priority away. An ordinary user may neither clear
// RESET_ON_FORK, which both ways to real time set, nor lower the niceness
// (sched_setattr(2)), so the thread gets back the one that it was started with.
func setOrdinary(tid int) error {
	niceness := 0
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil {
		niceness = 20 - raw // as the system call returns it (getpriority(2), Notes)
	}
	return unix.SchedSetAttr(tid, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Nice: int32(niceness),
	}, 0)
}

// rtprioLimit returns the soft RLIMIT_RTPRIO, at most 99.
func rtprioLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTPRIO, &limit); err != nil {
		return 0
	}
	return min(limit.Cur, 99)
}

func ordinary(why string, slackErr error) Grant {
	if slackErr != nil {
		why += fmt.Sprintf("; timer slack stays: %v", slackErr)
	}
	return Grant{Policy: PolicyOther, Why: why}
}

func refusal(priority int, err error) string {
	if errors.Is(err, unix.EPERM) {
		if limit := rtprioLimit(); limit > 0 {
			// With a limit, only a control group without real-time budget or a
			// seccomp filter can still refuse (sched(7), cgroup v1 cpu).
			return fmt.Sprintf("SCHED_FIFO %d: %v although RLIMIT_RTPRIO is %d: the control group or a sandbox forbids it", priority, err, limit)
		}
		return fmt.Sprintf("SCHED_FIFO %d: %v: RLIMIT_RTPRIO is 0 for this user", priority, err)
	}
	return fmt.Sprintf("SCHED_FIFO %d: %v", priority, err)
}
