package rtthread

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Relax gives every thread of the program a timer slack (prctl(2),
// PR_SET_TIMERSLACK): so much later its sleeps may end than asked for. It is
// inherited, and the Go runtime has started threads before the program's first
// line; so, unless the slack is there already, the program replaces itself by
// itself and does not return. To be called first of all.
//
// Why: the runtime's monitor thread (sysmon in runtime/proc.go) takes the
// processor of a goroutine that has been tied to it for 10 ms while it is in a system
// call, and after each such success sleeps for 20 µs only. The sender's goroutine is
// always so long there, so that thread would wake up thousands of times a second.
func Relax(slack time.Duration) error {
	runtime.LockOSThread() // what exec keeps is the calling thread's
	defer runtime.UnlockOSThread()
	if timerSlack() >= slack {
		return nil
	}
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
