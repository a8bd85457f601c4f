package slider

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
)

const (
	testReference = 84.0
	step          = 5 * time.Millisecond
	// applyLimit is how long the sender may take to have a gain in force, and eps what a
	// sum of rounded decibels may be off.
	applyLimit = 40 * time.Millisecond
	eps        = 3*sameDB + 0.001
)

// world is a listener, a sound server, a sender and two speakers, which all do as they
// please.
type world struct {
	t      *testing.T
	random *rand.Rand
	now    aes67.MonoTime
	slider *Slider
	calm   bool // nothing goes wrong any more

	law      aes67.Law
	speakers [2]truth
	gains    []told    // ramps told, the last one in force or soon
	laws     []float64 // at each step
	within   []float64 // within this one
	ears     []float64 // the stream's gain at each step
	events   []event
	excused  aes67.MonoTime
	mode     Mode
	learnt   aes67.MonoTime
}

// truth is a speaker as it is.
type truth struct {
	level   float64
	muted   bool
	off     aes67.MonoTime // until then it is switched off
	cut     aes67.MonoTime // until then no line arrives
	local   bool
	refuses bool
	whole   bool // it knows whole decibels alone
	turned  bool // by its owner, and nobody knows yet
	first   bool // Device has begun, and nobody at the desktop has moved the slider or written to it since
	kept    bool // the slider was told that somebody else has muted it
}

type told struct {
	ramp   aes67.Ramp
	number uint64
	at     aes67.MonoTime // in force from then on
}

type event struct {
	at aes67.MonoTime
	do func()
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 18)), now: 1e9}
	w.law = aes67.Law{VolumeDB: -40, Unscaled: true}
	last := []float64{math.NaN(), math.NaN()}
	for i := range w.speakers {
		w.speakers[i].level = testReference - float64(w.random.IntN(3)*w.random.IntN(20))
		w.speakers[i].whole = seed%4 == 0
		if w.random.IntN(2) == 0 {
			last[i] = w.speakers[i].level
		}
	}
	w.slider = New(testReference, last)
	w.slider.Want(w.now, true)
	w.act(w.slider.See(w.now, w.law)) // before anything is sent
	w.gains[0].at = 0
	w.within = []float64{w.slider.law.Ramp().DB(w.now)}
	for i := range w.speakers {
		w.poll(i)
	}
	return w
}

func (w *world) in(d time.Duration, do func()) { w.events = append(w.events, event{w.now.Add(d), do}) }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d))) + time.Microsecond
}

// poll asks a speaker from now on, about each second.
func (w *world) poll(i int) {
	s, asked := &w.speakers[i], w.now
	if w.slider.devices[i].writing { // one request at a time
		w.in(step, func() { w.poll(i) })
		return
	}
	if w.now < s.off || w.now < s.cut {
		w.in(time.Second, func() { w.act(w.slider.Tell(w.now, i, asked, Speaker{})); w.poll(i) })
		return
	}
	w.in(w.upTo(40*time.Millisecond), func() {
		answer := Speaker{Reachable: true, Local: s.local, Product: "KH 150 AES67", LevelDB: s.level, Muted: s.muted, MinDB: 0, MaxDB: 120}
		w.in(w.upTo(40*time.Millisecond), func() {
			if d := &w.slider.devices[i]; !d.writing && d.wrote <= asked {
				s.kept = answer.Muted && (s.kept || !d.muted && !d.hushed)
				s.first = s.first && asked < w.slider.entry.since
			}
			w.act(w.slider.Tell(w.now, i, asked, answer))
			w.in(time.Second, func() { w.poll(i) })
		})
	})
}

