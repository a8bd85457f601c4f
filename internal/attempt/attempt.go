// Package attempt makes one of many attempts, of which each may crash or never end
// without harm to the others.
package attempt

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// LateError says that an attempt did not end in time.
type LateError struct{ Within time.Duration }

func (e *LateError) Error() string { return fmt.Sprintf("not ready within %v", e.Within) }

// CrashError says that an attempt panicked.
type CrashError struct {
	Cause any
	Stack []byte
}

func (e *CrashError) Error() string { return fmt.Sprintf("internal error: %v\n%s", e.Cause, e.Stack) }

// Do calls f on a goroutine of its own, which it leaves alone when the time is over. The
// error is a LateError, also where ctx ends before, or a CrashError.
func Do[T any](ctx context.Context, within time.Duration, f func(context.Context) T) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	done := make(chan outcome, 1) // whoever is late finds nobody waiting
	go func() {
		var o outcome
		defer func() {
			if cause := recover(); cause != nil {
				o.err = &CrashError{cause, debug.Stack()}
			}
			done <- o
		}()
		o.value = f(ctx)
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done: // at the last moment
		return o.value, o.err
	default:
		var none T
		return none, &LateError{within}
	}
}
