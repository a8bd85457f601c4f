package rtthread

import (
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// Now reads CLOCK_MONOTONIC.
func Now() aes67.MonoTime {
	var ts unix.Timespec
	// It cannot fail: the clock exists on every Linux and ts is ours.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return aes67.MonoTime(ts.Nano())
}

// SleepUntil blocks the calling thread until t. An instant that has passed
// returns at once; it never returns early.
func SleepUntil(t aes67.MonoTime) {
	if t <= 0 {
		return // before the clock began: the kernel would refuse it
	}
	request := unix.NsecToTimespec(int64(t))
	// The runtime preempts threads with a signal, so EINTR is ordinary; the
	// request is absolute and is simply made again.
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &request, nil) == unix.EINTR {
	}
}
