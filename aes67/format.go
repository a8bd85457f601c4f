package aes67

import (
	"fmt"
	"strconv"
	"time"
)

// Encoding is how a sample is written into a packet, big-endian two's
// complement (RFC 3551, 4.5.11 and RFC 3190, 4).
type Encoding uint8

// The encodings of AES67-2018, 7.1.
const (
	L24 Encoding = iota
	L16
)

// Bytes returns the size of one sample.
func (e Encoding) Bytes() int {
	if e == L16 {
		return 2
	}
	return 3
}

// String returns the name used in a=rtpmap.
func (e Encoding) String() string {
	if e == L16 {
		return "L16"
	}
	return "L24"
}

// ParseEncoding reads the name used in a=rtpmap and in the configuration.
func ParseEncoding(s string) (Encoding, error) {
	switch s {
	case "L24":
		return L24, nil
	case "L16":
		return L16, nil
	}
	return 0, fmt.Errorf("encoding: %q: not one of L24, L16", s)
}

// PacketTime is a nominal packet time (ptime). At 44.1 and 88.2 kHz the frame
// count of 48 and 96 kHz is kept, so the true time is longer (AES67-2018,
// 7.2.1).
type PacketTime time.Duration

// The packet times of AES67-2018, 7.2.1. One millisecond is mandatory for
// every device; the rest are optional.
const (
	PacketTime125us = PacketTime(125 * time.Microsecond)
	PacketTime250us = PacketTime(250 * time.Microsecond)
	PacketTime333us = PacketTime(333 * time.Microsecond)
	PacketTime1ms   = PacketTime(time.Millisecond)
	PacketTime4ms   = PacketTime(4 * time.Millisecond)
)

// ParsePacketTime reads the configuration's form, such as "1ms" or "250us".
func ParsePacketTime(s string) (PacketTime, error) {
	switch s {
	case "125us":
		return PacketTime125us, nil
	case "250us":
		return PacketTime250us, nil
	case "333us":
		return PacketTime333us, nil
	case "1ms":
		return PacketTime1ms, nil
	case "4ms":
		return PacketTime4ms, nil
	}
	return 0, fmt.Errorf("ptime: %q: not one of 125us, 250us, 333us, 1ms, 4ms", s)
}

// String returns the configuration's form.
func (p PacketTime) String() string {
	if p >= PacketTime1ms {
		return strconv.Itoa(int(p/PacketTime1ms)) + "ms"
	}
	return strconv.Itoa(int(time.Duration(p)/time.Microsecond)) + "us"
}

// frames48 is the frame count of each packet time at 44.1 and 48 kHz; 88.2 and
// 96 kHz have twice as many (AES67-2018, 7.2.1).
func (p PacketTime) frames48() Frames {
	switch p {
	case PacketTime125us:
		return 6
	case PacketTime250us:
		return 12
	case PacketTime333us:
		return 16
	case PacketTime4ms:
		return 192
	default:
		return 48
	}
}

// Frames returns how many frames one packet holds at the given rate.
func (p PacketTime) Frames(rate Hz) Frames {
	if rate > 48000 {
		return 2 * p.frames48()
	}
	return p.frames48()
}

// Text returns the value of a=ptime: milliseconds, within half a frame of the
// truth. One decimal place fewer than two is written where that is exact, and
// two otherwise ("1", "4", "1.09", "0.12", "0.25", "0.33"), the strings that
// receivers in the field print and accept (SMPTE ST 2110-31, table 1).
func (p PacketTime) Text(rate Hz) string {
	frames := int64(p.Frames(rate))
	if frames*1000%int64(rate) == 0 {
		return strconv.FormatInt(frames*1000/int64(rate), 10)
	}
	hundredths := frames * 100_000 / int64(rate) // truncated: 0.125 is written 0.12
	if rest := frames * 100_000 % int64(rate); 2*rest > int64(rate) {
		hundredths++
	}
	return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
}

// Rates are the sample rates that a sink and a stream may have. AES67 names
// 44.1, 48 and 96 kHz (AES67-2018, 7.1); 88.2 kHz is a RAVENNA extension.
var Rates = [...]Hz{44100, 48000, 88200, 96000}

// ValidRate reports whether r is one of Rates.
func ValidRate(r Hz) bool {
	for _, known := range Rates {
		if r == known {
			return true
		}
	}
	return false
}
