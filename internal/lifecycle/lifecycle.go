// Package lifecycle runs the parts of a program together and ends them in order.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"
)

// Run runs first and the rest; when ctx is done or one of the rest ends, first
// is ended and then the others. The first error is returned.
func Run(ctx context.Context, log zerolog.Logger, first func(context.Context) error, rest ...func(context.Context) error) error {
	firstCtx, endFirst := context.WithCancelCause(ctx)
	defer endFirst(nil)
	restCtx, endRest := context.WithCancel(context.WithoutCancel(ctx))
	defer endRest()
	var wg sync.WaitGroup
	for _, run := range rest {
		wg.Go(func() {
			err := Guard(func() error { return run(restCtx) }, log)
			if err == nil && restCtx.Err() == nil {
				err = errors.New("a part of the bridge ended by itself; please report it with the log")
			}
			if err != nil {
				endFirst(err)
			}
		})
	}
	err := Guard(func() error { return first(firstCtx) }, log)
	if cause := context.Cause(firstCtx); cause != nil && ctx.Err() == nil {
		err = errors.Join(err, cause)
	}
	endRest()
	wg.Wait()
	return err
}

// Guard turns a panic, a broken invariant of ours, into an error with its
// stack in the log: the other parts can then end in order, with fades.
func Guard(run func() error, log zerolog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("internal error")
			err = fmt.Errorf("internal error: %v; please report it with the log", p)
		}
	}()
	return run()
}
