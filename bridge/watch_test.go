package bridge

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

// Each arrow of the drawing in watch.go, and each state that stays.
func TestWatch(t *testing.T) {
	good := watchInput{place: true, comes: true, enough: true, primed: true, silent: true, since: time.Millisecond, patient: 70 * time.Millisecond}
	but := func(change func(*watchInput)) watchInput {
		in := good
		change(&in)
		return in
	}
	reading, sounding := watchOutput{read: true}, watchOutput{read: true, open: true}
	tests := []struct {
		name string
		from watchState
		in   watchInput
		to   watchState
		out  watchOutput
	}{
		{"a place to begin", stateFilling, good, statePriming, watchOutput{begin: true, read: true}},
		{"no place yet", stateFilling, but(func(in *watchInput) { in.place = false }), stateFilling, watchOutput{}},
		{"primed", statePriming, good, statePlaying, sounding},
		{"not primed yet", statePriming, but(func(in *watchInput) { in.primed = false }), statePriming, reading},
		{"a frame is missing while priming", statePriming, but(func(in *watchInput) { in.enough = false }), stateFilling, watchOutput{stop: true}},
		{"lost while priming", statePriming, but(func(in *watchInput) { in.lost = true }), stateFilling, watchOutput{stop: true}},
		{"all well", statePlaying, good, statePlaying, sounding},
		{"a frame is missing", statePlaying, but(func(in *watchInput) { in.enough = false }), stateFading, watchOutput{read: true, starve: true}},
		{"lost", statePlaying, but(func(in *watchInput) { in.lost = true }), stateFading, reading},
		{"the fade is not over", stateFading, but(func(in *watchInput) { in.silent, in.enough = false, false }), stateFading, reading},
		{"the fade is not over, all is there again", stateFading, but(func(in *watchInput) { in.silent = false }), stateFading, reading},
		{"the fade is over", stateFading, good, stateFilling, watchOutput{stop: true}},
	}
	for _, test := range tests {
		w := watch{state: test.from}
		if out := w.next(test.in); out != test.out || w.state != test.to {
			t.Errorf("%s: state %d and %+v, want %d and %+v", test.name, w.state, out, test.to, test.out)
		}
	}
}

// Messages that come and never find a place are no reason to wait for ever.
func TestWatchLosesPatience(t *testing.T) {
	in := watchInput{comes: true, silent: true, since: time.Millisecond, patient: 70 * time.Millisecond}
	var w watch
	var did []string
	for i := range 300 {
		switch out := w.next(in); {
		case out.relocate:
			did = append(did, "relocate")
		case out.refill:
			did = append(did, "refill")
		case out != watchOutput{}:
			t.Fatalf("pull %d: %+v", i, out)
		}
	}
	if want := []string{"relocate", "relocate", "refill", "relocate"}; len(did) != len(want) || did[2] != want[2] || did[0] != want[0] {
		t.Errorf("in 300 ms: %v, want %v", did, want)
	}
	in.comes = false // nothing comes: there is nothing to be done
	for range 1000 {
		if out := w.next(in); out != (watchOutput{}) {
			t.Fatalf("while nothing comes: %+v", out)
		}
	}
	// A beginning that breaks off at once, again and again, counts as no place.
	in.comes, in.place, in.primed = true, true, false
	w, did = watch{}, nil
	for range 300 {
		if out := w.next(in); out.relocate || out.refill {
			did = append(did, "moved")
		}
		in.place, in.enough = !in.place, in.place
	}
	if len(did) == 0 {
		t.Error("beginnings in vain, for ever")
	}
}

// A short last piece belongs to its cycle, also where a busy machine lets it wait.
func TestPiecesOfACycleAreOne(t *testing.T) {
	f := newFeed(1, 48000, 48000)
	at := aes67.MonoTime(time.Second)
	f.pulled.Store(int64(at))
	for range 50 {
		f.write(make([]float32, 200), at)
		f.write(make([]float32, 40), at.Add(450*time.Microsecond))
		at = at.Add(5 * time.Millisecond)
	}
	if got := f.cycle.Load(); got != 240 {
		t.Errorf("cycles of 200 and 40 frames are taken for %d", got)
	}
}

// The shortest cycles of a graph come one by one, less than a millisecond apart.
func TestShortCyclesAreMeasured(t *testing.T) {
	for _, frames := range []aes67.Frames{32, 48, 64, 128} {
		f := newFeed(1, 48000, 48000)
		at := aes67.MonoTime(time.Second)
		f.pulled.Store(int64(at))
		for range 4 { // of longer ones before, in messages of 256
			for range 32 {
				f.write(make([]float32, 256), at)
			}
			at = at.Add(8192 * time.Second / 48000)
		}
		for range 50 {
			f.write(make([]float32, frames), at)
			at = at.Add(frames.Duration(48000))
		}
		if got := aes67.Frames(f.cycle.Load()); got != frames {
			t.Errorf("cycles of %d frames are taken for %d", frames, got)
		}
	}
}
