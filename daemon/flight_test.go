package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/rtthread"
	"aes67-sink/recorder"
)

// flown is a flight recorder in simulated time.
type flown struct {
	*recording
	l recorder.Look
}

func newFlown(t testing.TB, store incidents.Store) *flown {
	t.Helper()
	f := &flown{recording: newRecording(planRecording(config.Default()), store, zerolog.Nop())}
	f.l = recorder.Look{At: time.Date(2026, 11, 29, 20, 14, 0, 0, time.UTC), Raw: 1e12, State: recorder.StateSending}
	return f
}

// fly lets so many looks pass; the first packet is late by so much.
func (f *flown) fly(looks int, late time.Duration) {
	for range looks {
		for range recorder.LookEach / f.plan.Packet {
			f.l.Raw = f.l.Raw.Add(f.plan.Packet)
			woke := f.l.Raw.Add(late)
			f.recorder.Ring.Pulled(1000, 0, 0.5, time.Millisecond, false, false, true)
			f.recorder.Ring.Sent(f.l.Raw, woke, woke.Add(60*time.Microsecond), woke.Add(70*time.Microsecond), false, false)
			late = 0
		}
		f.l.At = f.l.At.Add(recorder.LookEach)
		l := f.l
		f.take(&l)
	}
}

// land ends the recorder, as the program does.
func (f *flown) land(t *testing.T) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := errors.Join(f.run(ended), f.keep(ended)); err != nil { // what waits is written at the end
		t.Fatal(err)
	}
}

func TestAnIncidentIsToldAndKept(t *testing.T) {
	store := incidents.In(filepath.Join(t.TempDir(), "state"))
	f := newFlown(t, store)
	told := &teller{recording: f.recording}
	if told.Incidents() != nil || len(told.Events(0)) != 0 {
		t.Error("something went wrong before it began")
	}
	f.fly(8, 0)
	f.fly(8, 4*time.Millisecond)
	all := told.Incidents()
	if len(all) != 1 || all[0].Cause != recorder.CauseTimer || !strings.HasPrefix(all[0].Sentence, "At 20:14:02 the streams were 4.1 ms late for 1 packet, ") {
		t.Fatalf("%+v", all)
	}
	events := told.Events(0)
	if len(events) != 1 || events[0].Kind != "incident" || events[0].Why != all[0].ID {
		t.Errorf("%+v", events)
	}
	if h := told.History(); len(h.Fast.UnixS) != 16 || slices.Max(h.Fast.Series[recorder.LatenessUS]) != 4060 {
		t.Errorf("%+v", h.Fast)
	}
	if got := told.Points(float64(f.l.At.Unix()) - 1); len(got.UnixS) != 4 {
		t.Errorf("%+v", got)
	}
	f.land(t)
	kept, err := store.List()
	if err != nil || len(kept) != 1 || kept[0].ID != all[0].ID || len(kept[0].Records) < 2900 {
		t.Errorf("%d kept, %v", len(kept), err)
	}
	// The next run knows it.
	again := &teller{recording: newFlown(t, store).recording}
	again.recording.remember()
	if all := again.Incidents(); len(all) != 1 || all[0].ID != kept[0].ID {
		t.Errorf("after a restart: %+v", all)
	}
}

func TestASlowDiskHoldsNothingUp(t *testing.T) {
	f := newFlown(t, incidents.In(t.TempDir()))
	for range savesWaiting + 2 { // nobody writes
		f.fly(20, 4*time.Millisecond)
	}
	if n := len(f.saves); n != savesWaiting || len(f.incidents) != savesWaiting+2 {
		t.Errorf("%d wait, %d are known", n, len(f.incidents))
	}
}

