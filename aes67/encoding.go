package aes67

import (
	"fmt"
	"strings"
)

// Encoding is how a sample is written into a packet, big-endian two's
// complement (RFC 3551, 4.5.11 and RFC 3190, 4).
type Encoding uint8

// The encodings of AES67-2018, 7.1.
const (
	L24 Encoding = iota
	L16
)

// encodings is all that is known of each.
var encodings = [...]struct {
	name  string // in a=rtpmap and the configuration
	bits  int
	bytes int // that a sample takes
}{
	L24: {"L24", 24, 3},
	L16: {"L16", 16, 2},
}

// Encodings are all encodings, the usual one first.
func Encodings() (all []Encoding) {
	for e := range encodings {
		all = append(all, Encoding(e))
	}
	return all
}

// Bits returns how many bits a sample has.
func (e Encoding) Bits() int { return encodings[e].bits }

// Bytes returns the size of one sample.
func (e Encoding) Bytes() int { return encodings[e].bytes }

// String returns the name used in a=rtpmap.
func (e Encoding) String() string { return encodings[e].name }

// ParseEncoding reads the name used in a=rtpmap and in the configuration.
func ParseEncoding(s string) (Encoding, error) {
	var names []string
	for e, known := range encodings {
		if s == known.name {
			return Encoding(e), nil
		}
		names = append(names, known.name)
	}
	return 0, fmt.Errorf("encoding: %q: not one of %s", s, strings.Join(names, ", "))
}
