package netif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"

	"aes67-sink/internal/wake"
)

const (
	// settleTime joins the many messages of one change into one look.
	settleTime = 50 * time.Millisecond
	// againAfter is waited after a subscription could not be had.
	againAfter = time.Second
	// queueLength lets messages come in while the watcher looks.
	queueLength = 64
)

// Watcher knows the interfaces of the machine and tells when they change.
type Watcher struct {
	log     zerolog.Logger
	sysfs   string // where the kernel shows network devices
	connect func() (*subscription, error)
	changed chan struct{}

	mu         sync.Mutex
	candidates []Candidate
}

// NewWatcher makes a watcher that knows nothing until Run.
func NewWatcher(log zerolog.Logger) *Watcher {
	return &Watcher{log: log, sysfs: "/sys/class/net", connect: subscribe, changed: make(chan struct{}, 1)}
}

// Candidates returns the interfaces, ordered by index.
func (w *Watcher) Candidates() []Candidate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.candidates)
}

// Changed is woken when Candidates returns something else than before.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Run watches until ctx ends and returns nil. A subscription that is lost, for
// example because more messages came than the kernel keeps (ENOBUFS), is made
// again, and the interfaces are looked at anew.
func (w *Watcher) Run(ctx context.Context) error {
	level := zerolog.WarnLevel // once
	for ctx.Err() == nil {
		if err := w.watch(ctx); ctx.Err() == nil {
			w.log.WithLevel(level).Err(err).Msg("watching the network interfaces was interrupted, starting again")
			level = zerolog.DebugLevel
			wake.Pause(ctx, againAfter)
		}
	}
	return nil
}

// watch looks at the interfaces at the beginning and after each change, until
// ctx ends or a subscription does.
func (w *Watcher) watch(ctx context.Context) error {
	s, err := w.connect()
	defer s.close()
	if err != nil {
		return err
	}
	if err := w.look(); err != nil {
		return err
	}
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	settled.Stop()
	pending := false
	for {
		alive := true
		select {
		case <-ctx.Done():
			return nil
		case <-settled.C:
			pending = false
			if err := w.look(); err != nil {
				return err
			}
			continue
		case _, alive = <-s.links:
		case _, alive = <-s.addrs:
		case _, alive = <-s.routes:
		}
		if !alive {
			return s.lost()
		}
		if !pending {
			pending = true
			settled.Reset(settleTime)
		}
	}
}

// look takes in the interfaces as they are.
func (w *Watcher) look() error {
	candidates, err := list(w.sysfs)
	if err != nil {
		return err
	}
	w.mu.Lock()
	same := slices.EqualFunc(candidates, w.candidates, func(a, b Candidate) bool { return a.equal(&b) })
	w.candidates = candidates
	w.mu.Unlock()
	if same {
		return nil
	}
	w.log.Debug().Int("interfaces", len(candidates)).Msg("network interfaces changed")
	wake.Signal(w.changed)
	return nil
}

// subscription is the kernel's messages about links, addresses and routes.
type subscription struct {
	links  chan netlink.LinkUpdate
	addrs  chan netlink.AddrUpdate
	routes chan netlink.RouteUpdate
	done   chan struct{}
	errs   chan error
}

// subscribe returns a subscription that must be closed even if it failed.
func subscribe() (*subscription, error) {
	s := &subscription{done: make(chan struct{}), errs: make(chan error, 1)}
	failed := func(err error) {
		select {
		case s.errs <- err:
		default:
		}
	}
	links, addrs, routes := make(chan netlink.LinkUpdate, queueLength), make(chan netlink.AddrUpdate, queueLength), make(chan netlink.RouteUpdate, queueLength)
	if err := netlink.LinkSubscribeWithOptions(links, s.done, netlink.LinkSubscribeOptions{ErrorCallback: failed}); err != nil {
		return s, fmt.Errorf("netif: subscribing to links: %w", err)
	}
	s.links = links
	if err := netlink.AddrSubscribeWithOptions(addrs, s.done, netlink.AddrSubscribeOptions{ErrorCallback: failed}); err != nil {
		return s, fmt.Errorf("netif: subscribing to addresses: %w", err)
	}
	s.addrs = addrs
	if err := netlink.RouteSubscribeWithOptions(routes, s.done, netlink.RouteSubscribeOptions{ErrorCallback: failed}); err != nil {
		return s, fmt.Errorf("netif: subscribing to routes: %w", err)
	}
	s.routes = routes
	return s, nil
}

// lost returns why a channel was closed.
func (s *subscription) lost() error {
	select {
	case err := <-s.errs:
		return fmt.Errorf("netif: subscription lost: %w", err)
	default:
		return errors.New("netif: subscription lost")
	}
}

// close ends the subscription. The library's goroutines block for ever on a
// channel that nobody reads, so each is read until its goroutine closes it.
func (s *subscription) close() {
	close(s.done)
	drain(s.links)
	drain(s.addrs)
	drain(s.routes)
}

func drain[T any](c chan T) {
	if c == nil {
		return
	}
	for range c {
		continue // of no interest any more
	}
}
