package lab

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsWrittenAsWAVIsRead(t *testing.T) {
	w := &WAV{Rate: 44100, Channels: [][]float64{{0, 0.5, -1, 1.0 / (1 << 23), -3.0 / (1 << 23)}, {0.25, -0.25, 1 - 1.0/(1<<23), 0, 0.125}}}
	for _, format := range []WAVFormat{WAVFloat32, WAVInt24} {
		b, err := w.Bytes(format)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadWAV(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("format %d (-written +read):\n%s", format, diff)
		}
	}
}

func TestALoopIsWrittenAsIfItWereThere(t *testing.T) {
	short := &WAV{Rate: 48000, Channels: [][]float64{{0.5, 0.25, -0.25, -0.5}}}
	long := &WAV{Rate: 48000, Channels: [][]float64{{0.5, 0.25, -0.25, 0.25, -0.25, 0.25, -0.25, -0.5}}}
	for _, c := range []struct {
		loop  Run
		times int
		want  *WAV
	}{
		{Run{1, 2}, 3, long},
		{Run{1, 1}, 4, &WAV{Rate: 48000, Channels: [][]float64{{0.5, 0.25, 0.25, 0.25, 0.25, -0.25, -0.5}}}}, // odd: padded
		{Run{1, 2}, 1, short},
		{Run{}, 1, short},
	} {
		for _, format := range []WAVFormat{WAVFloat32, WAVInt24} {
			want, err := c.want.Bytes(format)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := short.WriteLooped(&got, format, c.loop, c.times); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Bytes()); diff != "" {
				t.Errorf("format %d, %+v %d times (-want +got):\n%s", format, c.loop, c.times, diff)
			}
		}
	}
}

func TestIntegersAreClampedAndFloatsAreNot(t *testing.T) {
	w := &WAV{Rate: 48000, Channels: [][]float64{{1.5, -1.5}}}
	for format, want := range map[WAVFormat][]float64{WAVFloat32: {1.5, -1.5}, WAVInt24: {1 - 1.0/(1<<23), -1}} {
		b, err := w.Bytes(format)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadWAV(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Channels[0]); diff != "" {
			t.Errorf("format %d (-want +got):\n%s", format, diff)
		}
	}
}

// wavOf builds a file by hand: a chunk that nobody knows, an extensible format
// and samples of the given width.
func wavOf(code uint16, bits int, size uint32, data []byte) []byte {
	b := []byte("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt \x28\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, 0xFFFE)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, 48000)
	b = binary.LittleEndian.AppendUint32(b, uint32(48000*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, 22, 0, byte(bits), 0, 4, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, code)
	b = append(b, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	return append(b, data...)
}

func TestOtherProgramsFilesAreRead(t *testing.T) {
	tests := []struct {
		name string
		file []byte
		want []float64
	}{
		{"16 bits", wavOf(1, 16, 4, []byte{0, 0x40, 0, 0x80}), []float64{0.5, -1}},
		{"32 bits", wavOf(1, 32, 8, []byte{0, 0, 0, 0x40, 0, 0, 0, 0x80}), []float64{0.5, -1}},
		{"64-bit floats", wavOf(3, 64, 8, binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))), []float64{0.1}},
		{"a length of 0 that was never filled in", wavOf(1, 16, 0, []byte{0, 0x40, 0, 0x80}), []float64{0.5, -1}},
		{"a length beyond the end", wavOf(1, 16, 0xFFFFFFFF, []byte{0, 0x40, 0, 0x80, 9}), []float64{0.5, -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadWAV(bytes.NewReader(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Channels[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoWAVIsRefusedWithAReason(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"empty", "", "RIFF"},
		{"no chunks", "RIFF\x00\x00\x00\x00WAVE", "no samples"},
		{"samples first", "RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab", "before their format"},
		{"8 bits", string(wavOf(1, 8, 1, []byte{1})), "8 bits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ReadWAV(strings.NewReader(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v does not name %q", err, tt.want)
			}
		})
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wavOf(1, 16, 4, []byte{0, 0x40, 0, 0x80}))
	f.Add(wavOf(3, 64, 8, make([]byte, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ReadWAV(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, c := range w.Channels {
			if len(c) != w.Frames() {
				t.Fatalf("channels of %d and %d frames", len(c), w.Frames())
			}
		}
		again, err := w.Bytes(WAVFloat32)
		if err != nil {
			t.Fatal(err)
		}
		v, err := ReadWAV(bytes.NewReader(again))
		if err != nil || v.Frames() != w.Frames() && w.Frames() > 0 || v.Rate != w.Rate {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}
