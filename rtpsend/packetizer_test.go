package rtpsend

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

// testStream is a valid stream of the given format.
func testStream(encoding aes67.Encoding, rate aes67.Hz, ptime aes67.PacketTime, channels ...string) aes67.Stream {
	return aes67.Stream{
		Name: "test", Channels: channels, Group: netip.AddrFrom4([4]byte{239, 69, 10, 1}), Port: 5004, TTL: 15,
		PayloadType: 98, Encoding: encoding, Rate: rate, PacketTime: ptime,
	}
}

func planesOf(channels, frames int, f func(c, i int) float64) [][]float64 {
	planes := make([][]float64, channels)
	for c := range planes {
		planes[c] = make([]float64, frames)
		for i := range planes[c] {
			planes[c][i] = f(c, i)
		}
	}
	return planes
}

func TestSamplesBecomeKnownBytes(t *testing.T) {
	const lsb = 1.0 / (1 << 23)
	tests := []struct {
		name string
		x    float64
		want string
	}{
		{"zero", 0, "000000"},
		{"negative zero", math.Copysign(0, -1), "000000"},
		{"half", 0.5, "400000"},
		{"full scale is clamped", 1, "7fffff"},
		{"negative full scale", -1, "800000"},
		{"one step", lsb, "000001"},
		{"minus one step", -lsb, "ffffff"},
		{"just under half a step goes down", 0.49 * lsb, "000000"},
		{"over half a step goes up", 0.51 * lsb, "000001"},
		{"over minus half a step goes down", -0.51 * lsb, "ffffff"},
		{"the last step", 1 - lsb, "7fffff"},
		{"within half a step of full scale does not wrap", 1 - 0.4*lsb, "7fffff"},
		{"far above full scale does not wrap", 1e9, "7fffff"},
		{"far below does not wrap", -1e9, "800000"},
		{"infinity", math.Inf(1), "7fffff"},
		{"negative infinity", math.Inf(-1), "800000"},
		{"not a number", math.NaN(), "000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b [3]byte
			put(b[:], []float64{tt.x}, aes67.L24, 1, nil)
			if got := hex.EncodeToString(b[:]); got != tt.want {
				t.Errorf("put(%g) = %s, want %s", tt.x, got, tt.want)
			}
		})
	}
}

func TestEvery24BitSampleSurvives(t *testing.T) {
	var b [3]byte
	for v := -1 << 23; v < 1<<23; v += 13 {
		put(b[:], []float64{float64(float32(v) / (1 << 23))}, aes67.L24, 1, nil)
		if got := int(int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8); got != v {
			t.Fatalf("24-bit sample %d arrives as %d", v, got)
		}
	}
}

func TestPacketIsHeaderAndInterleavedSamples(t *testing.T) {
	stream := testStream(aes67.L24, 48000, aes67.PacketTime125us, "front-left", "front-right")
	p := newPacketizer(&stream, 0x11223344, 0xFFFE)
	planes := planesOf(2, 6, func(c, i int) float64 { return float64(c<<8|i) / (1 << 23) })

	const payload = "000000" + "000100" + "000001" + "000101" + "000002" + "000102" +
		"000003" + "000103" + "000004" + "000104" + "000005" + "000105"
	want := []string{
		"8062fffe" + "fffffffa" + "11223344" + payload,
		"8062ffff" + "00000000" + "11223344" + payload,
		"80620000" + "00000006" + "11223344" + payload,
	}
	timestamp := aes67.MediaTime(0xFFFFFFFA) // both counters wrap
	for i, want := range want {
		got := hex.EncodeToString(p.next(planes, timestamp.RTP()))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("packet %d (-want +got):\n%s", i, diff)
		}
		timestamp += 6
	}
}