// TestWhatGoesOnIsOneIncident: a storm of ten minutes is told anew as it grows, and
// written whenever it lasts twice as long, and at its end.
func TestWhatGoesOnIsOneIncident(t *testing.T) {
	f := newFlown(t, incidents.In(t.TempDir()))
	told := &teller{recording: f.recording}
	var last *recorder.Kept
	written := 0
	write := func() {
		for ; len(f.saves) > 0; written++ {
			last = <-f.saves
		}
	}
	for range 1200 {
		f.fly(2, 4*time.Millisecond)
		write()
	}
	if written < 5 || written > 7 {
		t.Errorf("written %d times in 10 min, want at 10, 20, 40, …, 320 s", written)
	}
	f.fly(80, 0)
	write()
	all := told.Incidents()
	if len(all) != 1 || !strings.HasSuffix(all[0].Sentence, "; it went on like that for 10m0s") || all[0].DurationMS < 599_000 || len(told.Events(0)) != 1 {
		t.Errorf("%d incidents, %+v", len(all), all)
	}
	if last.ID != all[0].ID || last.Sentence != all[0].Sentence {
		t.Errorf("written last: %s", last.Sentence)
	}
}

// TestTheEndIsExplained: what is not over when the bridge ends is written too, as long
// as it was.
func TestTheEndIsExplained(t *testing.T) {
	store := incidents.In(t.TempDir())
	f := newFlown(t, store)
	f.fly(8, 0)
	f.fly(1, 4*time.Millisecond)
	f.land(t)
	if kept, err := store.List(); err != nil || len(kept) != 1 || kept[0].Cause != recorder.CauseTimer {
		t.Errorf("%d kept, %v", len(kept), err)
	}
}

// TestABrokenRecorderEndsNothing: it is told of once, and holds nobody up.
func TestABrokenRecorderEndsNothing(t *testing.T) {
	f := newFlown(t, incidents.In(t.TempDir()))
	var log strings.Builder
	f.faults = zerolog.New(&log)
	f.recorder = nil
	for range 3 {
		f.guard(func() { f.take(&f.l) })
	}
	if n := strings.Count(log.String(), "internal error"); n != 1 || !f.mu.TryLock() {
		t.Errorf("told of %d times, or locked for ever", n)
	}
}

func TestTheRecorderKnowsTheStates(t *testing.T) {
	for said, state := range map[string]bridge.State{
		recorder.StateIdle: bridge.Idle, recorder.StateWaitingSoundServer: bridge.WaitingSoundServer, recorder.StateWaitingNetwork: bridge.WaitingNetwork,
		recorder.StateFailed: bridge.Failed, recorder.StateFilling: bridge.FillingBuffer, recorder.StateSending: bridge.Sending, recorder.StateHoldover: bridge.Holdover,
	} {
		if said != state.String() {
			t.Errorf("%q is the bridge's %q", said, state)
		}
	}
}

// TestTheThreadsAreFound: what the recorder reads is of the threads that send and
// capture.
func TestTheThreadsAreFound(t *testing.T) {
	f := newFlown(t, incidents.In(t.TempDir()))
	done, found := make(chan struct{}), make(chan struct{})
	for _, name := range []string{senderThread, captureName} {
		go func() {
			thread := rtthread.Lock(name, 0)
			defer thread.End()
			found <- struct{}{}
			<-done
		}()
	}
	defer close(done)
	<-found
	<-found
	var l recorder.Look
	f.sample(&l)
	if l.Policy == "" || f.sender.Read(true) == (recorder.Thread{}) || f.capture.Read(true) == (recorder.Thread{}) {
		t.Errorf("%+v, sender %+v, capture %+v", l, f.sender.Read(true), f.capture.Read(true))
	}
}

// BenchmarkTake is what the recorder does four times a second, with the second's records
// being written: 250 µs are 0.1 % of a core.
func BenchmarkTake(b *testing.B) {
	f := newFlown(b, incidents.In(b.TempDir()))
	b.ReportAllocs()
	for b.Loop() {
		l := f.l
		l.Raw, l.At = l.Raw.Add(recorder.LookEach), l.At.Add(recorder.LookEach)
		for i := range aes67.RawTime(250) {
			f.recorder.Ring.Sent(l.Raw+i*1e6, l.Raw+i*1e6, l.Raw+i*1e6, l.Raw+i*1e6, false, false)
		}
		f.l = l
		f.take(&l)
	}
}
