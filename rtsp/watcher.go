package rtsp

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/sdp"
)

const (
	// maxTargets bounds the foreign sessions that are watched.
	maxTargets = 128
	// The wait before a server that is gone is asked again, and its limit.
	firstPause, lastPause = 2 * time.Second, time.Minute
)

// Target is a session that DNS-SD has found.
type Target struct {
	Name    string // its DNS-SD instance name
	Index   int    // the interface it was found on
	Address netip.AddrPort
}

// Found is a session with its description.
type Found struct {
	Target
	Description sdp.Description
	Text        string
	At          aes67.MonoTime // when it was last told
}

// WatcherConfig is what a Watcher needs to know.
type WatcherConfig struct {
	Now func() aes67.MonoTime // CLOCK_MONOTONIC
	// Near reports whether an address may be asked now; nil: each may. Anybody can
	// announce any.
	Near  func(Target) bool
	dial  func(ctx context.Context, t Target) (net.Conn, error)
	again time.Duration // 0: askAgain
}

// errFar is why a server is not asked.
var errFar = errors.New("not on the interface's network")

// Watcher keeps the descriptions of foreign sessions: it fetches each, and asks
// again every few minutes. Its methods may be called from anywhere, also before Run.
type Watcher struct {
	cfg     WatcherConfig
	log     zerolog.Logger
	wake    chan struct{}
	changed chan struct{}

	mu      sync.Mutex
	targets []Target
	found   map[Target]Found
	running map[Target]context.CancelFunc // those that Run has begun to watch
}

// NewWatcher makes a watcher that does nothing until Run.
func NewWatcher(cfg WatcherConfig, log zerolog.Logger) *Watcher {
	if cfg.Near == nil {
		cfg.Near = func(Target) bool { return true }
	}
	if cfg.dial == nil {
		cfg.dial = dial
	}
	if cfg.again == 0 {
		cfg.again = askAgain
	}
	return &Watcher{
		cfg: cfg, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		found: map[Target]Found{}, running: map[Target]context.CancelFunc{},
	}
}

// Watch sets the sessions to watch: all of them, each time. Those beyond a
// bound are not watched. One that is left out and comes back is asked anew, at once.
func (w *Watcher) Watch(targets []Target) {
	targets = slices.Clone(targets)
	slices.SortFunc(targets, compareTargets)
	targets = slices.Compact(targets)
	if extra := len(targets) - maxTargets; extra > 0 {
		w.log.Debug().Int("sessions", extra).Msg("too many RAVENNA sessions, some are not looked at")
		targets = targets[:maxTargets]
	}
	w.mu.Lock()
	w.targets = targets
	lost := false
	for target := range w.found {
		if !slices.Contains(targets, target) {
			delete(w.found, target)
			lost = true
		}
	}
	w.unwatch(targets)
	w.mu.Unlock()
	if lost {
		wake.Signal(w.changed)
	}
	wake.Signal(w.wake)
}

// unwatch ends the watching of all but some; mu is held.
func (w *Watcher) unwatch(but []Target) {
	for target, stop := range w.running {
		if !slices.Contains(but, target) {
			stop()
			delete(w.running, target)
		}
	}
}

func compareTargets(a, b Target) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Index, b.Index), a.Address.Compare(b.Address))
}

// Found returns the sessions whose description is known, in a fixed order.
func (w *Watcher) Found() []Found {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Found, 0, len(w.found))
	for _, f := range w.found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Found) int { return compareTargets(a.Target, b.Target) })
	return out
}

// Changed is woken when a description came, changed or went.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Run watches until ctx is done and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.unwatch(nil)
	}()
	for {
		w.begin(ctx, &watching)
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
	}
}

// begin watches what is wanted and is not watched yet.
func (w *Watcher) begin(ctx context.Context, watching *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, target := range w.targets {
		if _, known := w.running[target]; known {
			continue
		}
		one, stop := context.WithCancel(ctx)
		w.running[target] = stop
		watching.Go(func() { w.watch(one, target) })
	}
}

// watch keeps one description until ctx is done.
func (w *Watcher) watch(ctx context.Context, t Target) {
	defer func() {
		if p := recover(); p != nil { // a broken invariant of ours costs this session alone
			w.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("internal error")
		}
	}()
	wait := firstPause
	for ctx.Err() == nil {
		pause := w.cfg.again
		if err := w.fetch(ctx, t); err == nil {
			wait = firstPause
		} else {
			w.log.Debug().Err(err).Str("session", t.Name).Stringer("address", t.Address).Float64("retry_s", wait.Seconds()).
				Msg("RAVENNA session not described")
			pause = wait
			wait = min(2*wait, lastPause)
		}
		// Spread, so that the receivers of a sender that restarts do not all ask
		// it at once.
		wake.Pause(ctx, pause/2+time.Duration(rand.Int64N(int64(pause))))
	}
}

// fetch asks for one description.
func (w *Watcher) fetch(ctx context.Context, t Target) error {
	if !w.cfg.Near(t) {
		return errFar
	}
	nc, err := w.cfg.dial(ctx, t)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	defer func() { _ = nc.Close() }()
	return newClient(nc, t).run(func(text []byte) error {
		d, err := sdp.Parse(text)
		if err != nil {
			return err
		}
		w.keep(Found{Target: t, Description: d, Text: string(text), At: w.cfg.Now()})
		return nil
	})
}

// keep notes a description, unless it is no longer wanted.
func (w *Watcher) keep(f Found) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.targets, f.Target) {
		return
	}
	changed := w.found[f.Target].Text != f.Text
	w.found[f.Target] = f
	if changed {
		wake.Signal(w.changed)
	}
}