func TestPacketSizesOfEveryFormat(t *testing.T) {
	for _, rate := range aes67.Rates {
		for _, encoding := range []aes67.Encoding{aes67.L24, aes67.L16} {
			for channels := 1; channels <= aes67.MaxChannels; channels++ {
				stream := testStream(encoding, rate, aes67.PacketTime125us, make([]string, channels)...)
				p := newPacketizer(&stream, 1, 0)
				frames := int(stream.PacketFrames())
				got := len(p.next(planesOf(channels, frames, func(int, int) float64 { return 0.1 }), 0))
				if want := 12 + frames*channels*encoding.Bytes(); got != want {
					t.Errorf("%d Hz %v %d channels: packet of %d bytes, want %d", rate, encoding, channels, got, want)
				}
			}
		}
	}
}

func decodeL16(b []byte) int { return int(int16(uint16(b[0])<<8 | uint16(b[1]))) }

func decodeL24(b []byte) int {
	return int(int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8)
}

func TestDitherIsTriangularAndWithoutBias(t *testing.T) {
	for _, encoding := range []aes67.Encoding{aes67.L16, aes67.L24} {
		stream := testStream(encoding, 48000, aes67.PacketTime1ms, "mono")
		// A constant a quarter of the way between two steps.
		const level = 100.25
		p := newPacketizer(&stream, 7, 0)
		planes := planesOf(1, 48, func(int, int) float64 { return level / scale(encoding) })
		var sum, square float64
		const packets = 20000
		for range packets {
			packet := p.next(planes, 0)
			for i := range 48 {
				got := decodeL16(packet[12+encoding.Bytes()*i:])
				if encoding == aes67.L24 {
					got = decodeL24(packet[12+3*i:])
				}
				v := float64(got) - level
				if math.Abs(v) > 1.5 {
					t.Fatalf("%v: error of %v steps, want at most 1.5", encoding, v)
				}
				sum += v
				square += v * v
			}
		}
		mean, power := sum/(48*packets), square/(48*packets)
		// TPDF dither leaves a total error power of exactly 1/4 step² whatever the
		// signal (Lipshitz, Wannamaker and Vanderkooy 1992).
		if math.Abs(mean) > 0.003 || math.Abs(power-0.25) > 0.003 {
			t.Errorf("%v: dithered error: mean %.4f, power %.4f steps²; want 0 and 0.25", encoding, mean, power)
		}
	}
}

// What has the encoding's own values already is not dithered a second time.
func TestSamplesOfTheEncodingStayAsTheyAre(t *testing.T) {
	for _, encoding := range []aes67.Encoding{aes67.L16, aes67.L24} {
		stream := testStream(encoding, 48000, aes67.PacketTime1ms, "mono")
		p := newPacketizer(&stream, 7, 0)
		full := int(scale(encoding))
		value := func(i int) int { return (i*i*7919*full/1000)%(2*full) - full }
		packet := p.next(planesOf(1, 48, func(_, i int) float64 { return float64(value(i)) / scale(encoding) }), 0)
		for i := range 48 {
			got := decodeL16(packet[12+encoding.Bytes()*i:])
			if encoding == aes67.L24 {
				got = decodeL24(packet[12+3*i:])
			}
			if got != value(i) {
				t.Fatalf("%v: sample %d became %d, want %d", encoding, i, got, value(i))
			}
		}
	}
}

func TestSilenceOfL16IsExactZeros(t *testing.T) {
	stream := testStream(aes67.L16, 48000, aes67.PacketTime1ms, "front-left", "front-right")
	p := newPacketizer(&stream, 7, 0)
	loud := planesOf(2, 48, func(int, int) float64 { return 0.25 })
	p.next(loud, 0) // what was in the buffer must not shine through
	half := planesOf(2, 48, func(c, _ int) float64 { return 0.25 * float64(c) })
	packet := p.next(half, 0)
	for i := range 48 {
		if left := decodeL16(packet[12+4*i:]); left != 0 {
			t.Fatalf("frame %d of the silent channel is %d, want 0", i, left)
		}
		if right := decodeL16(packet[14+4*i:]); right < 8190 || right > 8194 {
			t.Fatalf("frame %d of the sounding channel is %d, want about 8192", i, right)
		}
	}
	packet = p.next(planesOf(2, 48, func(int, int) float64 { return 0 }), 0)
	if !bytes.Equal(packet[12:], make([]byte, 192)) {
		t.Errorf("silent packet is not all zeros: %x", packet[12:])
	}
}