// act does as it is ordered.
func (w *world) act(o Orders) {
	if a, b := &w.speakers[0], &w.speakers[1]; w.slider.mode == Device && w.slider.law.Muted && a.kept && b.kept {
		a.kept, b.kept = false, false // with both the slider has them
	}
	if mode, fault := w.slider.Mode(); mode != w.mode {
		w.speakers[0].first, w.speakers[1].first = mode == Device, mode == Device
		if w.mode == Device && mode == Sink && fault.Why == Well {
			w.t.Fatalf("%v: Device was left without a doubt", w.now)
		}
		if was := w.gains[len(w.gains)-1].ramp.DB(w.now); mode != Device && w.mode == Device && o.Gain.DB(w.now) > was+eps && was > -100 {
			w.t.Fatalf("%v: the stream goes from %.2f to %.2f dB where Device is left", w.now, was, o.Gain.DB(w.now))
		}
		w.mode = mode
	}
	if len(w.gains) == 0 || w.gains[len(w.gains)-1].number != o.Number {
		number := o.Number
		at := w.now.Add(w.upTo(applyLimit))
		if len(w.gains) > 0 {
			at = max(at, w.gains[len(w.gains)-1].at)
		}
		w.gains = append(w.gains, told{o.Gain, number, at})
		w.in(at.Sub(w.now)+w.upTo(30*time.Millisecond), func() { w.act(w.slider.Applied(w.now, number)) })
	}
	for _, write := range o.Writes {
		w.write(write)
	}
	if o.VolumeDB != nil && w.mode == Device {
		w.moved()
	}
	if o.VolumeDB != nil && (w.calm || w.random.IntN(8) > 0) {
		to := *o.VolumeDB
		w.in(w.upTo(60*time.Millisecond), func() { w.law.VolumeDB = to; w.see() })
	}
	if o.Muted != nil {
		muted := *o.Muted
		w.in(w.upTo(60*time.Millisecond), func() { w.law.Muted = muted; w.see() })
	}
	if o.Next != 0 {
		w.events = append(w.events, event{max(o.Next, w.now.Add(1)), func() { w.act(w.slider.Look(w.now)) }})
	}
}

// moved notes that somebody wants another level.
func (w *world) moved() { w.speakers[0].first, w.speakers[1].first = false, false }

func (w *world) see() {
	w.act(w.slider.See(w.now, w.law))
	w.within = append(w.within, w.slider.law.Ramp().DB(w.now))
}

// write is obeyed, refused, lost, or obeyed long after nobody waits for it any more.
func (w *world) write(write Write) {
	s := &w.speakers[write.Speaker]
	lost := w.now < s.off || w.now < s.cut || !w.calm && w.random.IntN(20) == 0
	refused := !lost && !w.calm && (s.refuses || s.local)
	if write.Mute && !write.Muted && s.kept {
		w.t.Fatalf("%v: speaker %d is unmuted, which its owner has muted alone", w.now, write.Speaker)
	}
	overtakes := w.mode != Device || s.first // nobody has asked for that at the desktop
	obey := func() float64 {
		if write.Mute {
			s.muted = write.Muted
			return s.level
		}
		s.level, s.first = write.LevelDB, false
		if s.whole {
			s.level = math.Round(s.level)
		}
		return s.level
	}
	answer := func(confirmed float64, result Result) func() {
		return func() {
			s.first = s.first && (write.Mute || result != Confirmed)
			w.act(w.slider.Wrote(w.now, write, confirmed, result))
		}
	}
	switch {
	case lost && write.Checked && w.random.IntN(2) == 0:
		w.in(time.Second+w.upTo(time.Second/2), answer(0, Unasked))
	case lost:
		if w.random.IntN(2) == 0 {
			w.in(w.upTo(5*time.Second), func() {
				if w.now >= s.off {
					obey()
				}
			})
		}
		w.in(time.Second+w.upTo(time.Second/2), answer(0, Silence))
	case refused:
		w.in(w.upTo(100*time.Millisecond), answer(0, Refusal))
	default:
		limit := 30 * time.Millisecond
		if !w.calm && w.random.IntN(10) == 0 {
			limit = 3 * time.Second
		}
		w.in(w.upTo(limit), func() {
			switch {
			case write.Checked && math.Abs(s.level-write.FromDB) > levelStep/2:
				w.in(w.upTo(limit), answer(s.level, Turned))
				return
			case !write.Mute && overtakes && s.turned && write.LevelDB > s.level+levelStep:
				w.t.Fatalf("%v: speaker %d is raised from %.1f dB, to which its owner has turned it, to %.1f dB", w.now, write.Speaker, s.level, write.LevelDB)
			}
			s.turned = s.turned && write.Mute
			w.in(w.upTo(limit), answer(obey(), Confirmed))
		})
	}
}

