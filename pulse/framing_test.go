package pulse

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aes67-sink/aes67"
)

// packet writes one packet of the stream.
func packet(channel uint32, flags uint32, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, channel)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, flags)
	return append(b, payload...)
}

// audioOf writes samples as the server does.
func audioOf(samples ...float32) []byte {
	var b []byte
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
	}
	return b
}

// ear collects what a framer delivers; audio as bytes, so that NaN compares.
type ear struct {
	channels int
	audio    []byte
	calls    int
	last     aes67.MonoTime
	controls [][]byte
	broken   bool // a call had a part of a frame
	gaps     int
}

func (e *ear) Gap() { e.gaps++ }

func (e *ear) Frames(samples []float32, at aes67.MonoTime) {
	e.broken = e.broken || len(samples) == 0 || len(samples)%e.channels != 0
	e.audio = append(e.audio, audioOf(samples...)...)
	e.calls++
	e.last = at
}

func listen(channels int, stream uint32) (*framer, *ear) {
	e := &ear{channels: channels}
	f := newFramer(channels, e)
	f.reset(func(b []byte) { e.controls = append(e.controls, bytes.Clone(b)) })
	f.record(stream)
	f.open.Store(true)
	return f, e
}

func TestFramerSortsPackets(t *testing.T) {
	f, e := listen(2, 7)
	stream := slices.Concat(
		packet(controlChannel, 0, []byte("first")),
		packet(7, 0, audioOf(1, -1, 0.5, -0.5)),
		packet(8, 0, audioOf(9, 9)),             // another stream
		packet(7, 0x80000000, make([]byte, 16)), // audio elsewhere
		packet(7, 0x40000000, nil),              // a release
		packet(7, 0, nil),                       // nothing
		packet(controlChannel, 0, []byte("second")),
		packet(7, 0, audioOf(2, -2)))
	if err := f.feed(stream, 5); err != nil {
		t.Fatal(err)
	}
	if want := audioOf(1, -1, 0.5, -0.5, 2, -2); !bytes.Equal(e.audio, want) || e.calls != 2 {
		t.Errorf("audio %x in %d calls, want %x in 2", e.audio, e.calls, want)
	}
	if len(e.controls) != 2 || string(e.controls[0]) != "first" || string(e.controls[1]) != "second" {
		t.Errorf("controls %q", e.controls)
	}
	if got := f.intake.messages.Load(); got != 2 {
		t.Errorf("%d messages, want 2", got)
	}
	if got := f.intake.largest.Load(); got != 2 {
		t.Errorf("largest message %d, want 2", got)
	}
}

func TestFramerJoinsFramesAcrossPackets(t *testing.T) {
	want := audioOf(1, 2, 3, 4, 5, 6, 7, 8, 9)
	for cut := range len(want) {
		f, e := listen(3, 7)
		stream := slices.Concat(packet(7, 0, want[:cut]), packet(controlChannel, 0, nil), packet(7, 0, want[cut:]))
		if err := f.feed(stream, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e.audio, want) || e.broken {
			t.Fatalf("cut at %d: %x, want %x", cut, e.audio, want)
		}
	}
}

