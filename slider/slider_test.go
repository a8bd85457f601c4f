package slider

import (
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// desk has a slider and two speakers that do what they are told at once.
type desk struct {
	*Slider
	t      *testing.T
	now    aes67.MonoTime
	levels [2]float64
	muted  [2]bool
	told   [2]Speaker
	orders Orders
	writes int
}

func newDesk(t *testing.T, volumeDB float64, levels, last [2]float64) *desk {
	d := &desk{Slider: New(testReference, last[:]), t: t, now: 1e9, levels: levels}
	d.do(d.Want(d.now, true))
	d.volume(volumeDB)
	for i := range d.levels {
		d.tell(i)
	}
	d.pass(time.Second)
	return d
}

var none = [2]float64{math.NaN(), math.NaN()}

func (d *desk) volume(db float64) { d.do(d.See(d.now, aes67.Law{VolumeDB: db, Unscaled: true})) }

func (d *desk) tell(i int) {
	s := Speaker{Reachable: true, Product: "KH 120 II", MaxDB: 120, LevelDB: d.levels[i], Muted: d.muted[i]}
	if d.told[i] != (Speaker{}) {
		s = d.told[i]
	}
	d.do(d.Tell(d.now, i, d.now, s))
}

func (d *desk) do(o Orders) {
	d.t.Helper()
	d.orders = o
	for _, w := range o.Writes {
		d.writes++
		if w.Mute {
			d.muted[w.Speaker] = w.Muted
		} else {
			d.levels[w.Speaker] = w.LevelDB
		}
		volume := d.orders.VolumeDB
		d.do(d.Wrote(d.now, w, d.levels[w.Speaker], Confirmed))
		if volume != nil {
			d.orders.VolumeDB = volume
		}
	}
}

// pass lets time go by, in which the stream has its gain and nobody moves the slider.
func (d *desk) pass(t time.Duration) {
	for end := d.now.Add(t); d.now < end; d.now = d.now.Add(10 * time.Millisecond) {
		order := d.orders.VolumeDB
		d.do(d.Applied(d.now, d.orders.Number))
		if order != nil {
			d.orders.VolumeDB = order
		}
	}
}

func (d *desk) want(mode Mode, stream float64, levels [2]float64) {
	d.t.Helper()
	got, fault := d.Mode()
	if got != mode {
		d.t.Errorf("mode %d (%+v), want %d", got, fault, mode)
	}
	if db := d.orders.Gain.DB(d.now); !(math.Abs(db-stream) <= 1e-6) {
		d.t.Errorf("the stream is at %.2f dB, want %.2f", db, stream)
	}
	for i := range levels {
		if !(math.Abs(d.levels[i]-levels[i]) <= 1e-6) {
			d.t.Errorf("the speakers are at %.1f dB, want %.1f", d.levels, levels)
			return
		}
	}
}

func TestTheSpeakersFollowTheSlider(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	d.want(Device, 0, [2]float64{54, 54})
	for _, db := range []float64{-20, -60, 0, -12.345} {
		d.volume(db)
		d.want(Device, 0, [2]float64{math.Floor((84+db)*10+0.5e-6) / 10, math.Floor((84+db)*10+0.5e-6) / 10})
	}
	d.volume(-100) // below the least that they take
	d.want(Device, -16, [2]float64{0, 0})
	d.volume(aes67.SilenceDB)
	d.want(Device, aes67.SilenceDB, [2]float64{0, 0})
}

func TestTheSliderGoesToWhatIsHeard(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 70}, none) // one was turned down since
	if d.orders.VolumeDB == nil || *d.orders.VolumeDB != -44 {
		t.Fatalf("the slider is ordered to %v, want -44", d.orders.VolumeDB)
	}
	d.want(Entering, -30, [2]float64{84, 70})
	d.volume(-44)
	d.want(Device, 0, [2]float64{40, 40})
	again := newDesk(t, -44, [2]float64{40, 40}, [2]float64{40, 40}) // the next run
	if again.orders.VolumeDB != nil {
		t.Errorf("the slider is ordered to %v by the next run", *again.orders.VolumeDB)
	}
	again.want(Device, 0, [2]float64{40, 40})
}

func TestASliderThatStaysKeepsTheStream(t *testing.T) {
	d := newDesk(t, -30, [2]float64{70, 70}, none)
	d.pass(5 * time.Second)
	d.want(Sink, -30, [2]float64{70, 70})
}

