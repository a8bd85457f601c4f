package state

import (
	"context"
	"sync"

	"aes67-sink/internal/wake"
)

// Keeper saves in the background: a busy disk may take seconds, and whoever has
// something to be kept shall not wait for it. Only the latest is saved.
type Keeper[T any] struct {
	File[T]
	failed func(error) // called from any goroutine

	changed chan struct{}
	writing sync.Mutex // one writer at a time
	mu      sync.Mutex
	pending *T
}

// NewKeeper makes a keeper; Run and Flush write. failed is told what could not be
// written.
func NewKeeper[T any](path string, failed func(error)) *Keeper[T] {
	return &Keeper[T]{File: File[T]{path}, failed: failed, changed: make(chan struct{}, 1)}
}

// Save has a value written soon; it does not wait.
func (k *Keeper[T]) Save(value T) {
	k.mu.Lock()
	k.pending = &value
	k.mu.Unlock()
	wake.Signal(k.changed)
}

// Run writes until ctx is done. What is saved later is written by Flush.
func (k *Keeper[T]) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
			k.Flush()
		}
	}
}

// Flush writes what is not written yet, and returns when it is.
func (k *Keeper[T]) Flush() {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	value := k.pending
	k.pending = nil
	k.mu.Unlock()
	if value == nil {
		return
	}
	if err := k.File.Save(*value); err != nil {
		k.failed(err)
	}
}
