package e2e

import (
	"context"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/speakersim"
	"aes67-sink/speakers"
)

const pairReference = 84.0 // dB

// setting is a level, of a speaker or of the slider, since an instant.
type setting struct {
	at aes67.MonoTime
	db float64
}

// history are settings in order.
type history struct {
	mu  sync.Mutex
	all []setting
}

func (h *history) add(db float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, setting{rtthread.Now(), db})
}

// within are the least and the most from one instant to another.
func (h *history) within(from, to aes67.MonoTime) (least, most float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	least, most = math.Inf(1), math.Inf(-1)
	for i, s := range h.all {
		if s.at <= to && (i+1 == len(h.all) || h.all[i+1].at > from) {
			least, most = min(least, s.db), max(most, s.db)
		}
	}
	return least, most
}

// speakersDesk is a bridge with two simulated speakers that are paired.
type speakersDesk struct {
	*bridge
	t      testing.TB
	sound  *server
	wire   wire
	sims   [2]*speakersim.Speaker
	levels [2]*history
	// The slider's bounds: while a command is on its way it may be at either value.
	slider, least history
	last          float64
}

func newSpeakersDesk(t testing.TB, kind string, arguments ...string) *speakersDesk {
	t.Helper()
	w, s := newWire(t), newServer(t, kind)
	d := &speakersDesk{t: t, wire: w, sound: s}
	var pair speakers.Pair
	pair.ReferenceDB = pairReference
	for i, side := range []*speakers.Identity{&pair.Left, &pair.Right} {
		*side = speakers.Identity{Serial: fmt.Sprintf("638000000%d", i), Name: []string{"Left", "Right"}[i], Product: "KH 120 II AES67"}
		sim := speakersim.New(speakersim.Config{Profile: speakersim.KH120IIAES67, Name: side.Name, Serial: side.Serial})
		if err := sim.Turn("audio/out/level", pairReference); err != nil {
			t.Fatal(err)
		}
		d.sims[i], d.levels[i] = sim, &history{}
		d.levels[i].add(pairReference)
		sim.OnSet(func(path string, value any) {
			if db, ok := value.(float64); ok && path == "audio/out/level" {
				d.levels[i].add(db)
			}
		})
		w.inside(t, speaker, func(net.Interface) error {
			l, err := net.Listen("tcp", "10.67.0.2:0")
			if err == nil {
				side.Address = l.Addr().String()
				beside(t, "speaker", func(ctx context.Context) error { return sim.Serve(ctx, l) })
			}
			return err
		})
	}
	if err := speakers.PairFile(filepath.Join(s.dir, "home/.local/state/aes67-sink")).Save(pair); err != nil {
		t.Fatal(err)
	}
	s.do("start", kind)
	d.bridge = stationAt(w, s).run(append([]string{"--set", "clock.mode=grandmaster"}, arguments...)...)
	d.reaches(silenceOfMasters, "the sessions are there", func(r report) bool { return len(r.Streams) == 2 && r.Sink.VolumeDB != nil })
	return d
}

// to moves the desktop's slider.
func (d *speakersDesk) to(db float64) {
	d.t.Helper()
	level := math.Round(65536 * math.Pow(10, db/60))
	db = 60 * math.Log10(level/65536)
	d.slider.add(max(db, d.last))
	d.least.add(min(db, d.last))
	d.sound.pactl("set-sink-volume", "aes67", fmt.Sprint(int(level)))
	d.slider.add(db)
	d.least.add(db)
	d.last = db
}

// at waits until both speakers are at a level.
func (d *speakersDesk) at(db float64) {
	d.t.Helper()
	eventually(d.t, 10*time.Second, fmt.Sprintf("both speakers at %.1f dB", db), func() bool {
		return math.Abs(d.sims[0].Level()-db) < 0.11 && math.Abs(d.sims[1].Level()-db) < 0.11
	})
}

// TestTheSliderMovesTheSpeakers drags the slider from the lower end to the upper and back
// in 2 s, while a tone plays: the speakers' levels follow within 150 ms, and what a speaker
// plays is never louder than the slider says. Then one of them goes: that is no louder.
func TestTheSliderMovesTheSpeakers(t *testing.T) {
	shared(t)
	measured(t, dragsTheSlider)
}

