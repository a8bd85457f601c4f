package pulse

import (
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"github.com/rs/zerolog"

	"aes67-sink/aes67"
)

// doubter is a VolumeHandler that tells when sound became loud, and what was
// known of it before.
type doubter struct {
	mu      sync.Mutex
	frames  aes67.Frames
	doubts  []aes67.Frames
	from    int              // the first doubt since clear
	asked   []aes67.MonoTime // when each doubt came
	loud    aes67.Frames     // the first frame above -38 dBFS since clear; -1: none
	loudAt  aes67.MonoTime
	settled uint64
	late    time.Duration // the longest from a doubt to its answer
	gain    aes67.Ramp
	unheard bool // nobody sends it
}

func (d *doubter) Frames(samples []float32, at aes67.MonoTime) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, s := range samples {
		if d.loud < 0 && math.Abs(float64(s)) > 0.0126 {
			d.loud, d.loudAt = d.frames+aes67.Frames(i/2), at
		}
	}
	d.frames += aes67.Frames(len(samples) / 2)
}

func (d *doubter) Doubt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubts, d.asked = append(d.doubts, d.frames), append(d.asked, now())
}

func (d *doubter) Doubts() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(len(d.doubts))
}

func (d *doubter) Settle(doubts uint64, gain aes67.Ramp, _ ...float64) (number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; d.settled < doubts; d.settled++ {
		d.late = max(d.late, now().Sub(d.asked[d.settled]))
	}
	d.gain = gain
	return 0
}

func (d *doubter) HeardAt() aes67.MonoTime {
	if d.unheard {
		return 0
	}
	return now()
}

// What nobody sends is silent, whatever plays: nothing rises, and nothing is trusted.
func TestNothingRisesThatNobodySends(t *testing.T) {
	for _, unheard := range []bool{false, true} {
		cfg := stereo()
		cfg.JumpGuard, cfg.Now = true, now
		s := newLife(New(cfg, &doubter{unheard: unheard}, zerolog.Nop()))
		s.guard.begin(uniform(LevelOf(-40), 2, false))
		s.playing = 1
		s.framer.intake.listen([]float32{0.5, 0.5}, 2, now())
		s.sawVolume(0, uniform(LevelOf(0), 2, false), 0, true)
		if rises := s.guard.ramp().Climbs(); rises == unheard || !s.guard.pending {
			t.Errorf("unheard %v: it rises: %v", unheard, rises)
		}
		if s.guard.waits(s.silent()) {
			t.Errorf("unheard %v: to be seen anew", unheard)
		}
	}
}

func (d *doubter) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loud, d.late, d.from = -1, 0, len(d.doubts)
}

// wasLoud reports whether sound became loud since clear, and how long before it was in
// doubt: math.MinInt64 where no doubt since clear was before it.
func (d *doubter) wasLoud() (lead aes67.Frames, early, answer time.Duration, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loud < 0 {
		return 0, 0, 0, false
	}
	lead, early = math.MinInt64, 0
	for i, at := range d.doubts { // the last one before it
		if i >= d.from && at <= d.loud {
			lead, early = d.loud-at, d.loudAt.Sub(d.asked[i])
		}
	}
	return lead, early, d.late, true
}