func TestL16NeverWraps(t *testing.T) {
	stream := testStream(aes67.L16, 48000, aes67.PacketTime1ms, "mono")
	p := newPacketizer(&stream, 7, 0)
	for _, x := range []float64{1, -1, 32767.0 / 32768, 1e12, -1e12, math.Inf(1), math.Inf(-1)} {
		planes := planesOf(1, 48, func(int, int) float64 { return x })
		for range 200 {
			packet := p.next(planes, 0)
			for i := range 48 {
				if v := decodeL16(packet[12+2*i:]); float64(v)*x < 0.99*32767*min(1, math.Abs(x)) {
					t.Fatalf("%g became %d", x, v)
				}
			}
		}
	}
}

func FuzzPacketizer(f *testing.F) {
	f.Add(uint64(0), uint64(0x3FF0000000000000), true)
	f.Add(uint64(0x7FF8000000000001), uint64(0xFFF0000000000000), false)
	f.Add(uint64(0xBFF0000000000000), uint64(1), true)
	f.Fuzz(func(t *testing.T, a, b uint64, wide bool) {
		encoding, full := aes67.L16, 32768.0
		if wide {
			encoding, full = aes67.L24, 8388608.0
		}
		stream := testStream(encoding, 48000, aes67.PacketTime125us, "front-left", "front-right")
		p := newPacketizer(&stream, 3, 0)
		values := [2]float64{math.Float64frombits(a), math.Float64frombits(b)}
		packet := p.next(planesOf(2, 6, func(c, i int) float64 { return values[(c+i)%2] }), 0)
		for i := range 12 {
			x := values[(i%2+i/2)%2]
			if math.IsNaN(x) {
				x = 0
			}
			want := max(-full, min(full-1, x*full))
			var got float64
			if wide {
				s := packet[12+3*i:]
				got = float64(int32(uint32(s[0])<<24|uint32(s[1])<<16|uint32(s[2])<<8) >> 8)
			} else {
				got = float64(decodeL16(packet[12+2*i:]))
			}
			const allowed = 1.5 // half a step of rounding, one of dither
			if math.Abs(got-want) > allowed {
				t.Fatalf("%v sample %g became %v, want %v", encoding, x, got, want)
			}
		}
	})
}

func TestNextDoesNotAllocate(t *testing.T) {
	for _, encoding := range []aes67.Encoding{aes67.L24, aes67.L16} {
		stream := testStream(encoding, 48000, aes67.PacketTime1ms, "front-left", "front-right")
		p := newPacketizer(&stream, 1, 0)
		planes := planesOf(2, 48, func(int, int) float64 { return rand.Float64() })
		if n := testing.AllocsPerRun(1000, func() { p.next(planes, 0) }); n != 0 {
			t.Errorf("%v: next allocates %v times a packet, want 0", encoding, n)
		}
	}
}

func TestEveryEncodingHasAWriter(t *testing.T) {
	if len(writers) != len(aes67.Encodings()) {
		t.Errorf("%d writers for %d encodings", len(writers), len(aes67.Encodings()))
	}
}

func BenchmarkPacketizer(b *testing.B) {
	for _, encoding := range []aes67.Encoding{aes67.L24, aes67.L16} {
		b.Run(encoding.String(), func(b *testing.B) {
			stream := testStream(encoding, 48000, aes67.PacketTime1ms, "mono")
			p := newPacketizer(&stream, 1, 0)
			planes := planesOf(1, 48, func(int, int) float64 { return rand.Float64() - 0.5 })
			for b.Loop() {
				p.next(planes, 0)
			}
		})
	}
}
