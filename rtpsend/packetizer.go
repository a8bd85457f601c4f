package rtpsend

// Hot: next runs once a stream and packet time. Pure.

import (
	"math"

	"github.com/pion/rtp"

	"aes67-sink/aes67"
)

// headerBytes is the size of an RTP header without CSRCs and extension
// (RFC 3550, 5.1); senders of AES67 use neither.
const headerBytes = 12

// packetizer writes the packets of one stream into one reused buffer.
type packetizer struct {
	encoding aes67.Encoding
	channels int
	frames   int
	header   rtp.Header
	buffer   []byte
	noise    uint64 // state of the dither's generator, never 0
}

// newPacketizer prepares a stream whose packets begin with the given sequence
// number.
func newPacketizer(stream *aes67.Stream, ssrc uint32, sequence uint16) packetizer {
	return packetizer{
		encoding: stream.Encoding,
		channels: len(stream.Channels),
		frames:   int(stream.PacketFrames()),
		header: rtp.Header{
			Version:        2, // RFC 3550, 5.1
			PayloadType:    stream.PayloadType,
			SequenceNumber: sequence,
			SSRC:           ssrc,
		},
		buffer: make([]byte, headerBytes+stream.PayloadBytes()),
		noise:  uint64(ssrc)<<1 | 1,
	}
}

// next writes the packet that follows the last one: planes holds the stream's
// channels, each one packet's frames long. The result is valid until the next
// call.
func (p *packetizer) next(planes [][]float64, timestamp aes67.RTPTime) []byte {
	p.header.Timestamp = uint32(timestamp)
	if n, err := p.header.MarshalTo(p.buffer); err != nil || n != headerBytes {
		panic("rtpsend: an RTP header is not 12 bytes")
	}
	p.header.SequenceNumber++
	payload := p.buffer[headerBytes:]
	for c := range p.channels {
		plane := planes[c][:p.frames]
		noise := &p.noise
		if onGrid(plane, p.encoding) {
			// These are the sample values of the encoding already: silence, or a
			// source of as many bits that nothing has touched. They stay so.
			noise = nil
		}
		put(payload[c*p.encoding.Bytes():], plane, p.encoding, p.channels, noise)
	}
	return p.buffer
}

// scale returns the step count of full scale.
func scale(e aes67.Encoding) float64 { return float64(int64(1) << (e.Bits() - 1)) }

// onGrid reports whether every sample is a value of the encoding. That a packet
// of sound which needs rounding is so by chance does not happen.
func onGrid(samples []float64, e aes67.Encoding) bool {
	full := scale(e)
	for _, x := range samples {
		if x *= full; x != math.Trunc(x) || x > full-1 || x < -full {
			return false
		}
	}
	return true
}

// put writes the samples of one channel among several, with dither unless noise is
// nil.
func put(b []byte, samples []float64, e aes67.Encoding, channels int, noise *uint64) {
	writers[e](b, samples, channels*e.Bytes(), noise)
}

// writers are how each encoding is written: two's complement, big-endian, each
// sample stride bytes after the last. One loop for all costs a quarter more
// (BenchmarkPacketizer).
var writers = [...]func(b []byte, samples []float64, stride int, noise *uint64){
	aes67.L24: putL24,
	aes67.L16: putL16,
}

// putL24 writes 24 bits (RFC 3190, 4).
func putL24(b []byte, samples []float64, stride int, noise *uint64) {
	at := 0
	for _, x := range samples {
		v := quantize(x*(1<<23)+dither(noise), 1<<23)
		b[at], b[at+1], b[at+2] = byte(v>>16), byte(v>>8), byte(v)
		at += stride
	}
}

// putL16 writes 16 bits (RFC 3551, 4.5.11).
func putL16(b []byte, samples []float64, stride int, noise *uint64) {
	at := 0
	for _, x := range samples {
		v := quantize(x*(1<<15)+dither(noise), 1<<15)
		b[at], b[at+1] = byte(v>>8), byte(v)
		at += stride
	}
}

// dither returns triangular noise of ±1 step, which makes the error of rounding
// independent of the signal, in mean and in power (Lipshitz, Wannamaker and
// Vanderkooy, "Quantization and dither", JAES 40(5), 1992); 0 without a
// generator.
func dither(noise *uint64) float64 {
	if noise == nil {
		return 0
	}
	// xorshift64* (Vigna 2016): the two halves of its output serve as two
	// independent uniform numbers.
	n := *noise
	n ^= n >> 12
	n ^= n << 25
	n ^= n >> 27
	*noise = n
	r := n * 0x2545F4914F6CDD1D
	return (float64(r>>32) - float64(r&0xFFFF_FFFF)) * (1.0 / (1 << 32))
}

// quantize rounds x to the nearest integer within -full to full-1; it clamps
// and never wraps. What is not a number becomes 0.
func quantize(x, full float64) int32 {
	switch {
	case x >= full-1:
		return int32(full - 1)
	case x <= -full:
		return int32(-full)
	case x != x:
		return 0
	}
	return int32(math.RoundToEven(x))
}
