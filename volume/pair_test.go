package volume

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"aes67-sink/aes67"
	"aes67-sink/internal/speakersim"
	"aes67-sink/slider"
	"aes67-sink/speakers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a stream and a slider that do as they are told at once.
type desk struct {
	mu     sync.Mutex
	ramp   aes67.Ramp
	number uint64
	alone  bool
	volume *float64
	muted  []bool // as it was told to be
	asleep bool
	quiet  atomic.Bool // nothing is sent
	begun  chan struct{}
}

func (d *desk) SetAsleep(yes bool)     { d.mu.Lock(); defer d.mu.Unlock(); d.asleep = yes }
func (d *desk) Begun() <-chan struct{} { return d.begun }
func (d *desk) waits() bool            { d.mu.Lock(); defer d.mu.Unlock(); return d.asleep }

func (d *desk) Settle(_ uint64, ramp aes67.Ramp, _ ...float64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ramp = ramp
	d.number++
	return d.number
}

func (d *desk) InForce() uint64      { d.mu.Lock(); defer d.mu.Unlock(); return d.number }
func (d *desk) SetVolume(db float64) { d.mu.Lock(); defer d.mu.Unlock(); d.volume = &db }
func (d *desk) SetMuted(yes bool)    { d.mu.Lock(); defer d.mu.Unlock(); d.muted = append(d.muted, yes) }
func (d *desk) SetAlone(yes bool)    { d.mu.Lock(); defer d.mu.Unlock(); d.alone = yes }
func (d *desk) gain() float64        { d.mu.Lock(); defer d.mu.Unlock(); return d.ramp.DB(clock()) }
func (d *desk) ordered() *float64    { d.mu.Lock(); defer d.mu.Unlock(); return d.volume }
func (d *desk) mutes() []bool        { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.muted) }

func law(db float64, muted bool) aes67.Law {
	return aes67.Law{VolumeDB: db, Muted: muted, Unscaled: true}
}
func near(a, b float64) bool { return math.Abs(a-b) < 0.11 }
func clock() aes67.MonoTime  { return aes67.MonoTime(time.Since(start)) + 1 }

var start = time.Now()

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// desktop is a bridge's part of the volume before two simulated speakers.
type desktop struct {
	*desk
	*Pair
	loudness  *Loudness
	sims      [2]*speakersim.Speaker
	directory string
}

// newDesktop does not run yet.
func newDesktop(t *testing.T, wanted bool) *desktop {
	t.Helper()
	pair := speakers.Pair{ReferenceDB: 84}
	d := &desktop{directory: t.TempDir()}
	for i, side := range []*speakers.Identity{&pair.Left, &pair.Right} {
		d.sims[i] = speakersim.New(speakersim.Config{Profile: speakersim.KH120IIAES67, Serial: string(rune('1' + i))})
		if err := d.sims[i].Turn("audio/out/level", 84.0); err != nil {
			t.Fatal(err)
		}
		at, err := d.sims[i].Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		*side = speakers.Identity{Serial: string(rune('1' + i)), Name: []string{"Left", "Right"}[i], Address: at.String()}
	}
	if err := speakers.PairFile(d.directory).Save(pair); err != nil {
		t.Fatal(err)
	}
	d.start(wanted)
	return d
}

// start is that of a run with these speakers.
func (d *desktop) start(wanted bool) {
	d.desk = &desk{begun: make(chan struct{}, 1)}
	d.loudness = NewLoudness(d.desk, clock, zerolog.Nop())
	d.loudness.Join(d.desk, func() bool { return !d.quiet.Load() })
	d.Pair = NewPair(d.loudness, d.directory, "aes67", wanted, clock, zerolog.Nop())
	d.unmuteLimit = 15 * time.Second // a busy computer may take some
	d.Begin()
}

