package rtthread

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Relax gives the Go runtime's monitor thread a timer slack (prctl(2),
// PR_SET_TIMERSLACK): so much later its sleeps may end than asked for. Only a thread
// itself can set its own, and that thread runs nobody's code; but slack is inherited, and
// it is started before the program's first line. So, unless the slack is there already,
// the program replaces itself by itself and does not return; then all other threads
// get the kernel's usual slack again. To be called first of all.
//
// Why: the runtime's monitor thread (sysmon in runtime/proc.go) takes the
// processor of a goroutine that has been tied to it for 10 ms while it is in a system
// call, and after each such success sleeps for 20 µs only. The sender's goroutine is
// always so long there, so that thread would wake up thousands of times a second.
//
// Why no other thread: one that looks for work sleeps for 3 µs now and then while it has one of
// the scheduler's processors (runqgrab in runtime/proc.go). With slack a collection, which
// waits for all of these, kept the sender from going on for up to 5 ms.
func Relax(slack time.Duration) error {
	if timerSlack() >= slack {
		return tightenOthers()
	}
	runtime.LockOSThread() // what exec keeps is the calling thread's
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack %v: %w", slack, err)
	}
	if now := timerSlack(); now < slack { // a real-time thread has none
		return fmt.Errorf("timer slack %v: the kernel makes it %v", slack, now)
	}
	if os.Getenv(relaxed) != "" { // a sandbox does not let it last: once is enough
		return fmt.Errorf("timer slack %v: did not outlast a new start", slack)
	}
	program, err := os.Executable()
	if err == nil {
		err = unix.Exec(program, os.Args, append(os.Environ(), relaxed+"=1"))
	}
	return fmt.Errorf("timer slack %v: starting anew: %w", slack, err)
}

// usualSlack is what the kernel gives to programs (init_task in Linux, init/init_task.c).
const usualSlack = 50 * time.Microsecond

// enoughThreads is how many threads a bridge that plays comes to have.
const enoughThreads = 14

// tightenOthers gives the usual slack to all threads but the monitor, which runs no
// goroutine: as many goroutines as there are ever to be threads are tied to one each until
// the last of them is. So it starts those that are missing, too; one that the monitor
// started later would inherit the slack of that.
func tightenOthers() error {
	tighten := func() error { return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(usualSlack), 0, 0, 0) }
	err := tighten() // before the thread that the first lock starts, and that starts others
	var tied sync.WaitGroup
	release := make(chan struct{})
	failures := make([]error, enoughThreads)
	for i := range failures {
		tied.Add(1)
		go func() {
			_ = tighten()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			failures[i] = tighten()
			tied.Done()
			<-release
		}()
	}
	tied.Wait()
	close(release)
	if err = errors.Join(append(failures, err)...); err != nil {
		return fmt.Errorf("timer slack %v for all threads but the runtime's monitor: %w", usualSlack, err)
	}
	return nil
}

// relaxed marks, in the environment, a program that was replaced already.
const relaxed = "AES67_SINK_RELAXED"

// timerSlack returns that of the calling thread, 0 if it is not known.
func timerSlack() time.Duration {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(slack)
}