// happen lets something be done to it.
func (w *world) happen() {
	s := &w.speakers[w.random.IntN(2)]
	switch w.random.IntN(13) {
	case 0, 1, 2, 3, 4: // the slider is dragged
		to := -60 * math.Pow(w.random.Float64(), 2)
		for n := range 1 + w.random.IntN(10) {
			from := w.law.VolumeDB
			w.in(time.Duration(n)*15*time.Millisecond, func() { w.law.VolumeDB = min(0, from+(to-from)*float64(n+1)/10); w.moved(); w.see() })
		}
	case 5: // a surprise that the guard holds
		w.law.Held = aes67.Ramp{At: w.now, FromDB: -30 * w.random.Float64(), Rise: 6}
		w.law.VolumeDB = -10 * w.random.Float64()
		w.moved()
		w.see()
	case 6:
		w.law.Muted = !w.law.Muted
		w.see()
	case 7: // switched off and on again, with what it remembers of an earlier day
		s.off = w.now.Add(3*time.Second + w.upTo(4*time.Second))
		s.level = testReference - 40*w.random.Float64()
	case 8:
		s.cut = w.now.Add(w.upTo(6 * time.Second))
	case 9:
		s.local = !s.local
	case 10:
		s.refuses = !s.refuses
	case 11: // turned at the speaker, by its owner
		s.level, s.turned = 90*w.random.Float64(), true
		w.excused = math.MaxInt64
	case 12:
		s.muted = !s.muted
	}
}

// pass lets a step of time go by.
func (w *world) pass() {
	end := w.now.Add(step)
	for {
		next := -1
		for i, e := range w.events {
			if e.at <= end && (next < 0 || e.at < w.events[next].at) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		e := w.events[next]
		w.events = slices.Delete(w.events, next, next+1)
		w.now = max(w.now, e.at)
		e.do()
	}
	w.now = end
	w.listen()
}

// listen compares what is heard with the law.
func (w *world) listen() {
	for len(w.gains) > 1 && w.gains[1].at <= w.now {
		w.gains = w.gains[1:]
	}
	stream := w.gains[0].ramp.DB(w.now)
	allowed := max(w.slider.law.Ramp().DB(w.now), slices.Max(append(w.within, math.Inf(-1))))
	w.within = nil
	window := int((Flight + applyLimit + 2*step) / step)
	w.laws = append(w.laws[max(0, len(w.laws)-window):], allowed)
	w.ears = append(w.ears[max(0, len(w.ears)-int(Flight/step)):], stream)
	for i := range w.speakers {
		if s := &w.speakers[i]; math.Abs(w.slider.devices[i].level-s.level) < levelStep {
			s.turned = false
		}
	}
	if w.excused == math.MaxInt64 && !w.speakers[0].turned && !w.speakers[1].turned {
		w.excused = w.now.Add(time.Second)
	}
	most := slices.Max(w.ears)
	if w.now < w.excused || most < -100 {
		return
	}
	for i, s := range w.speakers {
		if w.now < s.off {
			continue
		}
		// What rises goes on for as long as the next gain takes to be in force.
		limit := testReference + slices.Max(w.laws) + eps + 6*applyLimit.Seconds()
		if s.whole && w.slider.devices[i].step < 1 {
			w.learnt = w.now
		}
		if w.now.Sub(w.learnt) < time.Second { // until it is known that it rounds
			limit += 0.5
		}
		if heard := s.level + most; heard > limit {
			w.t.Fatalf("%v: speaker %d is heard at %.2f dB (level %.2f, stream %.2f); the law says %.2f; mode %d, %+v",
				w.now, i, heard, s.level, most, testReference+slices.Max(w.laws), w.mode, w.slider.devices[i])
		}
	}
}

// TestNoSpeakerIsEverLouderThanTheSlider lets all go wrong that can, in any order, and
// then nothing: the speakers are at the slider's level in the end, and the stream
// untouched.
func TestNoSpeakerIsEverLouderThanTheSlider(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(t, seed)
		for end := w.now.Add(40 * time.Second); w.now < end; w.pass() {
			if w.random.IntN(150) == 0 {
				w.happen()
			}
		}
		w.settle(seed)
		if t.Failed() {
			return
		}
	}
}