// run lets it run; end ends it, and waits.
func (d *desktop) run(t *testing.T) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{d.loudness.Run, d.Pair.Run, d.Keep} {
		running.Go(func() { _ = run(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

// TestTheSliderMovesASimulatedPair: level, mute, a turn at a speaker, and one that goes.
func TestTheSliderMovesASimulatedPair(t *testing.T) {
	d := newDesktop(t, true)
	l, p, sims := d.loudness, d.Pair, d.sims
	if !d.alone {
		t.Error("the sink is not asked to be alone")
	}
	l.Obey(1, law(-30, false))
	if db := d.gain(); db != -30 {
		t.Errorf("the stream is at %v dB before the speakers are known", db)
	}
	defer d.run(t)()
	both := func(db float64) func() bool {
		return func() bool { return near(sims[0].Level(), db) && near(sims[1].Level(), db) }
	}
	eventually(t, "54 dB", func() bool { return both(54)() && d.gain() == 0 && p.Moves() })

	soonest := time.Hour
	for number := uint64(2); number <= 10; number++ {
		volume := -20.0 - 10*float64(number%2)
		began := time.Now()
		l.Obey(number, law(volume, false))
		eventually(t, "the level", both(84+volume))
		soonest = min(soonest, time.Since(began))
	}
	if soonest > 150*time.Millisecond {
		t.Errorf("the speakers follow after %v at the soonest", soonest)
	}
	l.Obey(11, law(-20, true))
	if db := d.gain(); db != aes67.SilenceDB {
		t.Errorf("muted, the stream is at %v dB", db)
	}
	eventually(t, "the mutes", func() bool { return sims[0].Muted() && sims[1].Muted() })
	l.Obey(12, law(-20, false))
	eventually(t, "no mutes", func() bool { return !sims[0].Muted() && !sims[1].Muted() })

	if err := sims[0].Turn("audio/out/level", 60.0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slider is moved", func() bool { v := d.ordered(); return v != nil && near(*v, -24) })
	l.Obey(13, law(-24, false))
	eventually(t, "60 dB", both(60))

	sims[1].SetFaults(speakersim.Faults{Off: true})
	eventually(t, "the stream at -24 dB", func() bool { return near(d.gain(), -24) && !p.Moves() })
	eventually(t, "the first back at its reference", func() bool { return near(sims[0].Level(), 84) })
	if said := p.Problems(true, true); len(said) != 1 || !strings.Contains(said[0], "the slider moves the stream's level, not the speakers': \"Right\" does not answer") {
		t.Errorf("it says %q", said)
	}
}

// TestWhatIsSaidOfThePair: each doubt has its words, and so has a speaker that sleeps soon.
func TestWhatIsSaidOfThePair(t *testing.T) {
	two := []Member{{Identity: speakers.Identity{Name: "A"}}, {Identity: speakers.Identity{Name: "B"}}}
	for why, says := range map[slider.Why]string{
		slider.Scaled: "PulseAudio scales", slider.Unreachable: `"B" does not answer; is it on?`, slider.Local: `"B" is set to LOCAL`,
		slider.Mixed: "different models", slider.Bounded: `"B" takes less`, slider.Refused: `"B" refuses`, slider.NotConfirmed: `"B" confirms another`,
		slider.Unwanted: "", slider.Well: "",
	} {
		said := sliderProblem(slider.Fault{Why: why, Speaker: 1}, two, false)
		if !strings.Contains(said, says) || (said == "") != (says == "") {
			t.Errorf("%d: %q, want %q", why, said, says)
		}
	}
	l := NewLoudness(&desk{}, clock, zerolog.Nop())
	l.Join(&desk{}, func() bool { return false })
	p := NewPair(l, t.TempDir(), "aes67", true, clock, zerolog.Nop())
	p.told = []Member{
		{Identity: speakers.Identity{Name: "A"}, Told: slider.Speaker{Reachable: true, Muted: true}},
		{Identity: speakers.Identity{Name: "B"}, Told: slider.Speaker{Reachable: true}, Rest: Rest{Sleeps: true, Counts: true, afterMin: 30, Countdown: 14, asleepDB: -65}},
	}
	said := strings.Join(p.Problems(true, true), "\n")
	for _, says := range []string{`"A" is muted at the speaker`, `"B" goes to sleep in 14 minutes although something plays`} {
		if !strings.Contains(said, says) {
			t.Errorf("%q is not in %q", says, said)
		}
	}
	if said := p.Problems(false, true); len(said) != 1 {
		t.Errorf("nothing plays: %q", said)
	}
}

// TestWhatTheSliderMutedItUnmutes, though it moves the stream by then.
func TestWhatTheSliderMutedItUnmutes(t *testing.T) {
	d := newDesktop(t, true)
	d.loudness.Obey(1, law(-30, false))
	defer d.run(t)()
	eventually(t, "the slider moves them", d.Moves)
	d.loudness.Obey(2, law(-30, true))
	eventually(t, "the mutes", func() bool { return d.sims[0].Muted() && d.sims[1].Muted() })
	d.Want(false)
	eventually(t, "the stream is moved", func() bool { return !d.Moves() })
	d.loudness.Obey(3, law(-30, false))
	eventually(t, "no mutes", func() bool { return !d.sims[0].Muted() && !d.sims[1].Muted() })
}

// TestWhatTheSliderMutedIsUnmutedByTheNextRun, though that moves the stream, and whether
// the speakers had answered by the end of the last one or not.
func TestWhatTheSliderMutedIsUnmutedByTheNextRun(t *testing.T) {
	for _, answered := range []bool{true, false} {
		d := newDesktop(t, true)
		d.loudness.Obey(1, law(-30, false))
		end := d.run(t)
		eventually(t, "the slider moves them", d.Moves)
		over := make(chan struct{})
		for _, sim := range d.sims {
			sim.OnSet(func(path string, value any) {
				if !answered && path == "audio/out/mute" {
					<-over
				}
			})
		}
		d.loudness.Obey(2, law(-30, true))
		eventually(t, "the mutes", func() bool { return d.sims[0].Muted() && d.sims[1].Muted() })
		end()
		d.Flush()
		close(over)
		d.start(false)
		d.loudness.Obey(1, law(-30, true)) // which mutes the stream
		end = d.run(t)
		eventually(t, fmt.Sprintf("no mutes, those answered: %v", answered), func() bool { return !d.sims[0].Muted() && !d.sims[1].Muted() })
		end()
	}
}

// TestSpeakersOfAnotherUserAreLetAlone: of two users who have paired the same speakers, the
// one whose bridge is not on the network does nothing with them, whatever his slider does.
func TestSpeakersOfAnotherUserAreLetAlone(t *testing.T) {
	d := newDesktop(t, true)
	var ours atomic.Bool
	ours.Store(true)
	d.Holds(ours.Load)
	both := func(db float64) bool { return near(d.sims[0].Level(), db) && near(d.sims[1].Level(), db) }
	d.loudness.Obey(1, law(-30, false))
	defer d.run(t)()
	eventually(t, "54 dB", func() bool { return both(54) })

	d.loudness.Obey(2, law(-30, true))
	eventually(t, "the mutes", func() bool { return d.sims[0].Muted() && d.sims[1].Muted() })
	d.quiet.Store(true)
	ours.Store(false)
	d.Again()
	eventually(t, "no speakers", func() bool { return len(d.Snapshot()) == 0 })
	if d.sims[0].Muted() || d.sims[1].Muted() {
		t.Error("what the slider has muted is left so to another")
	}
	for _, sim := range d.sims {
		if err := sim.Turn("audio/out/level", 44.0); err != nil {
			t.Fatal(err)
		}
	}
	d.loudness.Obey(3, law(0, false))
	d.loudness.Obey(4, law(0, true))
	lets := func(what string, length time.Duration) {
		for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if d.sims[0].Level() > 44.1 || d.sims[1].Level() > 44.1 || d.sims[0].Muted() || d.sims[1].Muted() {
				t.Fatalf("%s: at %v and %v dB, muted %v and %v", what, d.sims[0].Level(), d.sims[1].Level(), d.sims[0].Muted(), d.sims[1].Muted())
			}
		}
	}
	lets("while they are another's", 1500*time.Millisecond)
	if !d.alone {
		t.Error("another kind of sink meanwhile")
	}
	d.loudness.Obey(5, law(-30, false))
	ours.Store(true)
	d.Again()
	// Nothing of ours is heard yet: the slider goes to where the other has left them, no further.
	eventually(t, "the slider at -40 dB", func() bool { v := d.ordered(); return v != nil && near(*v, -40) })
	lets("when they are ours again, and lower than we left them", 500*time.Millisecond)
	d.loudness.Obey(6, law(-40, false))
	eventually(t, "the speakers", func() bool { return d.Moves() && both(44) })
	lets("when the slider moves them", time.Second)
}