func TestADoubtIsNoLouderAndOneGoesBack(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	d.told[1] = Speaker{Product: "KH 120 II"} // not reachable
	d.tell(1)
	d.want(Sink, -30, [2]float64{54, 54})
	d.pass(restoreAfter + time.Second)
	d.want(Sink, -30, [2]float64{84, 54}) // 54 dB of each are heard again, but of the second
	d.told[1] = Speaker{}
	d.tell(1)
	d.pass(nextRest + time.Second)
	d.want(Device, 0, [2]float64{54, 54})
	for _, doubt := range []struct {
		told Speaker
		why  Why
	}{
		{Speaker{Reachable: true, Local: true, Product: "KH 120 II", LevelDB: 54, MaxDB: 120}, Local},
		{Speaker{Reachable: true, Product: "KH 80", LevelDB: 54, MaxDB: 120}, Mixed},
		{Speaker{Reachable: true, Product: "KH 120 II", LevelDB: 54, MaxDB: 80}, Bounded},
	} {
		d.told[1] = doubt.told
		d.tell(1)
		if _, fault := d.Mode(); fault != (Fault{doubt.why, 1}) {
			t.Errorf("%+v is %+v, want %d", doubt.told, fault, doubt.why)
		}
		d.want(Sink, -30, [2]float64{54, 54})
		d.told[1] = Speaker{}
		d.tell(1)
		d.pass(nextRest + time.Second)
		d.want(Device, 0, [2]float64{54, 54})
	}
}

// A slider that is moved up while a doubt makes the sound quieter is no burst when the
// doubt is over: it goes to what is heard.
func TestASliderThatIsRaisedInADoubtGoesToWhatIsHeard(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	d.told[1] = Speaker{Product: "KH 120 II"} // for a moment
	d.tell(1)
	d.pass(time.Second)
	d.told[1] = Speaker{}
	d.tell(1)
	d.want(Sink, -30, [2]float64{54, 54})
	d.volume(-5)
	d.want(Sink, -5, [2]float64{54, 54})
	for range 2000 { // until it is ordered
		if d.pass(10 * time.Millisecond); d.orders.VolumeDB != nil {
			break
		}
	}
	if d.orders.VolumeDB == nil || *d.orders.VolumeDB != -35 {
		t.Fatalf("the slider is ordered to %v, want -35", d.orders.VolumeDB)
	}
	d.want(Entering, -5, [2]float64{54, 54})
	d.volume(-35)
	d.want(Device, 0, [2]float64{49, 49})
}

// Nor where it was moved down and up again, or in a new run.
func TestASliderThatComesBackIsRaisedToo(t *testing.T) {
	for name, again := range map[string]bool{"in the doubt": false, "in the next run": true} {
		d := newDesk(t, -30, [2]float64{84, 84}, none)
		if again {
			d = newDesk(t, -30, [2]float64{54, 54}, [2]float64{54, 54})
		}
		d.told[1] = Speaker{Product: "KH 120 II"}
		d.tell(1)
		d.volume(-50)
		d.volume(-31)
		d.told[1] = Speaker{}
		d.tell(1)
		for range 2000 {
			if d.pass(10 * time.Millisecond); d.orders.VolumeDB != nil {
				break
			}
		}
		if d.orders.VolumeDB == nil || *d.orders.VolumeDB != -61 {
			t.Errorf("%s: the slider is ordered to %v, want -61", name, d.orders.VolumeDB)
		}
	}
}

func TestAServerThatScalesKeepsTheStream(t *testing.T) {
	d := &desk{Slider: New(testReference, none[:]), t: t, now: 1e9, levels: [2]float64{84, 84}}
	d.do(d.Want(d.now, true))
	d.do(d.See(d.now, aes67.Law{VolumeDB: -30}))
	d.tell(0)
	d.tell(1)
	d.pass(time.Minute)
	d.want(Sink, 0, [2]float64{84, 84}) // the server has done it
	if _, fault := d.Mode(); fault.Why != Scaled {
		t.Errorf("the doubt is %+v", fault)
	}
	d.do(d.See(d.now, aes67.Law{VolumeDB: -30, Muted: true}))
	d.want(Sink, 0, [2]float64{84, 84}) // and this too
}

func TestATurnAtASpeakerMovesTheSlider(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	d.levels[0] = 60
	d.tell(0)
	if d.orders.VolumeDB == nil || *d.orders.VolumeDB != -24 {
		t.Fatalf("the slider is ordered to %v, want -24", d.orders.VolumeDB)
	}
	d.want(Device, -6, [2]float64{60, 54}) // until it is there
	d.volume(-24)
	d.want(Device, 0, [2]float64{60, 60})
	d.levels[1] = 90 // above the reference
	d.tell(1)
	d.volume(*d.orders.VolumeDB)
	d.want(Device, 0, [2]float64{84, 84})
}

