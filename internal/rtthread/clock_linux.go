package rtthread

import (
	_ "unsafe" // for linkname

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// Now reads CLOCK_MONOTONIC, without a system call where the kernel offers that
// (vdso(7)).
func Now() aes67.MonoTime { return aes67.MonoTime(nanotime()) }

// nanotime is the runtime's reading of CLOCK_MONOTONIC. Package time shows it as a
// difference only, and unix.ClockGettime makes the system call each time.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Raw reads CLOCK_MONOTONIC_RAW, by a system call. To sleep until an instant of it, read Now first and
// then Raw, and sleep until as much after the former: a thread that was interrupted
// in between wakes up early and may look again, and is not late. Such a pair does not tell a
// later instant: that would be too late by the interruption.
func Raw() aes67.RawTime {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &now) // it cannot fail: the clock exists on every Linux
	return aes67.RawTime(now.Nano())
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
