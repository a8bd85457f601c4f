// Package wake is how the edges' loops wait and are woken: a pause that ends
// with its context, and a channel of one element that many may signal.
package wake

import (
	"context"
	"time"
)

// Pause waits for d, but not beyond the end of ctx; it reports whether ctx lasts.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Signal wakes the one that waits for c, now or, where c has room for one, at
// its next look. It never blocks: signals that nobody has seen yet are one.
func Signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