func dragsTheSlider(t *attempt) {
	d := newSpeakersDesk(t, "pipewire")
	d.at(pairReference - 40)
	const length = 30 * time.Second
	tones := makeTones(t, length)
	start(t, "paplay", d.sound.env, d.sound.by("paplay", "--volume=65536", "--latency-msec=20", "--device=aes67", tones)...)
	d.loud(10 * time.Second) // which turns the slider up
	d.slider.add(0)
	d.least.add(0)
	d.at(pairReference)
	l := listen(t, d.wire, d.descriptions()[0], nil, length)
	began := rtthread.Now()

	const steps = 8 // each way: a command takes a tenth of a second
	for i := range 2*steps + 1 {
		share := 1 - math.Abs(float64(i-steps))/steps // of the slider's way
		next := began.Add(time.Duration(i) * time.Second / steps)
		eventually(t, time.Second, "the next step", func() bool { return rtthread.Now() >= next })
		d.to(60*share - 60) // in steps that no guard holds
	}
	dragged := rtthread.Now()
	t.Logf("from 0 to 100 %% and back in %.1f s", dragged.Sub(began).Seconds())
	d.at(pairReference - 60)
	behind, apart := 0.0, 0.0
	for at := began; at < dragged; at = at.Add(5 * time.Millisecond) {
		least, _ := d.least.within(at.Add(-late), at)
		_, most := d.slider.within(at.Add(-late), at)
		var now [2]float64
		for i, h := range d.levels {
			_, now[i] = h.within(at, at)
			behind = max(behind, now[i]-pairReference-most, least-now[i]+pairReference)
		}
		low, high := d.levels[0].within(at.Add(-late), at)
		apart = max(apart, now[1]-high, low-now[1])
	}
	figures.atMost(t, "speakers' level outside of the slider's last 150 ms", behind, 0.11, "dB")
	figures.atMost(t, "one speaker outside of the other's last 150 ms", apart, 0.11, "dB")

	for _, db := range []float64{-50, -40, -30, -20} { // in steps that no guard holds
		d.to(db)
	}
	d.at(pairReference - 20)
	d.reaches(5*time.Second, "the slider is there", func(r report) bool { return r.Sink.VolumeDB != nil && math.Abs(*r.Sink.VolumeDB+20) < 0.1 })
	d.sims[1].SetFaults(speakersim.Faults{Off: true})
	r := d.reaches(10*time.Second, "it is told", func(r report) bool {
		return slices.ContainsFunc(r.Problems, func(f health.Finding) bool { return f.Code == "slider-moves-stream" })
	})
	t.Logf("%+v", r.Problems)
	d.at2(0, pairReference)
	gone := rtthread.Now()
	l.heardUntil(t, gone.Add(time.Second))

	figures.atMost(t, "a speaker above the slider's last 150 ms", d.over(l), 0.2, "dB")
	figures.atMost(t, "stream after one has gone", math.Abs(latest(l)+20), 0.5, "dB off -20")
}

// late is how much a speaker may be behind the slider.
const late = 150 * time.Millisecond

// over is by how much, in dB, any speaker was above the slider of the last 150 ms: what it
// plays is the tone on the wire, and its level.
func (d *speakersDesk) over(l listener) (db float64) {
	d.t.Helper()
	h := l.heard()
	if len(h.arrivals) == 0 {
		d.t.Fatal("nothing was received")
	}
	x := h.unspoilt(leftHz, ofSound(0))
	db = math.Inf(-1)
	judged := 0
	for _, a := range h.arrivals {
		frame := a.Frame
		if frame < 0 || frame+480 > len(x) || frame%480 != 0 {
			continue
		}
		judged++
		stream := lab.DBFS(lab.Peak(x[frame:frame+480])) - toneDBFS
		_, allowed := d.slider.within(a.At.Add(-late), a.At.Add(10*time.Millisecond))
		for _, speaker := range d.levels {
			least, _ := speaker.within(a.At, a.At.Add(10*time.Millisecond))
			db = max(db, stream+least-pairReference-allowed)
		}
	}
	if judged < 10 {
		d.t.Fatalf("%d blocks were judged of %d packets", judged, len(h.arrivals))
	}
	return db
}