// TestAVolumeIsDoubtedBeforeItIsHeard raises the volume in two ways under both
// servers, with PulseAudio's flat volumes: the sound is in doubt before its first
// loud frame, and what is answered keeps it down.
func TestAVolumeIsDoubtedBeforeItIsHeard(t *testing.T) {
	for _, kind := range []string{"pipewire", "pulseaudio"} {
		t.Run(kind, func(t *testing.T) {
			l := startLab(t, kind, "flat-volumes = yes")
			cfg := stereo()
			cfg.JumpGuard = true
			saved := remembered(-40, 2)
			cfg.Volume = saved
			d := &doubter{loud: -1}
			b := l.runInto(cfg, d)
			b.await("the flow of the monitor", flowing)
			// A server whose processor is busy may send what is louder before it says so: of
			// that nobody can know. It answers late then, too.
			const heldUp = 20 * time.Millisecond
			judge := func(what string, quiet func(Status) bool) (inTime, held bool) {
				t.Helper()
				eventually(t, what, func() bool { _, _, _, yes := d.wasLoud(); return yes })
				b.await(what+" in status", quiet) // its doubt is answered
				lead, early, answer, _ := d.wasLoud()
				t.Logf("%s: in doubt %d frames and %v before, answered within %v", what, lead, early, answer)
				d.mu.Lock()
				gain := d.gain.DB(now())
				d.mu.Unlock()
				if gain > -15 {
					t.Errorf("%s: a gain of %v dB, want some -28 or -40", what, gain)
				}
				if v, _ := saved.Load(); math.Abs(v.DB()+40) > 0.01 {
					t.Errorf("%s: %v dB is remembered, want -40", what, v.DB())
				}
				return lead >= 0, lead < 0 && answer > heldUp
			}
			loud := func(words string) func(Status) bool {
				return func(st Status) bool { return math.Abs(st.VolumeDB) < 0.01 && strings.Contains(st.Notice, words) }
			}

			stop := l.play(cfg, square(1))
			b.await("a player", func(st Status) bool { return st.Playing == 1 })
			time.Sleep(2 * oneStep) // what comes with a player is the player's doing
			const jumps = 6
			inTime, held := 0, 0
			for range jumps {
				l.sh("pactl set-sink-volume aes67 %d", LevelOf(-40))
				b.await("-40 dB", func(st Status) bool { return math.Abs(st.VolumeDB+40) < 0.01 && st.Notice == "" })
				time.Sleep(2 * oneStep) // its doubts are none of the jump
				d.clear()
				l.sh("pactl set-sink-volume aes67 65536")
				switch early, busy := judge("a jump", loud("went from -40.0 to 0.0 dB at once")); {
				case early:
					inTime++
				case busy:
					held++
				}
			}
			if inTime < jumps/2 || inTime+held < jumps-1 {
				t.Fatalf("of %d jumps %d were in doubt before they were heard, and the server was held up in %d others", jumps, inTime, held)
			}
			stop()
			if kind == "pipewire" {
				return // has no flat volumes
			}
			player := func() bool {
				l.sh("pactl set-sink-volume aes67 %d", LevelOf(-40))
				b.await("-40 dB", func(st Status) bool { return math.Abs(st.VolumeDB+40) < 0.01 && st.Notice == "" && st.Playing == 0 })
				time.Sleep(2 * oneStep)
				d.clear()
				l.sh("head -c 400000 /dev/urandom >$HOME/noise; pacat --latency-msec=20 --rate=48000 --volume=65536 --device=aes67 $HOME/noise &")
				inTime, held := judge("a player of flat volumes", loud("a program raised the sink's volume from -40.0 to 0.0 dB"))
				if !inTime && !held {
					t.Fatal("a player of flat volumes was loud before it was in doubt, and the server was not held up")
				}
				return inTime
			}
			for tries := 1; !player(); tries++ {
				if tries == 3 {
					t.Fatal("each of three players of flat volumes was loud before it was in doubt")
				}
			}
		})
	}
}

// answers is a VolumeHandler that keeps all messages and answers.
type answers struct {
	mu       sync.Mutex
	doubts   uint64
	told     aes67.MonoTime // the last doubt
	messages []message
	answers  []answer
}

type message struct {
	frames int
	at     aes67.MonoTime
	peak   float64
	doubts uint64         // raised before it
	told   aes67.MonoTime // the last of them
}

type answer struct {
	doubts uint64 // settled by it
	gainDB float64
}

func (a *answers) Frames(samples []float32, at aes67.MonoTime) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := message{doubts: a.doubts, told: a.told, frames: len(samples) / 2, at: at}
	for _, s := range samples {
		m.peak = max(m.peak, math.Abs(float64(s)))
	}
	a.messages = append(a.messages, m)
}

func (a *answers) Doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doubts++
	a.told = now()
}

func (a *answers) Doubts() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.doubts
}

func (a *answers) Settle(doubts uint64, gain aes67.Ramp, _ ...float64) (number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = append(a.answers, answer{doubts, gain.DB(now())})
	return 0
}

