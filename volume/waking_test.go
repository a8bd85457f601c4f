package volume

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/speakersim"
	"aes67-sink/internal/wake"
)

// TestASpeakerThatSleepsIsWoken when a sound begins, with the slider at the speakers and
// without; the stream waits for as long as one sleeps, and not for one that does not wake.
func TestASpeakerThatSleepsIsWoken(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		for name, c := range map[string]struct {
			hinder func(*speakersim.Speaker)
			wakes  bool
		}{
			"it wakes":              {func(*speakersim.Speaker) {}, true},
			"it does not wake":      {func(s *speakersim.Speaker) { s.SetWakeTime(time.Hour) }, false},
			"it refuses every word": {func(s *speakersim.Speaker) { s.SetLocal(true) }, false},
			"it says nothing": {func(s *speakersim.Speaker) {
				s.SetWakeTime(time.Hour)
				s.SetFaults(speakersim.Faults{HalfOpen: true})
			}, false},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := newDesktop(t, wanted)
				if c.wakes {
					d.rouseLimit = 15 * time.Second // a busy computer may take some
				}
				d.loudness.Obey(1, law(-30, false))
				var writes atomic.Int64
				d.sims[1].OnSet(func(path string, _ any) {
					if strings.HasPrefix(path, "device/standby/") {
						writes.Add(1)
					}
				})
				for _, s := range d.sims {
					s.SetAsleep(true)
				}
				d.sims[0].SetAsleep(false)
				defer d.run(t)()
				eventually(t, "it is known that one sleeps", d.waits)
				if wanted {
					eventually(t, "the slider moves them", d.Moves)
				}
				d.sims[1].SetAsleep(true) // the level that was written has woken it
				c.hinder(d.sims[1])
				if writes.Load() > 0 {
					t.Error("it is written to before anything plays")
				}
				wake.Signal(d.begun)
				eventually(t, "the stream goes on", func() bool { return !d.waits() })
				asked := d.sims[1].Asked()
				for wanted && d.sims[1].Asked() < asked+8 && d.Snapshot()[1].Told.Reachable { // asked anew
					if d.waits() {
						t.Fatal("it is waited for again")
					}
					wake.Pause(t.Context(), 10*time.Millisecond)
				}
				if d.sims[1].Asleep() == c.wakes {
					t.Errorf("it sleeps: %v", !c.wakes)
				}
				if c.wakes && (writes.Load() != 1 || d.sims[1].Value("device/standby/enabled") != true || d.sims[1].Value("device/standby/auto_standby_time") != 90) {
					t.Errorf("%d writes, and its standby is %v", writes.Load(), d.sims[1].Value("device/standby/enabled"))
				}
			})
		}
	}
}

// TestASpeakerThatFellAsleepIsTold as one that sleeps soon is, while something plays.
func TestASpeakerThatFellAsleepIsTold(t *testing.T) {
	d := newDesktop(t, false)
	d.loudness.Obey(1, law(-30, false))
	if err := errors.Join(d.sims[0].Turn("device/standby/countdown", 40), d.sims[1].Turn("device/standby/auto_standby_time", 30), d.sims[1].Turn("device/standby/countdown", 20)); err != nil {
		t.Fatal(err)
	}
	defer d.run(t)()
	said := func(says ...string) func() bool {
		return func() bool {
			all := d.Problems(true, true)
			return len(all) == len(says) && !slices.ContainsFunc(says, func(one string) bool {
				return !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, one) })
			})
		}
	}
	eventually(t, "one sleeps soon", said(`"Left" goes to sleep in 40 minutes although something plays: it is below the speaker's auto-standby level of -65 dBu`))
	if all := d.Problems(false, true); len(all) > 0 {
		t.Errorf("nothing plays: %q", all)
	}
	d.sims[0].SetAsleep(true)
	d.Again()
	d.Want(true) // which asks more often
	eventually(t, "it sleeps", func() bool {
		return slices.ContainsFunc(d.Problems(true, true), func(s string) bool {
			return strings.Contains(s, `"Left" sleeps although something plays: it is below`)
		})
	})
}
