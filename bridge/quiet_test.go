package bridge

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

// counted is a world in which time passes by itself; it counts the looks.
type counted struct {
	*world
	looks atomic.Int64
}

func (c *counted) Now() aes67.MonoTime { return aes67.MonoTime(time.Now().UnixNano()) }

func (c *counted) Inputs() Inputs {
	c.looks.Add(1)
	return c.world.Inputs()
}

// supervised runs a bridge in simulated time until act returns.
func supervised(t *testing.T, act func(w *counted, b *Bridge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(t)
		c := &counted{world: w}
		b.parts, w.changed, b.rooms.changed = c, make(chan struct{}, 1), make(chan struct{}, 1)
		b.rooms.all[0].changed = b.rooms.changed
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		synctest.Wait()
		act(c, b)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyLooksWhileNothingChanges(t *testing.T) {
	supervised(t, func(w *counted, b *Bridge) {
		<-time.After(time.Hour)
		synctest.Wait()
		if got := w.looks.Load(); got > 2 {
			t.Errorf("%d looks in an hour in which nothing changed", got)
		}
		w.in.Clock.State = ClockHoldover
		wake.Signal(w.changed)
		synctest.Wait()
		if got := b.Snapshot().State; got != Holdover {
			t.Errorf("%v at once after the clock's change, want holdover", got)
		}
	})
}

func TestTheSupervisorWakesByItselfForAFailedSender(t *testing.T) {
	supervised(t, func(w *counted, b *Bridge) {
		w.in.SenderFailed = "socket closed"
		wake.Signal(w.changed)
		synctest.Wait()
		if got := b.Snapshot().State; got != Failed {
			t.Fatalf("%v, want failed", got)
		}
		<-time.After(retryAfter)
		synctest.Wait()
		if got := b.Snapshot().State; got != FillingBuffer {
			t.Errorf("%v %v later, want filling", got, retryAfter)
		}
	})
}

func TestEachPhaseIsSeenAndAFloodOfThemIsNot(t *testing.T) {
	supervised(t, func(w *counted, b *Bridge) {
		b.rooms.all[0].setPhase(Flowing)
		synctest.Wait()
		if got := b.Snapshot().State; got != Sending {
			t.Errorf("%v at once after the phase's change, want sending", got)
		}
		before := w.looks.Load()
		for range 100 { // in a second
			b.rooms.all[0].setPhase(Filling)
			b.rooms.all[0].setPhase(Flowing)
			b.rooms.all[0].setPhase(Filling)
			<-time.After(phaseRest / 5)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if looks := w.looks.Load() - before; looks > 2*(100/5+1) {
			t.Errorf("%d looks in a second of torn sound", looks)
		}
		if got := b.Snapshot().State; got != FillingBuffer {
			t.Errorf("%v when all is over, want filling", got)
		}
	})
}

func TestALookAtWhatHasNotChangedAllocatesNothing(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	if n := testing.AllocsPerRun(100, func() { b.look(w.mono) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