func (a *answers) HeardAt() aes67.MonoTime { return now() }

// answered returns the least gain that the i-th message was answered with: what
// was answered since the one before it counts, up to the answers for all its doubts,
// and which doubts those ended.
func (a *answers) answered(i int) (gainDB float64, doubts uint64, known bool) {
	for _, answer := range a.answers {
		switch {
		case i > 0 && answer.doubts <= a.messages[i-1].doubts:
			continue
		case doubts > 0 && answer.doubts > doubts:
			return gainDB, doubts, true
		case answer.doubts >= a.messages[i].doubts:
			doubts = answer.doubts
		}
		gainDB = min(gainDB, answer.gainDB)
	}
	return gainDB, doubts, doubts > 0
}

// punctual returns when each message's end was made by the server: those that came
// soonest within a second before and after it were not held up.
func (a *answers) punctual() []aes67.MonoTime {
	made := make([]aes67.MonoTime, len(a.messages))
	early := make([]time.Duration, len(a.messages)) // arrival less the time of its frames
	frames := 0
	for i, m := range a.messages {
		frames += m.frames
		early[i] = m.at.Sub(a.messages[0].at) - time.Duration(frames)*time.Second/48000
		made[i] = a.messages[0].at.Add(time.Duration(frames) * time.Second / 48000)
	}
	for i, m := range a.messages {
		least := early[i]
		for j := i; j >= 0 && m.at.Sub(a.messages[j].at) < time.Second; j-- {
			least = min(least, early[j])
		}
		for j := i; j < len(a.messages) && a.messages[j].at.Sub(m.at) < time.Second; j++ {
			least = min(least, early[j])
		}
		made[i] = made[i].Add(least)
	}
	return made
}

