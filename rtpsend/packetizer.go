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
		switch {
		case p.encoding == aes67.L24:
			putL24(payload[3*c:], plane, 3*p.channels)
		case isSilent(plane):
			// Silence is exact zeros on the wire, without dither.
			putZeros16(payload[2*c:], p.frames, 2*p.channels)
		default:
			p.noise = putL16(payload[2*c:], plane, 2*p.channels, p.noise)
		}
	}
	return p.buffer
}

// putL24 writes samples as 24-bit two's complement, big-endian (RFC 3190, 4),
// each stride bytes after the last. Rounding is to nearest, so what came from
// 24 bits goes out as the same 24 bits; no dither is needed this far down.
func putL24(b []byte, samples []float64, stride int) {
	at := 0
	for _, x := range samples {
		v := quantize(x*(1<<23), 1<<23)
		b[at], b[at+1], b[at+2] = byte(v>>16), byte(v>>8), byte(v)
		at += stride
	}
}

// putL16 writes samples as 16-bit two's complement, big-endian (RFC 3551,
// 4.5.11), with triangular dither of ±1 step, which makes the rounding error
// independent of the signal. It returns the generator's new state.
func putL16(b []byte, samples []float64, stride int, noise uint64) uint64 {
	const step = 1.0 / (1 << 32)
	at := 0
	for _, x := range samples {
		// xorshift64* (Vigna 2016): the two halves of its output serve as two
		// independent uniform numbers.
		noise ^= noise >> 12
		noise ^= noise << 25
		noise ^= noise >> 27
		r := noise * 0x2545F4914F6CDD1D
		dither := (float64(r>>32) - float64(r&0xFFFF_FFFF)) * step
		v := quantize(x*(1<<15)+dither, 1<<15)
		b[at], b[at+1] = byte(v>>8), byte(v)
		at += stride
	}
	return noise
}

func putZeros16(b []byte, frames, stride int) {
	for i := range frames {
		b[i*stride], b[i*stride+1] = 0, 0
	}
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

func isSilent(samples []float64) bool {
	for _, x := range samples {
		if x != 0 {
			return false
		}
	}
	return true
}
