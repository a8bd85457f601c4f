package sap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// MaxPacket bounds a message in bytes. RFC 2974, 6 asks for 1 kB; the largest
// buffer found in receivers is 4 kB.
const MaxPacket = 4096

// The bits of the first byte (RFC 2974, 3).
const (
	version1   = 0x20
	bitIPv6    = 0x10
	bitDelete  = 0x04
	bitEncrypt = 0x02
	bitZlib    = 0x01
)

// mime is the payload type of session descriptions, with the NUL that ends it.
const mime = "application/sdp\x00"

// Packet is one message: an announcement, or the deletion of one.
type Packet struct {
	Delete  bool
	Hash    uint16     // names, with Origin, one version of one session
	Origin  netip.Addr // the announcer
	Payload []byte     // the description; a deletion may hold its o= line alone
}

// Decode reads a message. Authentication data is skipped; Payload is a part
// of b.
func Decode(b []byte) (Packet, error) {
	if len(b) < 8 {
		return Packet{}, fmt.Errorf("sap: %d bytes: shorter than a header", len(b))
	}
	if len(b) > MaxPacket {
		return Packet{}, fmt.Errorf("sap: %d bytes: longer than %d", len(b), MaxPacket)
	}
	switch {
	case b[0]&0xE0 != version1:
		return Packet{}, fmt.Errorf("sap: version %d: must be 1", b[0]>>5)
	case b[0]&bitEncrypt != 0:
		return Packet{}, errors.New("sap: encrypted: not supported")
	case b[0]&bitZlib != 0:
		return Packet{}, errors.New("sap: compressed: not supported")
	}
	p := Packet{Delete: b[0]&bitDelete != 0, Hash: binary.BigEndian.Uint16(b[2:])}
	size := 4
	if b[0]&bitIPv6 != 0 {
		size = 16
	}
	payload := 4 + size + 4*int(b[1]) // behind the authentication data
	if len(b) < payload {
		return Packet{}, fmt.Errorf("sap: %d bytes: cut short, the header alone takes %d", len(b), payload)
	}
	p.Origin, _ = netip.AddrFromSlice(b[4 : 4+size])
	var err error
	p.Payload, err = description(b[payload:])
	return p, err
}

// description takes off the payload type, which may be missing (RFC 2974, 6): what
// begins as a line of a description does is none.
func description(b []byte) ([]byte, error) {
	if len(b) > 1 && b[1] == '=' {
		return b, nil
	}
	kind, rest, found := bytes.Cut(b, []byte{0})
	if !found || !bytes.EqualFold(kind, []byte(mime[:len(mime)-1])) {
		return nil, fmt.Errorf("sap: payload type %.32q: not application/sdp", kind)
	}
	return rest, nil
}

// Append appends the message to b.
func (p Packet) Append(b []byte) []byte {
	first := byte(version1)
	if p.Delete {
		first |= bitDelete
	}
	if !p.Origin.Is4() {
		first |= bitIPv6
	}
	b = append(b, first, 0)
	b = binary.BigEndian.AppendUint16(b, p.Hash)
	if p.Origin.Is4() {
		o := p.Origin.As4()
		b = append(b, o[:]...)
	} else {
		o := p.Origin.As16()
		b = append(b, o[:]...)
	}
	return append(append(b, mime...), p.Payload...)
}

// Hash returns the message identifier hash of a text: CRC-16-CCITT from 0xFFFF
// as other announcers use, but never 0, which stands for "not hashed" (RFC
// 2974, 3).
func Hash(text string) uint16 {
	crc := uint16(0xFFFF)
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return max(crc, 1)
}