func TestFramerForgetsThePartOfAnotherStream(t *testing.T) {
	f, e := listen(2, 7)
	feed := func(b []byte) {
		t.Helper()
		if err := f.feed(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	feed(packet(7, 0, audioOf(1, 2, 3)[:11]))
	f.record(7) // the same number, but a new stream
	feed(packet(7, 0, audioOf(4, 5)))
	f.record(noStream)
	feed(packet(7, 0, audioOf(6, 7)))
	if want := audioOf(1, 2, 4, 5); !bytes.Equal(e.audio, want) {
		t.Errorf("audio %x, want %x", e.audio, want)
	}
}

func TestFramerIsSilentUntilOpenedAndThenRises(t *testing.T) {
	f, e := listen(1, 7)
	f.fade = 100
	ones := audioOf(slices.Repeat([]float32{1}, 250)...)
	level := func(frame int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(e.audio[4*frame:]))
	}
	feed := func(open bool, stream uint32) {
		t.Helper()
		e.audio = nil
		f.open.Store(open)
		if stream != 7 {
			f.record(stream)
		}
		if err := f.feed(packet(stream, 0, ones), 0); err != nil {
			t.Fatal(err)
		}
	}
	rises := func() {
		t.Helper()
		for i := range 250 {
			step := level(i)
			if i > 0 {
				step -= level(i - 1)
			}
			if step < 0 || step > 0.016 || i >= 100 && level(i) != 1 {
				t.Fatalf("frame %d: level %v, step %v", i, level(i), step)
			}
		}
	}
	feed(false, 7)
	if !bytes.Equal(e.audio, make([]byte, 1000)) {
		t.Errorf("sound passes a framer that is not open")
	}
	feed(true, 7)
	rises()
	feed(true, 7)
	if !bytes.Equal(e.audio, ones) {
		t.Errorf("an open framer changes sound")
	}
	feed(true, 8) // a new recording
	rises()
}

func TestFramerHandsOverLongPacketsInParts(t *testing.T) {
	f, e := listen(2, 7)
	payload := make([]byte, 5*messageBytes+8)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	stream := packet(7, 0, payload)
	for at := aes67.MonoTime(1); len(stream) > 0; at++ {
		n := min(1000, len(stream))
		if err := f.feed(stream[:n], at); err != nil {
			t.Fatal(err)
		}
		stream = stream[n:]
	}
	if !bytes.Equal(e.audio, payload) || e.broken || e.calls != 6 {
		t.Errorf("%d bytes in %d calls, want %d in 6", len(e.audio), e.calls, len(payload))
	}
	if e.last != aes67.MonoTime(descriptorSize+len(payload)+999)/1000 {
		t.Errorf("last part stamped %d: must be the arrival of its end", e.last)
	}
}

func TestFramerRefusesImpossibleLengths(t *testing.T) {
	for _, c := range []struct {
		name    string
		channel uint32
		length  uint32
		refused bool
	}{
		{"the longest audio", 7, maxPacket, false},
		{"longer audio", 7, maxPacket + 1, true},
		{"the longest control", controlChannel, maxControl, false},
		{"longer control", controlChannel, maxControl + 1, true},
		{"text instead of packets", 0x2f312e31, 0x48545450, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := listen(2, 7)
			b := packet(c.channel, 0, nil)
			binary.BigEndian.PutUint32(b, c.length)
			if err := f.feed(b, 0); (err != nil) != c.refused {
				t.Errorf("feed: %v, want refused %v", err, c.refused)
			}
		})
	}
}

func TestMeterForgetsOldMessages(t *testing.T) {
	var m intake
	m.add(1000)
	for range 3 * intakeRound {
		m.add(256)
	}
	if got := m.largest.Load(); got != 256 {
		t.Errorf("largest message %d, want 256", got)
	}
}

// cutUp feeds stream in pieces whose lengths cuts gives.
func cutUp(f *framer, stream, cuts []byte) error {
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if i < len(cuts) {
			n = min(n, int(cuts[i]))
		}
		if err := f.feed(stream[:n], 0); err != nil {
			return err
		}
		stream = stream[n:]
	}
	return nil
}