// TestWhoTurnsASpeakerDownAtTheEntryKeepsIt: a speaker that is turned down while the slider
// takes over ends no louder than it was turned.
func TestWhoTurnsASpeakerDownAtTheEntryKeepsIt(t *testing.T) {
	turns := map[Mode]int{}
	for seed := range uint64(1500) {
		w := newWorld(t, seed)
		w.calm = true
		w.law.VolumeDB = -30 * w.random.Float64()
		w.see()
		s, most := &w.speakers[w.random.IntN(2)], math.Inf(1)
		at := Mode(seed % 3) // the mode in which it happens
		for end := w.now.Add(20 * time.Second); w.now < end; w.pass() {
			soon := w.random.IntN(8) == 0 && (at != Sink || w.random.IntN(8) == 0)
			if math.IsInf(most, 1) && soon && w.mode == at && (at != Device || s.first) {
				most = s.level * w.random.Float64()
				s.level, s.turned, w.excused = most, true, math.MaxInt64
				turns[at]++
			}
			if s.level > most+levelStep {
				t.Fatalf("seed %d: a speaker that was turned to %.1f dB is at %.1f", seed, most, s.level)
			}
		}
		if w.mode != Device {
			t.Fatalf("seed %d: the slider does not move the speakers: %+v", seed, w.slider.doubt)
		}
	}
	if turns[Sink] < 50 || turns[Entering] < 50 || turns[Device] < 50 {
		t.Errorf("turns in each mode: %v; too few to tell", turns)
	}
}

// settle lets all be well.
func (w *world) settle(seed uint64) {
	w.calm = true
	for i := range w.speakers {
		s := &w.speakers[i]
		s.local, s.refuses, s.muted = false, false, false
	}
	w.law.Muted = false
	w.see()
	for end := w.now.Add(longestRest + time.Minute); w.now < end && !w.still(); w.pass() {
	}
	if !w.still() {
		w.t.Errorf("seed %d: all is well, and after %v mode is %d (%+v), the stream at %+v, the speakers %+v at %.1f dB",
			seed, longestRest, w.mode, w.slider.doubt, w.slider.gain.ramp, w.speakers, w.law.VolumeDB)
	}
}

// still reports whether the speakers have all of the volume.
func (w *world) still() bool {
	near := 0.0
	for _, s := range w.speakers {
		near = max(near, math.Abs(s.level-(testReference+w.law.VolumeDB)))
	}
	if max(w.speakers[0].level, w.speakers[1].level) < levelStep && testReference+w.law.VolumeDB < 1 {
		return w.mode == Device // the least that they take: the stream has the rest
	}
	if w.speakers[0].whole {
		return w.mode == Device && near < 1.01 && w.speakers[0].level == w.speakers[1].level
	}
	return w.mode == Device && near <= levelStep+0.01 && w.slider.gain.ramp.DB(w.now) == 0 && math.Abs(w.speakers[0].level-w.speakers[1].level) < levelStep
}
