package rtthread

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// othersPriority is the least there is: enough to run before ordinary programs.
const othersPriority = 1

// LiftOthers gives all threads of the program that have no real-time priority
// the lowest one there is (SCHED_RR 1), and with it all threads that these will
// make. It is to be called before any thread is locked. The program's
// real-time threads depend on them twice over:
//
//   - The Go runtime preempts a goroutine that has not been scheduled anew for
//     10 ms, system calls or not (forcePreemptNS in runtime/proc.go). One that
//     is locked to its thread then waits until another thread of the program has
//     handed it a processor.
//   - The garbage collector stops all threads, and waits for each.
//
// An ordinary thread of a busy machine does either only when the kernel lets
// it, tens of milliseconds later. With two busy loops on two cores the sender
// stood still for 3 to 15 ms eleven times in 30 s; with this, never for more
// than the machine itself did.
//
// Together these threads use a few per cent of one processor.
func LiftOthers() error {
	tids, err := threads()
	for _, tid := range tids {
		if err == nil {
			err = lift(tid)
		}
	}
	return err
}

// threads returns the ids of the program's threads.
func threads() ([]int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("threads of the program: %w", err)
	}
	var tids []int
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// What RealtimeKit is asked for at a time, and at all: it answers 25 requests
// in 20 s and takes 25 threads of a user (rtkit-daemon.c), and the sound server
// wants some of both.
const (
	liftEach   = 10 * time.Second
	liftAtOnce = 4
	liftAtAll  = 12
)

// KeepLifted is for a program that may not lift its threads itself: it asks
// RealtimeKit to make them more urgent than ordinary programs, by niceness. A
// real-time priority of theirs would come with the limit on unbroken running,
// and the Go runtime's threads are not made to keep it. It looks for new threads
// until ctx is done.
func KeepLifted(ctx context.Context) error {
	k, err := theKit()
	if err != nil {
		return err
	}
	tick := time.NewTicker(liftEach)
	defer tick.Stop()
	for lifted := 0; lifted < liftAtAll; {
		tids, err := threads()
		if err != nil {
			return err
		}
		for n := 0; len(tids) > 0 && n < liftAtOnce && lifted < liftAtAll; tids = tids[1:] {
			attr, err := unix.SchedGetAttr(tids[0], 0)
			if err != nil || attr.Policy != unix.SCHED_NORMAL || attr.Nice < 0 {
				continue
			}
			if err := k.highPriority(tids[0]); err != nil {
				return err
			}
			n++
			lifted++
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// givenBack is set once a thread ran for too long.
var givenBack atomic.Bool

// GivenBack reports whether real-time priority was had and given back.
func GivenBack() bool { return givenBack.Load() }

// GiveBackOnOverrun watches for SIGXCPU, which says that a real-time thread has
// run without a pause for as long as it may. Then all threads become ordinary
// ones: late packets are better than a program that is killed. overrun is called
// once. It returns when ctx is done.
func GiveBackOnOverrun(ctx context.Context, overrun func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGXCPU)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		tids, _ := threads() // without /proc nothing was lifted either
		for _, tid := range tids {
			if attr, err := unix.SchedGetAttr(tid, 0); err == nil && attr.Policy != unix.SCHED_NORMAL {
				_ = unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
			}
		}
		if !givenBack.Swap(true) {
			overrun()
		}
	}
}

// lift raises one thread, unless it has real-time priority or has ended.
func lift(tid int) error {
	attr, err := unix.SchedGetAttr(tid, 0)
	if err == nil && attr.Policy == unix.SCHED_NORMAL {
		err = unix.SchedSetAttr(tid, &unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: othersPriority,
		}, 0)
	}
	if err == nil || err == unix.ESRCH {
		return nil
	}
	return fmt.Errorf("SCHED_RR %d for thread %d: %w", othersPriority, tid, err)
}
