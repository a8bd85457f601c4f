package rtthread

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// sleptAtLeast tells a suspend from the time between two readings of two clocks.
const sleptAtLeast = 10 * time.Millisecond

// suspends sees suspends of the computer: CLOCK_BOOTTIME goes on meanwhile,
// CLOCK_MONOTONIC does not (clock_gettime(2)). Pure.
type suspends struct{ slept time.Duration }

// happened reports whether there was one since it was last asked.
func (s *suspends) happened(boot, mono aes67.MonoTime) bool {
	slept := boot.Sub(mono)
	grown := slept - s.slept
	s.slept = slept
	return grown > sleptAtLeast
}

func (s *suspends) look() bool {
	var boot unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) // it cannot fail: the clock exists on every Linux
	return s.happened(aes67.MonoTime(boot.Nano()), Now())
}

// watchResumes signals each resume of the computer until ctx is done. A timer of
// CLOCK_REALTIME that ends when that clock jumps (timerfd_create(2),
// TFD_TIMER_CANCEL_ON_SET) ends with each resume too.
func watchResumes(ctx context.Context, resumed chan<- struct{}) {
	timer, err := jumpTimer()
	if err != nil {
		<-ctx.Done() // the look each minute remains
		return
	}
	defer context.AfterFunc(ctx, func() { _ = timer.Close() })()
	defer func() { _ = timer.Close() }()
	var s suspends
	s.look()
	for ended := make([]byte, 8); ; {
		if _, err := timer.Read(ended); err != nil && !errors.Is(err, unix.ECANCELED) {
			return
		}
		if s.look() {
			select {
			case resumed <- struct{}{}:
			default: // told already
			}
		}
	}
}

// jumpTimer makes that timer. Each read waits for a jump, and fails with ECANCELED then.
func jumpTimer() (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	never := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 33}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "timer of CLOCK_REALTIME"), nil
}