// FuzzFramer: however arbitrary bytes are cut up, the same comes out, and no
// more memory is held than was fed.
func FuzzFramer(f *testing.F) {
	f.Add(packet(7, 0, audioOf(1, 2, 3, 4)), []byte{1, 0, 30}, byte(1))
	f.Add(append(packet(controlChannel, 0, []byte("abc")), packet(7, 0, []byte{1, 2, 3})...), []byte{19, 2}, byte(2))
	for _, c := range captures(f) {
		f.Add(packet(controlChannel, 0, c.bytes), []byte{20, 7}, byte(0))
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte, channels byte) {
		whole, heard := listen(int(channels%8)+1, 7)
		parts, pieces := listen(int(channels%8)+1, 7)
		err, errParts := whole.feed(stream, 0), cutUp(parts, stream, cuts)
		if (err == nil) != (errParts == nil) {
			t.Fatalf("whole: %v; in parts: %v", err, errParts)
		}
		if !bytes.Equal(heard.audio, pieces.audio) || !slices.EqualFunc(heard.controls, pieces.controls, bytes.Equal) {
			t.Fatalf("whole: %x %x; in parts: %x %x", heard.audio, heard.controls, pieces.audio, pieces.controls)
		}
		if heard.broken || pieces.broken {
			t.Fatal("a part of a frame was handed over")
		}
		if cap(parts.payload) > 2*len(stream)+64 {
			t.Fatalf("%d bytes held for a stream of %d", cap(parts.payload), len(stream))
		}
	})
}

// FuzzFramerDelivers: of well-formed packets, each byte of audio comes out
// exactly once and in order.
func FuzzFramerDelivers(f *testing.F) {
	f.Add([]byte{0, 8, 1, 5, 2, 3, 0, 3}, []byte{3, 3, 3}, byte(2))
	f.Add([]byte{0, 255, 0, 1, 0, 254, 3, 9}, []byte{20, 1, 200}, byte(7))
	f.Fuzz(func(t *testing.T, plan, cuts []byte, channels byte) {
		n := int(channels%8) + 1
		random := rand.New(rand.NewPCG(uint64(len(plan)), uint64(channels)))
		var stream, audio []byte
		var controls []string
		for ; len(plan) >= 2; plan = plan[2:] {
			payload := make([]byte, plan[1])
			for i := range payload {
				payload[i] = byte(random.Uint32())
			}
			switch plan[0] % 4 {
			case 0:
				audio = append(audio, payload...)
				stream = append(stream, packet(7, 0, payload)...)
			case 1:
				controls = append(controls, string(payload))
				stream = append(stream, packet(controlChannel, 0, payload)...)
			case 2:
				stream = append(stream, packet(6, 0, payload)...)
			case 3:
				stream = append(stream, packet(7, 0x80000000, payload)...)
			}
		}
		framer, e := listen(n, 7)
		if err := cutUp(framer, stream, cuts); err != nil {
			t.Fatal(err)
		}
		whole := len(audio) - len(audio)%(4*n)
		if !bytes.Equal(e.audio, audio[:whole]) || e.broken {
			t.Fatalf("audio %x, want %x", e.audio, audio[:whole])
		}
		var got []string
		for _, c := range e.controls {
			got = append(got, string(c))
		}
		if strings.Join(got, "|") != strings.Join(controls, "|") {
			t.Fatalf("controls %q, want %q", got, controls)
		}
	})
}

func TestANewRecordingIsToldAsAGap(t *testing.T) {
	f, e := listen(1, 7)
	if err := f.feed(packet(7, 0, audioOf(1, 1)), 5); err != nil {
		t.Fatal(err)
	}
	before := e.gaps
	if err := f.feed(packet(7, 0, audioOf(1, 1)), 6); err != nil {
		t.Fatal(err)
	}
	if e.gaps != before {
		t.Errorf("%d gaps within a recording", e.gaps-before)
	}
	f.record(noStream)
	f.record(7)
	if err := f.feed(packet(7, 0, audioOf(1, 1)), 7); err != nil {
		t.Fatal(err)
	}
	if e.gaps != before+1 {
		t.Errorf("%d gaps for a new recording, want 1", e.gaps-before)
	}
	f.fade, f.risen = 4, 4
	f.open.Store(false)
	if err := f.feed(packet(7, 0, audioOf(1, 1)), 8); err != nil {
		t.Fatal(err)
	}
	if e.gaps != before+2 {
		t.Errorf("%d gaps when sound is silenced, want 1", e.gaps-before-1)
	}
}
