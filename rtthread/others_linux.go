package rtthread

import (
	"fmt"
	"os"
	"strconv"

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
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("threads of the program: %w", err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := lift(tid); err != nil {
			return err
		}
	}
	return nil
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
