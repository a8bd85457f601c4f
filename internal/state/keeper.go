package state

import (
	"context"
	"sync"
	"time"

	"aes67-sink/internal/wake"
)

// Keeper saves in the background: a busy disk may take seconds, and whoever has
// something to be kept shall not wait for it. Only the latest is saved.
type Keeper[T any] struct {
	File[T]
	failed func(error) // called from any goroutine
	told   bool        // of the failure that goes on

	changed chan struct{}
	writing sync.Mutex // one writer at a time; told is its
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

// againAfter is when what could not be written is tried again, and doubles up to
// againMost.
const againAfter, againMost = time.Second, time.Minute

// Run writes until ctx is done. What is saved later is written by Flush.
func (k *Keeper[T]) Run(ctx context.Context) error {
	again, pause := time.NewTimer(againMost), againAfter
	again.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
		case <-again.C:
		}
		if k.Flush() {
			pause = againAfter
			continue
		}
		again.Reset(pause)
		pause = min(2*pause, againMost)
	}
}

// Flush writes what is not written yet, and returns whether all is.
func (k *Keeper[T]) Flush() bool {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	value := k.pending
	k.pending = nil
	k.mu.Unlock()
	if value == nil {
		return true
	}
	err := k.File.Save(*value)
	if err == nil {
		k.told = false
		return true
	}
	if !k.told {
		k.told = true
		k.failed(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil { // else there is a newer one
		k.pending = value
	}
	return false
}