// latest is the tone's level on the wire, in dB of what is played, in the last 100 ms.
func latest(l listener) (db float64) {
	x := l.samples()
	return lab.DBFS(lab.Peak(x[max(0, len(x)-4800):])) - toneDBFS
}

// TestLocalWhileItPlays turns the switch at the rear of one of two speakers, which the
// slider moves, to LOCAL and back while a tone plays: the stream has the slider's volume,
// then the speakers have it again, and neither was louder at any time.
func TestLocalWhileItPlays(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		d := newSpeakersDesk(t, "pipewire")
		d.at(pairReference - 40)
		const length = 60 * time.Second
		start(t, "paplay", d.sound.env, d.sound.by("paplay", "--latency-msec=20", "--device=aes67", makeTones(t, length))...)
		d.slider.add(-20) // the most that it is set to
		d.last = -20
		for _, db := range []float64{-30, -20} { // in steps that no guard holds
			pass(handsPause)
			d.to(db)
		}
		d.at(pairReference - 20)
		l := listen(t, d.wire, d.descriptions()[0], nil, length)
		l.lasts(t, time.Second)
		figures.atMost(t, "stream while the slider moves the speakers", math.Abs(latest(l)), 0.1, "dB off 0")

		d.sims[0].SetLocal(true)
		stream := func(r report) bool {
			return slices.ContainsFunc(r.Problems, func(f health.Finding) bool {
				return f.Code == "slider-moves-stream" && strings.Contains(f.Sentence, `"Left" is set to LOCAL`)
			})
		}
		d.reaches(10*time.Second, "LOCAL is told", stream)
		d.at2(1, pairReference) // the other one can be set, and is
		l.heardUntil(t, rtthread.Now().Add(time.Second))
		figures.atMost(t, "stream while one is LOCAL", math.Abs(latest(l)+20), 0.5, "dB off -20")
		if db := d.sims[0].Level(); math.Abs(db-pairReference+20) > 0.11 {
			t.Errorf("the one that is LOCAL was set to %.1f dB", db)
		}

		d.sims[0].SetLocal(false)
		d.reaches(30*time.Second, "it is told no longer", func(r report) bool { return !stream(r) })
		d.at(pairReference - 20)
		l.heardUntil(t, rtthread.Now().Add(time.Second))
		figures.atMost(t, "stream after LOCAL", math.Abs(latest(l)), 0.1, "dB off 0")
		figures.atMost(t, "a speaker above the slider, with LOCAL", d.over(l), 0.2, "dB")
	})
}

// at2 waits until one speaker is at a level.
func (d *speakersDesk) at2(i int, db float64) {
	d.t.Helper()
	eventually(d.t, 10*time.Second, fmt.Sprintf("speaker %d at %.1f dB", i, db), func() bool { return math.Abs(d.sims[i].Level()-db) < 0.11 })
}

// TestPulseAudioStaysWithTheStream: the speakers are not touched, and it is told why.
func TestPulseAudioStaysWithTheStream(t *testing.T) {
	shared(t)
	d := newSpeakersDesk(t, "pulseaudio")
	d.reaches(10*time.Second, "it is told", func(r report) bool {
		return slices.ContainsFunc(r.Problems, func(p health.Finding) bool { return strings.Contains(p.Sentence, "PulseAudio scales") })
	})
	d.to(-20)
	d.reaches(5*time.Second, "-20 dB", func(r report) bool { return r.Sink.VolumeDB != nil && math.Abs(*r.Sink.VolumeDB+20) < 0.1 })
	pass(time.Second) // a command takes a while to arrive
	for _, s := range d.sims {
		if s.Level() != pairReference {
			t.Errorf("a speaker was set to %.1f dB", s.Level())
		}
	}
}
