package volume

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/speakersim"
	"aes67-sink/slider"
)

// TestASpeakerIsMutedByHand while the slider moves the speakers, and goes by its law.
func TestASpeakerIsMutedByHand(t *testing.T) {
	d := newDesktop(t, true)
	d.loudness.Obey(1, law(-30, false))
	defer d.run(t)()
	left, right := d.sims[0], d.sims[1]
	set := func(channel string, yes bool) {
		t.Helper()
		var err error
		eventually(t, "the slider's own write is answered", func() bool {
			err = d.SetMute(t.Context(), channel, yes)
			return !errors.Is(err, slider.ErrBusy)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the slider moves them", func() bool { return near(left.Level(), 54) && near(right.Level(), 54) && d.Moves() })

	set("front-left", true)
	if !left.Muted() || right.Muted() || !d.Snapshot()[0].Told.Muted {
		t.Errorf("muted are %v and %v, and told %v", left.Muted(), right.Muted(), d.Snapshot()[0].Told.Muted)
	}
	d.loudness.Obey(2, law(-20, false))
	eventually(t, "64 dB", func() bool { return near(left.Level(), 64) && near(right.Level(), 64) })
	if !left.Muted() || len(d.mutes()) > 0 {
		t.Errorf("the slider is moved: muted %v, and the desktop told %v", left.Muted(), d.mutes())
	}
	set("front-left", false)
	if left.Muted() {
		t.Error("it is still muted")
	}

	// The last that is muted mutes the slider, which then has both.
	set("front-left", true)
	set("front-right", true)
	eventually(t, "the desktop is told", func() bool { return slices.Equal(d.mutes(), []bool{true}) })
	d.loudness.Obey(3, law(-20, true))
	err := d.SetMute(t.Context(), "front-left", false)
	if err == nil || err.Error() != "mute of Left is not set to off: the desktop's slider is muted, and mutes the speakers with it; unmute it there" || !left.Muted() {
		t.Errorf("while the slider mutes: %v, muted %v", err, left.Muted())
	}
	if db := d.gain(); db != aes67.SilenceDB {
		t.Errorf("the stream is at %v dB", db)
	}
	d.loudness.Obey(4, law(-20, false))
	eventually(t, "both are heard", func() bool { return !left.Muted() && !right.Muted() })

	// One that refuses is no doubt of the slider.
	left.SetLocal(true)
	eventually(t, "the slider's own write is answered", func() bool {
		err = d.SetMute(t.Context(), "front-left", true)
		return !errors.Is(err, slider.ErrBusy)
	})
	if err == nil || !strings.Contains(err.Error(), "is set to LOCAL; set the switch at its rear to NETWORK") || left.Muted() {
		t.Errorf("LOCAL: %v, muted %v", err, left.Muted())
	}
}

// TestASpeakerIsSetByHandWithoutTheSlider: identify too, and what cannot be set has its reason.
func TestASpeakerIsSetByHandWithoutTheSlider(t *testing.T) {
	d := newDesktop(t, false)
	d.loudness.Obey(1, law(-30, false))
	refused := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	refused(d.SetMute(t.Context(), "front-left", true), "there is no pair of speakers")
	refused(d.Identify(t.Context(), "lfe", true), `speaker "lfe" is none of the pair`)
	defer d.run(t)()
	eventually(t, "they are known", func() bool {
		all := d.Snapshot()
		return len(all) == 2 && all[0].Told.Reachable && all[1].Told.Reachable
	})
	right, level := d.sims[1], d.sims[1].Level()
	for _, yes := range []bool{true, false} {
		if err := d.SetMute(t.Context(), "front-right", yes); err != nil || right.Muted() != yes {
			t.Errorf("mute %v: %v, it is %v", yes, err, right.Muted())
		}
		if err := d.Identify(t.Context(), "front-right", yes); err != nil || right.Value("device/identification/visual") != yes {
			t.Errorf("identify %v: %v, it is %v", yes, err, right.Value("device/identification/visual"))
		}
	}
	if right.Level() != level || d.sims[0].Muted() || len(d.mutes()) > 0 {
		t.Error("something else was set")
	}
	right.SetLocal(true)
	refused(d.SetMute(t.Context(), "front-right", true), "mute of Right is not set to on: it is set to LOCAL")
	refused(d.Identify(t.Context(), "front-right", true), "identify of Right is not set to on: it is set to LOCAL")

	right.SetLocal(false)
	right.SetFaults(speakersim.Faults{HalfOpen: true})
	began := time.Now()
	refused(d.SetMute(t.Context(), "front-right", true), "Right")
	refused(d.SetMute(t.Context(), "front-right", true), "mute of Right is not set to on: it does not answer; is it on?")
	if took := time.Since(began); took > 2*handLimit {
		t.Errorf("a speaker that does not answer is waited for %v", took)
	}
}

// turned is a speaker with a slider that is muted at any instant, and a hand that is too.
type turned struct {
	t       *testing.T
	machine *slider.Slider
	now     aes67.MonoTime
	law     aes67.Law
	muted   [2]bool
	byHand  [2]bool // muted by hand last, not by the slider
	level   [2]float64
	pending []slider.Write
	hand    uint64
}

func (w *turned) take(o slider.Orders) {
	for _, write := range o.Writes {
		if slices.ContainsFunc(w.pending, func(other slider.Write) bool { return other.Speaker == write.Speaker }) {
			w.t.Fatal("a speaker is given a write before the one before is answered")
		}
		w.pending = append(w.pending, write)
	}
	if o.VolumeDB != nil {
		w.t.Fatalf("the slider is moved to %v dB by a mute", *o.VolumeDB)
	}
	if o.Muted != nil {
		if !*o.Muted {
			w.t.Fatal("the slider is unmuted by a hand at a speaker")
		}
		w.see(true)
	}
}

func (w *turned) see(muted bool) {
	w.law.Muted = muted
	w.take(w.machine.See(w.now, w.law))
}

func (w *turned) tell(i int) {
	w.take(w.machine.Tell(w.now, i, w.now, slider.Speaker{Reachable: true, Product: "A", MaxDB: 120, LevelDB: w.level[i], Muted: w.muted[i]}))
}

// answer lets one write arrive.
func (w *turned) answer() {
	if len(w.pending) == 0 {
		return
	}
	i := w.hand % uint64(len(w.pending))
	o := w.pending[i]
	w.pending = slices.Delete(w.pending, int(i), int(i)+1)
	if o.Mute {
		w.muted[o.Speaker], w.byHand[o.Speaker] = o.Muted, o.Hand != 0
	} else {
		w.level[o.Speaker] = o.LevelDB
	}
	w.now++
	w.take(w.machine.Wrote(w.now, o, w.level[o.Speaker], slider.Confirmed))
}

// newTurned has the slider at -20 dB, and the speakers moved by it.
func newTurned(t *testing.T) *turned {
	t.Helper()
	w := &turned{t: t, now: 1, law: aes67.Law{VolumeDB: -20, Unscaled: true}, level: [2]float64{64, 64}}
	w.machine = slider.New(84, []float64{64, 64})
	w.take(w.machine.Want(w.now, true))
	w.see(false)
	w.settle()
	w.moves()
	return w
}

// settle lets four seconds pass in which everybody answers.
func (w *turned) settle() {
	for range 40 {
		w.now = w.now.Add(100 * time.Millisecond)
		for len(w.pending) > 0 {
			w.answer()
		}
		w.tell(0)
		w.tell(1)
		w.take(w.machine.Applied(w.now, math.MaxUint64))
	}
}

// moves asks that the slider moves the speakers.
func (w *turned) moves() {
	w.t.Helper()
	if mode, fault := w.machine.Mode(); mode != slider.Device {
		w.t.Fatalf("the slider does not move the speakers: %v, %v", mode, fault)
	}
}

// TestAHandThatIsRefusedIsNoDoubt: the slider goes on to move the speakers.
func TestAHandThatIsRefusedIsNoDoubt(t *testing.T) {
	w := newTurned(t)
	o, err := w.machine.Mute(w.now, 1, true, 7)
	if want := (slider.Write{Speaker: 1, Mute: true, Muted: true, Hand: 7}); err != nil || len(o.Writes) != 1 || o.Writes[0] != want {
		t.Fatalf("%v, %v; want %v", o.Writes, err, want)
	}
	w.take(w.machine.Wrote(w.now, o.Writes[0], 0, slider.Refusal))
	w.moves()
	w.settle()
	w.moves()
}

// TestAHandNeverUnmutesTheSlider: however mutes by hand, the slider's and what speakers
// tell come between each other, the slider is not unmuted by it, and what it mutes ends
// muted.
func TestAHandNeverUnmutesTheSlider(t *testing.T) {
	mutes := 0
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 6))
		w := newTurned(t)
		for range 40 {
			w.now = w.now.Add(time.Millisecond)
			w.hand++
			switch random.IntN(5) {
			case 0:
				o, err := w.machine.Mute(w.now, random.IntN(2), random.IntN(2) == 0, w.hand)
				if err == nil {
					mutes++
				}
				w.take(o)
			case 1:
				w.see(!w.law.Muted)
			case 2:
				w.tell(random.IntN(2))
			default:
				w.answer()
			}
		}
		w.see(true)
		w.settle()
		if !w.muted[0] || !w.muted[1] || !w.law.Muted {
			t.Fatalf("seed %d: the slider is muted %v, and the speakers %v", seed, w.law.Muted, w.muted)
		}
		if o, err := w.machine.Mute(w.now, 0, false, 1); err == nil || len(o.Writes) > 0 {
			t.Fatalf("seed %d: a speaker is unmuted while the slider is muted", seed)
		}
		w.see(false)
		w.settle()
		if w.muted[0] && w.muted[1] {
			t.Fatalf("seed %d: unmuted, both speakers are muted", seed)
		}
		for i := range w.muted { // one that was muted by hand alone stays so, and can be unmuted
			if !w.muted[i] {
				continue
			}
			if !w.byHand[i] {
				t.Fatalf("seed %d: unmuted, speaker %d is muted, and by no hand", seed, i)
			}
			o, err := w.machine.Mute(w.now, i, false, 2)
			if err != nil {
				t.Fatalf("seed %d: it cannot be unmuted by hand: %v", seed, err)
			}
			w.take(o)
			w.settle()
			if w.muted[i] || w.law.Muted {
				t.Fatalf("seed %d: unmuted by hand, it is muted still", seed)
			}
		}
	}
	if mutes < 2000 {
		t.Errorf("%d mutes by hand in all: too few to tell", mutes)
	}
}