// TestNoAnswerForgetsWhatTheMonitorAdds moves the sink's volume and its monitor's
// at one time: however the two events and their answers meet, nothing is answered
// as louder than the sink allows.
func TestNoAnswerForgetsWhatTheMonitorAdds(t *testing.T) {
	for _, kind := range []string{"pipewire", "pulseaudio"} {
		t.Run(kind, func(t *testing.T) {
			l := startLab(t, kind, "")
			cfg := stereo()
			cfg.Volume = remembered(0, 2)
			a := &answers{}
			b := l.runInto(cfg, a)
			b.await("the flow of the monitor", flowing)
			defer l.play(cfg, square(0.1))()
			b.await("a player", func(st Status) bool { return st.Playing == 1 })
			for i := range 20 {
				l.sh("pactl set-source-volume aes67.monitor 150%% & pactl set-sink-volume aes67 %d; wait", LevelNorm-Level(i%2)*700)
				eventually(t, "the monitor at 0 dB", func() bool {
					return strings.Contains(l.sh("LC_ALL=C pactl get-source-volume aes67.monitor"), "100%")
				})
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			// As the bridge's guard does: a gain rises by 40 dB a second to what was
			// answered last, since a fall of the server's volume is told before it is
			// heard, and not before the last doubt that is answered, or before all has come
			// that was made by then; it has fallen for the message before the one that it
			// is for.
			made := a.punctual()
			moved, before, ended, gain, most := 0, uint64(0), uint64(0), 0.0, 0.0
			untold := map[uint64]bool{} // the moves, by the doubts before them
			last := len(a.messages) - 1
			for i, m := range a.messages[:last] {
				if m.peak > 0.11 {
					moved++
				}
				if m.peak <= 0.11 {
					before = m.doubts
				}
				if m.doubts >= ended && made[i] > m.told {
					gain += 40 * float64(m.frames) / 48000
				}
				for _, message := range []int{i, i + 1} {
					if answered, doubts, known := a.answered(message); known && a.messages[message].doubts > a.messages[max(0, message-1)].doubts {
						gain = min(gain, answered)
						if message == i {
							most, ended = answered, doubts
						}
					}
				}
				gain = min(gain, most)
				if len(a.answers) == 0 || m.doubts > a.answers[len(a.answers)-1].doubts {
					// The last changes are not answered: nothing is heard.
					rest := 0
					for _, m := range a.messages[i:] {
						rest += m.frames
					}
					if rest > 48000 {
						t.Errorf("from message %d of %d on nothing is answered, and a second follows", i, last+1)
					}
					break
				}
				heard := m.peak * math.Pow(10, gain/20)
				switch {
				case heard <= 0.115: // little more than a decibel
				case a.messages[i+1].doubts == before:
					// A server whose processor is busy sends what is louder before it says so:
					// of that nobody can know.
					untold[before] = true
				default:
					t.Errorf("a message of peak %v was answered with %v dB, heard %v; want 0.1 at most", m.peak, gain, heard)
				}
			}
			if moved == 0 {
				t.Error("no message was louder: the monitor was never moved")
			}
			t.Logf("%d messages were louder; of %d moves some were so before the server said so", moved, len(untold))
			if len(untold) > 5 { // of 20 moves
				t.Errorf("%d times the server was late: what is doubted is doubted too late", len(untold))
			}
		})
	}
}

func TestAnEventOfTheSinksVolumeIsRecognized(t *testing.T) {
	event := func(opcode, event, index byte) []byte {
		return []byte{'L', 0, 0, 0, opcode, 'L', 0xFF, 0xFF, 0xFF, 0xFF, 'L', 0, 0, 0, event, 'L', 0, 0, 0, index}
	}
	const subscribeEvent, change, remove, source, sinkInput, sourceOutput = 66, 0x10, 0x20, 1, 2, 3
	f := newFramer(2, nil)
	f.sink.Store(7)
	f.source.Store(8)
	f.output.Store(9)
	for _, c := range []struct {
		what    string
		payload []byte
		want    bool
	}{
		{"a change of our sink", event(subscribeEvent, change, 7), true},
		{"a change of another sink", event(subscribeEvent, change, 8), false},
		{"a change of its monitor", event(subscribeEvent, change|source, 8), true},
		{"a change of another source", event(subscribeEvent, change|source, 7), false},
		{"a change of the recording", event(subscribeEvent, change|sourceOutput, 9), true},
		{"a change of another recording", event(subscribeEvent, change|sourceOutput, 8), false},
		{"our sink's end", event(subscribeEvent, remove, 7), false},
		{"a change of a player", event(subscribeEvent, change|sinkInput, 7), false},
		{"another message", event(61, change, 7), false},
		{"a message that is cut off", event(subscribeEvent, change, 7)[:19], false},
		{"nothing", nil, false},
	} {
		if got := f.changesVolume(c.payload); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// Where no player came or went, none has raised the volume; one that did is blamed until
// somebody has looked, whatever happens meanwhile.
func TestNoPlayerIsBlamedForWhatNobodySaw(t *testing.T) {
	cfg, now := stereo(), aes67.MonoTime(time.Hour)
	cfg.Now = func() aes67.MonoTime { return now }
	s := newLife(New(cfg, nil, zerolog.Nop()))
	s.framer.sink.Store(7)
	blamed := func() bool { return s.dirty.Load()&dirtyPlayer != 0 }
	event := func(facility, kind proto.SubscriptionEventType, index uint32) {
		s.message(&proto.SubscribeEvent{Event: facility | kind, Index: index})
	}
	event(proto.EventSink, proto.EventChange, 7)
	if blamed() {
		t.Error("a player is blamed, and none came")
	}
	now = now.Add(oneStep + 1)
	event(proto.EventSinkSinkInput, proto.EventNew, 1)
	event(proto.EventSink, proto.EventNew, 8)
	if blamed() {
		t.Error("a player is blamed for another sink")
	}
	event(proto.EventSink, proto.EventChange, 7)
	now = now.Add(time.Second)
	event(proto.EventSink, proto.EventChange, 7) // of its state
	if !blamed() {
		t.Error("a player that came with it is not blamed")
	}
	s.dirty.Store(0)
	event(proto.EventSinkSinkInput, proto.EventRemove, 1)
	if !blamed() || s.dirty.Load()&dirtyVolumes == 0 {
		t.Error("a player that goes just after the sink has changed is not blamed, or for ever")
	}
}
