package volume

import (
	"context"
	"math"
	"slices"
	"time"

	"aes67-sink/internal/wake"
	"aes67-sink/ssc/wire"
)

const (
	// rouseLimit is how long a speaker is asked whether it is awake, and rouseEvery how
	// often: the stream waits no longer (bridge).
	rouseLimit = time.Second
	rouseEvery = 50 * time.Millisecond
)

// asleep reports whether it has gone to sleep: its countdown to that has ended.
func (m *Member) asleep() bool {
	return m.Told.Reachable && !m.Told.Local && m.Sleeps && m.Counts && m.Countdown <= 0
}

// waited reports whether a sound that begins is to wait for it.
func (m *Member) waited() bool { return m.asleep() && !m.vain }

// await tells the stream whether to wait for a speaker; mu is held.
func (p *Pair) await() {
	p.loudness.stream.SetAsleep(slices.ContainsFunc(p.told, func(m Member) bool { return m.waited() }))
}

// rouseAll lets those be woken that are waited for.
func (p *Pair) rouseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, a := range p.asked {
		if p.told[i].waited() {
			wake.Signal(a.rouses)
		}
	}
}

// rouse writes to a speaker that sleeps what it has, that it may sleep: there is no command
// that wakes one, and whether a write does is not verified on hardware.
func (a *asked) rouse(ctx context.Context) {
	if a.rousing != 0 {
		return
	}
	a.rousing = a.now().Add(a.rouseLimit)
	ctx, cancel := context.WithTimeout(ctx, a.rouseLimit)
	defer cancel()
	v, err := a.device.Get(ctx, wire.StandbyEnabled)
	if sleeps, _ := v.Bool(); err == nil && sleeps { // else somebody has ended that
		_, err = a.device.Set(ctx, wire.StandbyEnabled, v)
	}
	if err != nil {
		a.roused(math.NaN())
	}
}

// watch asks one that was roused whether it is awake.
func (a *asked) watch(ctx context.Context) {
	left := a.rousing.Sub(a.now())
	ctx, cancel := context.WithTimeout(ctx, max(rouseEvery, left))
	defer cancel()
	v, err := a.device.Get(ctx, wire.StandbyIn)
	minutes, known := v.Float()
	if err != nil || !known {
		minutes = math.NaN()
	}
	if !(minutes <= 0) || left <= 0 {
		a.roused(minutes)
	}
}

// roused notes how many minutes it has left until it sleeps, NaN: it did not say. One that
// has none, or does not say, is not waited for again until it is awake, for the stream alone
// may wake it.
func (a *asked) roused(minutes float64) {
	a.rousing = 0
	a.log.Info().Str("speaker", a.device.Addr().String()).Float64("countdown_min", minutes).Bool("woken", minutes > 0).Msg("speaker was asleep when a sound began")
	a.mu.Lock()
	defer a.mu.Unlock()
	m := &a.told[a.index]
	if m.vain = !(minutes > 0); !math.IsNaN(minutes) {
		m.Countdown = minutes
	}
	a.await()
	wake.Signal(a.loudness.changed)
}
