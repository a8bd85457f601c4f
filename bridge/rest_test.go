package bridge

import (
	"errors"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestWhenStreamsRest(t *testing.T) {
	const minute = aes67.MonoTime(time.Minute)
	for name, test := range map[string]struct {
		policy  RestPolicy
		now     aes67.MonoTime
		sounded aes67.MonoTime
		rests   bool
		until   aes67.MonoTime
	}{
		"always":                       {RestPolicy{}, minute, never, false, 0},
		"always, long after a sound":   {RestPolicy{}, 1000 * minute, minute, false, 0},
		"before the first sound":       {RestPolicy{true, 20 * time.Minute}, 1000 * minute, never, true, 0},
		"while something sounds":       {RestPolicy{true, 20 * time.Minute}, minute, minute, false, 21 * minute},
		"a moment before it is enough": {RestPolicy{true, 20 * time.Minute}, 21*minute - 1, minute, false, 21 * minute},
		"silent for long enough":       {RestPolicy{true, 20 * time.Minute}, 21 * minute, minute, true, 0},
		"never again":                  {RestPolicy{Rests: true}, 1000 * minute, minute, false, 0},
		"never again, but not before":  {RestPolicy{Rests: true}, minute, never, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rests, until := test.policy.resting(test.now, test.sounded)
			if rests != test.rests || until != test.until {
				t.Errorf("rests %v until %d, want %v until %d", rests, until, test.rests, test.until)
			}
		})
	}
}

func TestStreamsRestAndSoundWakesThem(t *testing.T) {
	w, b := newWorld(t)
	b.rest = RestPolicy{true, time.Minute}
	silence, sound := make([]float32, 512), make([]float32, 512)
	sound[511] = -1e-7
	look := func() (next aes67.MonoTime) { return b.look(w.mono) }

	look()
	w.expect(t, "announce eno1 2") // for receivers to be set up; nothing is sent
	if got := b.Snapshot().State; got != Idle || w.serves {
		t.Errorf("state %v, want idle; our time is needed: %v", got, w.serves)
	}
	b.rooms.all[0].Frames(silence, w.mono)
	if next := look(); next != 0 || len(b.rooms.all[0].Changed()) != 0 {
		t.Errorf("silence wakes the supervisor, next look at %v", next)
	}
	w.mono = w.mono.Add(time.Hour)
	b.rooms.all[0].Frames(sound, w.mono)
	if len(b.rooms.all[0].Changed()) != 1 {
		t.Fatal("a sound wakes nobody")
	}
	<-b.rooms.all[0].Changed()
	if next := look(); next != w.mono.Add(time.Minute) {
		t.Errorf("next look at %v, want in a minute", next.Sub(w.mono))
	}
	w.expect(t, "start eno1 2")
	if !w.serves {
		t.Error("something is sent, and our time is not needed")
	}
	w.mono = w.mono.Add(30 * time.Second)
	b.rooms.all[0].Frames(sound, w.mono)
	w.mono = w.mono.Add(30 * time.Second)
	look()
	w.expect(t) // a sound 30 s ago
	w.mono = w.mono.Add(30 * time.Second)
	look()
	w.expect(t, "stop") // announced all the same
	if got := b.Snapshot(); got.State != Idle || len(got.Sessions) != 2 {
		t.Errorf("snapshot %+v, want idle with its sessions", got)
	}
	w.in.Network.Usable = false
	look()
	w.expect(t, "announce eno1 0")
}

func TestAtRestALostInterfaceEndsTheSessions(t *testing.T) {
	w, b := newWorld(t)
	b.rest = RestPolicy{Rests: true}
	b.look(w.mono)
	w.diary = nil
	w.in.Network.Chosen.Interface.Index++
	b.look(w.mono)
	w.expect(t, "announce eno1 0", "announce eno1 2")
}

func TestAFailedStartAfterARestIsTriedAgain(t *testing.T) {
	w, b := newWorld(t)
	b.rest = RestPolicy{Rests: true}
	b.look(w.mono)
	w.startFail = errors.New("bind: address in use")
	b.rooms.all[0].Frames([]float32{1, 1}, w.mono)
	next := b.look(w.mono)
	if got := b.Snapshot(); got.State != Failed || next == 0 {
		t.Fatalf("%+v, next look at %v; want failed, and another look", got, next)
	}
	w.startFail, w.diary, w.mono = nil, nil, next
	b.look(w.mono)
	w.expect(t, "start eno1 2", "announce eno1 2")
}

func TestWithoutAClockARestIsNoTrouble(t *testing.T) {
	w, b := newWorld(t)
	b.rest = RestPolicy{Rests: true}
	w.in.Clock = ClockInput{}
	b.look(w.mono)
	w.expect(t)
	if got := b.Snapshot(); got.State != Idle || got.Problems != nil {
		t.Errorf("%+v, want idle without a problem", got.Decision)
	}
	b.rooms.all[0].Frames([]float32{1, 1}, w.mono)
	b.look(w.mono)
	if got := b.Snapshot(); got.State != WaitingClock || !w.serves {
		t.Errorf("%+v, want it to wait for the clock, which is needed now: %v", got.Decision, w.serves)
	}
}
