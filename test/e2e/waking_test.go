package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
)

// TestAPairThatSleepsIsWoken plays to two simulated speakers, awake, asleep, and such that
// do not wake, in streams that are on the wire all the time and in such that rest: what is
// heard first comes when they are awake, a second later at most, and from the present.
func TestAPairThatSleepsIsWoken(t *testing.T) {
	shared(t)
	for when, arguments := range map[string][]string{"always": nil, "playing": {"--set", "stream.when=playing", "--set", "stream.idle-after=2s"}} {
		t.Run(when, func(t *testing.T) {
			if when == "always" && !full {
				t.Skip("the same without a rest before it: LAB_FULL=1")
			}
			shared(t)
			measured(t, func(a *attempt) { wakesThePair(a, newSpeakersDesk(a, "pipewire", arguments...), when == "playing") })
		})
	}
}

func wakesThePair(t *attempt, d *speakersDesk, rests bool) {
	var woke [2]atomic.Int64
	for i, s := range d.sims {
		s.OnWake(func() { woke[i].Store(int64(rtthread.Now())) })
		s.SetWakeTime(400 * time.Millisecond)
	}
	d.at(pairReference - 40)
	l := listen(t, d.wire, d.descriptions()[0], nil, time.Minute)
	wav := makeTones(t, 3*time.Second)
	first := func(asleep bool) (began, heard aes67.MonoTime) {
		t.Helper()
		for _, s := range d.sims {
			s.SetAsleep(asleep)
		}
		d.reaches(20*time.Second, "it is known who sleeps, and that nothing plays", func(r report) bool {
			var known struct {
				Speakers []struct {
					In *float64 `json:"standby_in_min"`
				} `json:"speakers"`
			}
			return json.Unmarshal([]byte(r.text), &known) == nil && len(known.Speakers) == 2 && (r.State == "idle") == rests &&
				known.Speakers[0].In != nil && (*known.Speakers[0].In == 0) == asleep && known.Speakers[1].In != nil && (*known.Speakers[1].In == 0) == asleep
		})
		pass(1500 * time.Millisecond)
		l.TakeLevels()
		began = rtthread.Now()
		player := d.sound.play(wav)
		if err := player.wait(20 * time.Second); err != nil {
			t.Error(err)
		}
		if !rests {
			l.heardUntil(t, rtthread.Now())
		}
		heard, _ = l.heard().since(began).sounds(t)
		judgePeak(t, "peak", l.TakeLevels()[0].PeakDBFS, 0.1)
		return began, heard
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }

	began, heard := first(false)
	figures.atMost(t, "from the start of a player to its tone, all awake", ms(heard.Sub(began)), 500, "ms")
	usual := heard.Sub(began)

	began, heard = first(true)
	awake := aes67.MonoTime(max(woke[0].Load(), woke[1].Load()))
	figures.atLeast(t, "the tone after the speakers that slept are awake", ms(heard.Sub(awake)), 0, "ms")
	figures.atMost(t, "the tone after the speakers that slept are awake", ms(heard.Sub(awake)), 250, "ms")
	figures.atMost(t, "the tone later than with speakers that are awake", ms(heard.Sub(began)-usual), 1000, "ms")
	if d.sims[0].Asleep() || d.sims[1].Asleep() {
		t.Error("one sleeps")
	}

	for _, s := range d.sims {
		s.SetWakeTime(time.Hour)
	}
	began, heard = first(true)
	figures.atLeast(t, "the tone later with speakers that do not wake", ms(heard.Sub(began)-usual), 500, "ms")
	figures.atMost(t, "the tone later with speakers that do not wake", ms(heard.Sub(began)-usual), 1100, "ms")
	began, heard = first(true) // who has not woken once is not waited for again
	figures.atMost(t, "the tone later with the same again", ms(heard.Sub(began)-usual), 300, "ms")

	if r := l.Report(0); rests {
		figures.atMost(t, "packets lost or repeated", float64(r.Lost+r.Reordered+r.Duplicates), 0, "")
		return
	}
	l.judgeContinuity(t, "the stream")
	// Whose countdown runs although something plays is told, before it sleeps.
	d.sims[0].SetAsleep(false)
	d.sims[1].SetAsleep(false)
	if err := d.sims[1].Turn("device/standby/countdown", 40); err != nil {
		t.Fatal(err)
	}
	player := d.sound.play(makeTones(t, 20*time.Second))
	soon := func(r report) bool {
		return slices.ContainsFunc(r.Problems, func(f health.Finding) bool {
			return strings.HasPrefix(f.Sentence, `"Right" goes to sleep in 40 minutes`)
		})
	}
	r := d.reaches(20*time.Second, "it is told that one sleeps soon, and what the buffer holds", func(r report) bool {
		return soon(r) && r.Drift.FillFrames != nil && r.Drift.FillTargetFrames != nil
	})
	figures.atMost(t, "latency that is kept", (*r.Drift.FillFrames-*r.Drift.FillTargetFrames)/48, 10, "ms")
	player.stop()
	d.reaches(20*time.Second, "nothing plays, and nobody is told", func(r report) bool { return !soon(r) })
}
