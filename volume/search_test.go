package volume

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/speakersim"
	"aes67-sink/speakers"
)

// TestSearch: a speaker that is away for long is looked for ever more seldom, and one that
// comes back is as new.
func TestSearch(t *testing.T) {
	var s search
	var at []time.Duration
	now := aes67.MonoTime(time.Hour)
	begin := now
	for ; now.Sub(begin) < 25*time.Minute; now = now.Add(time.Second) {
		if s.due(now, false) {
			at = append(at, now.Sub(begin))
		}
	}
	want := []time.Duration{5, 15, 35, 75, 155, 315, 615, 915, 1215}
	if len(at) != len(want) {
		t.Fatalf("looked for at %v, want %v s", at, want)
	}
	for i := range want {
		if at[i] != want[i]*time.Second {
			t.Errorf("looked for at %v, want %v s", at, want)
		}
	}
	if s.due(now, true) || s.due(now, false) || !s.due(now.Add(firstSearch), false) {
		t.Error("one that has answered meanwhile is not as new")
	}
}

// TestASpeakerIsFoundAtAnotherAddress, driven there, and remembered; whoever is at its old
// one is not spoken to.
func TestASpeakerIsFoundAtAnotherAddress(t *testing.T) {
	d := newDesktop(t, true)
	stranger := speakersim.New(speakersim.Config{Profile: speakersim.KH120IIAES67, Serial: "7"})
	if err := stranger.Turn("audio/out/level", 94.0); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := stranger.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := d.file.Load()
	if err != nil {
		t.Fatal(err)
	}
	now := []speakers.Found{{Name: "old", Addr: elsewhere}}
	for _, side := range []speakers.Identity{pair.Left, pair.Right} {
		at, err := speakers.ParseAddress(side.Address)
		if err != nil {
			t.Fatal(err)
		}
		now = append(now, speakers.Found{Name: side.Name, Addr: at})
	}
	was := pair.Right.Address
	pair.Right.Address = elsewhere.String() // another speaker has it now
	if err := d.file.Save(pair); err != nil {
		t.Fatal(err)
	}
	var known atomic.Bool
	var looked atomic.Int64
	d.find = func(context.Context) ([]speakers.Found, error) {
		looked.Add(1)
		if known.Load() {
			return now, nil
		}
		return now[:1], nil
	}
	d.loudness.Obey(1, law(-30, false))
	defer d.run(t)()
	eventually(t, "another is told", func() bool {
		all := d.Problems(true, true)
		return len(all) == 1 && strings.Contains(all[0], `"Right" is looked for: at `) && strings.Contains(all[0], "answers another speaker, serial \"7\", not 2; if it was replaced, pair")
	})
	eventually(t, "it is looked for in vain", func() bool { return looked.Load() == 1 })
	known.Store(true)
	eventually(t, "it is driven where it is", func() bool { return d.Moves() && near(d.sims[1].Level(), 54) })
	eventually(t, "its address is remembered", func() bool {
		pair, err := d.file.Load()
		return err == nil && pair.Right.Address == was && pair.Left.Serial == "1"
	})
	if looked.Load() != 2 {
		t.Errorf("looked for %d times, want twice", looked.Load())
	}
	if stranger.Level() != 94 || stranger.Muted() {
		t.Error("another speaker was set")
	}
	if all := d.Problems(true, true); len(all) > 0 {
		t.Errorf("afterwards: %q", all)
	}
	d.Again() // the file has changed, the pair has not
	d.loudness.Obey(2, law(-20, false))
	eventually(t, "it is driven on", func() bool { return near(d.sims[1].Level(), 64) })
}
