package pulse

import (
	"encoding/binary"
	"testing"

	"github.com/jfreymuth/pulse/proto"
	"github.com/rs/zerolog"
)

// What a recording gives that was moved to another source is not scaled by the sink's
// volume, and not heard.
func TestARecordingThatIsMovedGivesZeros(t *testing.T) {
	r := &recorder{channels: 2}
	l := newLife(New(stereo(), r, zerolog.Nop()))
	l.monitor.Store(5)
	l.framer.open.Store(true)
	l.framer.risen = l.framer.fade
	give := func() (peak float64) {
		r.clear()
		for i := range l.framer.samples {
			l.framer.samples[i] = 0.5
		}
		l.framer.count = 960
		l.framer.hand(0)
		peaks, _ := r.peaks()
		return peaks[0]
	}
	if peak := give(); peak != 0.5 {
		t.Fatalf("peak %v of the monitor, want 0.5", peak)
	}
	l.message(&proto.RecordStreamMoved{DestIndex: 9})
	if peak := give(); peak != 0 {
		t.Errorf("peak %v of another source, want 0", peak)
	}
	if l.dirty.Load()&dirtyMonitor == 0 {
		t.Error("nobody records the monitor anew")
	}
}

// What comes behind that message in the same read is none of the monitor's either, long
// before the message is handed over.
func TestARecordingThatIsMovedGivesZerosFromTheMessageOn(t *testing.T) {
	moved := func(stream, source uint32) []byte {
		payload := []byte{'L', 0, 0, 0, proto.OpRecordStreamMoved, 'L', 0xFF, 0xFF, 0xFF, 0xFF, 'L'}
		payload = append(binary.BigEndian.AppendUint32(payload, stream), 'L')
		return packet(controlChannel, 0, binary.BigEndian.AppendUint32(payload, source))
	}
	sound := packet(3, 0, audioOf(0.5, 0.5))
	for _, c := range []struct {
		what    string
		message []byte
		silent  bool
	}{
		{"to another source", moved(3, 9), true},
		{"to the monitor", moved(3, 5), false},
		{"another recording", moved(4, 9), false},
		{"to another source and back", append(moved(3, 9), moved(3, 5)...), false},
		{"a message that is cut off", packet(controlChannel, 0, moved(3, 9)[descriptorSize:][:19]), false},
	} {
		f, e := listen(2, 3)
		f.source.Store(5)
		if err := f.feed(append(append(append([]byte{}, sound...), c.message...), sound...), 0); err != nil {
			t.Fatal(err)
		}
		want := audioOf(0.5, 0.5, 0.5, 0.5)
		if c.silent {
			want = audioOf(0.5, 0.5, 0, 0)
		}
		if string(e.audio) != string(want) {
			t.Errorf("%s: %x", c.what, e.audio)
		}
	}
}
