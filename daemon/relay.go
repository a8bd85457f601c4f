package daemon

import (
	"context"
	"sync"
	"time"

	"aes67-sink/internal/wake"
)

// relay wakes the parts that look at others when those have changed: nobody
// looks regularly. Each source has one reader, and that is here.
type relay []relayed

// relayed is a source and who is woken by it.
type relayed struct {
	from <-chan struct{} // nil: a part that is not there
	to   []chan<- struct{}
	rest time.Duration // after each wake, in which further changes become one
}

// Run wakes until ctx is done.
func (r relay) Run(ctx context.Context) error {
	var sources sync.WaitGroup
	for _, source := range r {
		sources.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-source.from:
				}
				for _, to := range source.to {
					wake.Signal(to)
				}
				if source.rest > 0 && !wake.Pause(ctx, source.rest) {
					return
				}
			}
		})
	}
	sources.Wait()
	return nil
}
