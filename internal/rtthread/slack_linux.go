package rtthread

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Relax gives the Go runtime's monitor thread a timer slack (prctl(2),
// PR_SET_TIMERSLACK): so much later its sleeps may end than asked for. Without privileges only a
// thread itself can set its own, and that thread runs nobody's code; but slack is inherited, and
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
		err := setSlack(usualSlack) // before the first lock, which starts the thread that starts others
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err = cmp.Or(err, tightenOthers(runtime.NumCPU()+spareThreads))
		monitorRelaxed.Store(true)
		_ = os.Unsetenv(relaxed) // not for a program that this one starts
		if err != nil {
			return fmt.Errorf("timer slack %v: %w", usualSlack, err)
		}
		return nil
	}
	runtime.LockOSThread() // what exec keeps is the calling thread's
	defer runtime.UnlockOSThread()
	err := startAnew(slack)
	_ = setSlack(usualSlack) // this thread, and those that it starts
	return err
}

// startAnew replaces the program by itself with the slack; it returns only if that fails.
func startAnew(slack time.Duration) error {
	if err := setSlack(slack); err != nil {
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

// spareThreads are those that a program comes to have beside one for each processor: of
// goroutines that are tied to theirs, and of system calls.
const spareThreads = 12

// reserveThreads are to rest whenever one is tied to a goroutine, and when one ends with that.
const reserveThreads = 3

// monitorRelaxed is true in a program that has called Relax.
var monitorRelaxed atomic.Bool

// keepReserve does not wait.
func keepReserve() {
	if monitorRelaxed.Load() {
		go func() { _ = tightenOthers(reserveThreads) }()
	}
}

// setSlack gives the calling thread a timer slack. It is a raw call, after which the goroutine
// is on the same thread still.
func setSlack(slack time.Duration) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(slack), 0); errno != 0 {
		return errno
	}
	return nil
}

// tightenOthers gives the usual slack to so many threads that are tied to no goroutine and
// rest: goroutines are tied to one each until the last of them is. So it starts those that
// are missing, too: the monitor would start one later and hand its own slack on.
func tightenOthers(count int) error {
	var tied sync.WaitGroup
	release := make(chan struct{})
	failures := make([]error, count)
	for i := range failures {
		tied.Add(1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			failures[i] = setSlack(usualSlack)
			tied.Done()
			<-release
		}()
	}
	tied.Wait()
	close(release)
	return cmp.Or(failures...)
}

// relaxed marks, in the environment, a program that was replaced already.
const relaxed = "AES67_SINK_RELAXED"

// timerSlack returns that of the calling thread, 0 if it is not known. It is a raw call, as
// setSlack's.
func timerSlack() time.Duration {
	slack, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_TIMERSLACK, 0, 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(slack)
}