func TestMute(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	mute := func(yes bool, want [2]bool) {
		t.Helper()
		d.do(d.See(d.now, aes67.Law{VolumeDB: -30, Muted: yes, Unscaled: true}))
		if d.muted != want {
			t.Errorf("with the slider muted %v the speakers are %v, want %v", yes, d.muted, want)
		}
	}
	mute(true, [2]bool{true, true})
	d.want(Device, aes67.SilenceDB, [2]float64{54, 54})
	mute(false, [2]bool{})
	d.want(Device, 0, [2]float64{54, 54})
	d.muted[1] = true // at the speaker: its owner's wish
	d.tell(1)
	d.pass(time.Second)
	if d.orders.Muted != nil || d.muted != [2]bool{false, true} {
		t.Errorf("one that is muted at the speaker: %v, slider %v", d.muted, d.orders.Muted)
	}
	d.muted[0] = true
	if d.tell(0); d.orders.Muted == nil || !*d.orders.Muted {
		t.Errorf("both are muted, and the slider is ordered %v", d.orders.Muted)
	}
	mute(true, [2]bool{true, true})
	d.muted[0] = false
	if d.tell(0); d.orders.Muted == nil || *d.orders.Muted {
		t.Errorf("one is not muted any more, and the slider is ordered %v", d.orders.Muted)
	}
}

func TestWhatJumpedRisesSlowlyAtTheSpeakersToo(t *testing.T) {
	d := newDesk(t, -40, [2]float64{84, 84}, none)
	d.do(d.See(d.now, aes67.Law{VolumeDB: -10, Unscaled: true, Held: aes67.Ramp{At: d.now, FromDB: -18, Rise: 6}}))
	d.want(Device, -18, [2]float64{44, 44}) // the stream goes down before they go up
	d.pass(Flight / 2)
	d.want(Device, d.orders.Gain.DB(d.now), [2]float64{44, 44})
	d.pass(Flight)
	d.want(Device, d.orders.Gain.DB(d.now), [2]float64{74, 74})
	if db := d.orders.Gain.DB(d.now); db > -17 || db < -18 {
		t.Errorf("the stream is at %.1f dB", db)
	}
	d.pass(4 * time.Second)
	d.want(Device, 0, [2]float64{74, 74})
}

// TestWhatIsDelayedIsWaitedFor: with a channel that is heard late the speakers go up only
// when it has the lower gain.
func TestWhatIsDelayedIsWaitedFor(t *testing.T) {
	d := newDesk(t, -40, [2]float64{84, 84}, none)
	d.Delay(400 * time.Millisecond)
	d.do(d.See(d.now, aes67.Law{VolumeDB: -10, Unscaled: true, Held: aes67.Ramp{At: d.now, FromDB: -30, Rise: 6}}))
	d.pass(Flight + 380*time.Millisecond)
	d.want(Device, d.orders.Gain.DB(d.now), [2]float64{44, 44})
	d.pass(50 * time.Millisecond)
	d.want(Device, d.orders.Gain.DB(d.now), [2]float64{74, 74})
}

// TestWithoutALawNoSpeakerRises: a run that begins before the sound server has told the
// slider leaves the speakers at the levels of the last run.
func TestWithoutALawNoSpeakerRises(t *testing.T) {
	d := &desk{Slider: New(testReference, []float64{44, 44}), t: t, now: 1e9, levels: [2]float64{44, 44}}
	d.do(d.Want(d.now, true))
	d.tell(0)
	d.tell(1)
	d.pass(time.Minute)
	if d.writes > 0 || d.levels != [2]float64{44, 44} {
		t.Errorf("%d writes, the speakers are at %v", d.writes, d.levels)
	}
	d.volume(-40)
	d.pass(time.Second)
	d.want(Device, 0, [2]float64{44, 44})
}

func TestOneThatRefusesIsNotAskedAllTheTime(t *testing.T) {
	d := newDesk(t, -30, [2]float64{84, 84}, none)
	tries := 0
	for end := d.now.Add(time.Hour); d.now < end; d.now = d.now.Add(time.Second) {
		o := d.See(d.now, aes67.Law{VolumeDB: -20 - d.now.Sub(0).Hours(), Unscaled: true})
		for len(o.Writes) > 0 {
			w := o.Writes[0]
			if rest := o.Writes[1:]; w.Speaker == 1 {
				tries++
				o = d.Wrote(d.now, w, 0, Refusal)
				o.Writes = append(o.Writes, rest...)
			} else {
				o = d.Wrote(d.now, w, w.LevelDB, Confirmed)
				o.Writes = append(o.Writes, rest...)
			}
		}
	}
	if tries < 3 || tries > 20 {
		t.Errorf("it was asked %d times within an hour", tries)
	}
}
