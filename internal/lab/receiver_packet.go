package lab

import (
	"encoding/binary"
	"fmt"

	"aes67-sink/aes67"
)

// rtpPacket is a received RTP packet; payload points into the datagram. The
// reader is the lab's own, so that it judges the sender's library too.
type rtpPacket struct {
	marker      bool
	payloadType uint8
	sequence    uint16
	timestamp   aes67.RTPTime
	ssrc        uint32
	payload     []byte
}

// parseRTP reads a datagram (RFC 3550, 5.1). CSRCs, a header extension and
// padding are skipped, as receivers must.
func parseRTP(b []byte) (rtpPacket, error) {
	if len(b) < 12 {
		return rtpPacket{}, fmt.Errorf("rtp: %d bytes: must be 12 or more", len(b))
	}
	if version := b[0] >> 6; version != 2 {
		return rtpPacket{}, fmt.Errorf("rtp: version %d: must be 2", version)
	}
	p := rtpPacket{
		marker:      b[1]&0x80 != 0,
		payloadType: b[1] & 0x7F,
		sequence:    binary.BigEndian.Uint16(b[2:]),
		timestamp:   aes67.RTPTime(binary.BigEndian.Uint32(b[4:])),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
	}
	start := 12 + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < start+4 {
			return rtpPacket{}, fmt.Errorf("rtp: %d bytes: no room for the header extension", len(b))
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		padding := int(b[len(b)-1])
		if padding == 0 {
			return rtpPacket{}, fmt.Errorf("rtp: padding of 0 bytes")
		}
		end -= padding
	}
	if start > end {
		return rtpPacket{}, fmt.Errorf("rtp: header and padding of %d bytes in %d", start+len(b)-end, len(b))
	}
	p.payload = b[start:end]
	return p, nil
}

// decodeSample reads one sample of a payload.
func decodeSample(b []byte, encoding aes67.Encoding) float32 {
	v := int32(0)
	for i, x := range b[:encoding.Bytes()] {
		v |= int32(x) << (24 - 8*i)
	}
	return float32(v>>(32-encoding.Bits())) / float32(int32(1)<<(encoding.Bits()-1))
}
