package rtthread

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// The scheduling policies that a Grant names.
const (
	PolicyFIFO  = "SCHED_FIFO"
	PolicyRR    = "SCHED_RR" // what RealtimeKit gives
	PolicyOther = "SCHED_OTHER"
)

// Grant is what the kernel gave a thread.
type Grant struct {
	Policy   string
	Priority int    // 1 to 99 with a real-time policy, else 0
	By       string // who gave it, if not the kernel by itself: "RealtimeKit"
	Why      string // why it is less than was asked for; empty if it is not
}

// RealTime reports whether the thread runs ahead of all ordinary ones.
func (g Grant) RealTime() bool { return g.Policy == PolicyFIFO || g.Policy == PolicyRR }

// Lock ties the calling goroutine to its thread and asks for SCHED_FIFO at the
// given priority (1 to 99; less asks for nothing), and where the kernel refuses
// that for RealtimeKit's SCHED_RR. The goroutine should end without unlocking,
// so that its thread ends with it.
func Lock(priority int) Grant {
	runtime.LockOSThread()
	// An ordinary thread's sleeps may be stretched by its timer slack, 50 µs
	// by default (prctl(2)); 1 ns is the least. Real-time threads have none.
	slackErr := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)

	if priority < 1 {
		return ordinary("real-time priority was not asked for", slackErr)
	}
	granted, err := request(min(priority, 99))
	if errors.Is(err, unix.EPERM) {
		grant, kitErr := byKit(min(priority, 99))
		if kitErr == nil {
			return grant
		}
		return ordinary(refusal(priority, err)+"; "+kitErr.Error(), slackErr)
	}
	if err != nil {
		return ordinary(refusal(priority, err), slackErr)
	}
	grant := Grant{Policy: PolicyFIFO, Priority: granted}
	if granted < priority {
		grant.Why = fmt.Sprintf("priority %d: limited to %d by RLIMIT_RTPRIO", priority, granted)
	}
	return grant
}

// byKit asks RealtimeKit for the calling thread.
func byKit(priority int) (Grant, error) {
	k, err := theKit()
	if err != nil {
		return Grant{}, err
	}
	granted, err := k.realtime(unix.Gettid(), priority)
	if err != nil {
		return Grant{}, err
	}
	grant := Grant{Policy: PolicyRR, Priority: granted, By: "RealtimeKit"}
	if granted < priority {
		grant.Why = fmt.Sprintf("priority %d: RealtimeKit gives %d at most", priority, granted)
	}
	return grant, nil
}

// request asks for priority, or for what RLIMIT_RTPRIO leaves of it.
func request(priority int) (granted int, err error) {
	err = setFIFO(priority)
	if !errors.Is(err, unix.EPERM) {
		return priority, err
	}
	limit := int(rtprioLimit())
	if limit < 1 || limit >= priority {
		return 0, err
	}
	return limit, setFIFO(limit)
}

func setFIFO(priority int) error {
	return unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_FIFO,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: uint32(priority),
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
