package pulse

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

// TestTheRateFollowsInSilence plays programs and sees when, and to what, the rate turns.
func TestTheRateFollowsInSilence(t *testing.T) {
	const music, film, hires = aes67.Hz(44100), aes67.Hz(48000), aes67.Hz(96000)
	type span struct {
		lasts time.Duration
		plays []aes67.Hz
		turns aes67.Hz // at its end; 0: not
	}
	none := []aes67.Hz(nil)
	for _, c := range []struct {
		name  string
		spans []span
	}{
		{"an album, and a film after it", []span{
			{time.Minute, []aes67.Hz{music}, 0},
			{restFor, none, music},
			{time.Minute, []aes67.Hz{music}, 0},
			{time.Minute, none, 0},
			{time.Hour, []aes67.Hz{film}, 0},
			{restFor, none, film},
		}},
		{"the pause between two pieces", []span{
			{time.Minute, []aes67.Hz{music}, 0},
			{restFor - 1, none, 0},
			{time.Minute, []aes67.Hz{film}, 0},
			{restFor, none, 0}, // the film's is the usual one
		}},
		{"a sound of the desktop", []span{{heardFor - 1, []aes67.Hz{music}, 0}, {time.Minute, none, 0}}},
		{"a sound of the desktop over music", []span{
			{time.Minute, []aes67.Hz{music}, 0},
			{time.Second, []aes67.Hz{music, film}, 0},
			{time.Second, []aes67.Hz{music}, 0},
			{restFor, none, music},
		}},
		{"two players of one rate", []span{{heardFor, []aes67.Hz{music, music}, 0}, {restFor, none, music}}},
		{"two rates at once tell nothing", []span{{time.Hour, []aes67.Hz{music, film}, 0}, {time.Minute, none, 0}}},
		{"a rate that is not ours is taken at the usual one", []span{
			{time.Minute, []aes67.Hz{music}, 0},
			{restFor, none, music},
			{time.Minute, []aes67.Hz{hires}, 0},
			{restFor, none, film},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, at := newFollow([]aes67.Hz{film, music}), aes67.MonoTime(0)
			for i, s := range c.spans {
				f.saw(at, s.plays)
				at = at.Add(s.lasts)
				f.look(at)
				rate, due := f.due(at)
				if !due {
					rate = 0
				}
				if rate != s.turns {
					t.Fatalf("span %d: turns to %d, want %d", i, rate, s.turns)
				}
				if due {
					f.turned(rate, true)
					if _, again := f.due(at.Add(time.Hour)); again {
						t.Fatalf("span %d: it would turn again", i)
					}
				}
			}
		})
	}
}

// TestARefusedRateWaitsToBeHeardAgain: the server is not asked again and again.
func TestARefusedRateWaitsToBeHeardAgain(t *testing.T) {
	f, at := newFollow([]aes67.Hz{48000, 44100}), aes67.MonoTime(0)
	hear := func() (rate aes67.Hz, due bool) {
		f.saw(at, []aes67.Hz{44100})
		at = at.Add(time.Minute)
		f.saw(at, nil)
		at = at.Add(restFor)
		return f.due(at)
	}
	if rate, due := hear(); rate != 44100 || !due {
		t.Fatalf("%d, %v", rate, due)
	}
	f.turned(48000, false)
	if _, due := f.due(at.Add(time.Hour)); due || !f.refused {
		t.Errorf("due again without having been heard, or not refused: %+v", f)
	}
	if rate, due := hear(); rate != 44100 || !due {
		t.Fatalf("not asked for again: %d, %v", rate, due)
	}
	f.turned(44100, false) // a program began meanwhile
	if rate, due := f.due(at.Add(time.Hour)); rate != 48000 || !due {
		t.Errorf("a recording at a refused rate goes back to %d, %v", rate, due)
	}
}

// TestATurnThatWasInterruptedIsTriedAfterAnotherSilence, and not at once, time and again.
func TestATurnThatWasInterruptedIsTriedAfterAnotherSilence(t *testing.T) {
	f, at := newFollow([]aes67.Hz{48000, 44100}), aes67.MonoTime(0)
	f.saw(at, []aes67.Hz{44100})
	at = at.Add(time.Minute)
	f.saw(at, nil)
	at = at.Add(restFor)
	f.turned(48000, false)
	f.again(at, 44100)
	if _, due := f.due(at.Add(restFor - 1)); due {
		t.Error("due at once")
	}
	if rate, due := f.due(at.Add(restFor)); rate != 44100 || !due || f.refused {
		t.Errorf("%d, %v, refused %v", rate, due, f.refused)
	}
}
