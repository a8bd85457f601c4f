package aes67

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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

// packetTimes is all that is known of each, the shortest first. Frames are those
// at 44.1 and 48 kHz; 88.2 and 96 kHz have twice as many (AES67-2018, 7.2.1).
var packetTimes = [...]struct {
	time   PacketTime
	name   string // in the configuration
	frames Frames
}{
	{PacketTime125us, "125us", 6},
	{PacketTime250us, "250us", 12},
	{PacketTime333us, "333us", 16},
	{PacketTime1ms, "1ms", 48},
	{PacketTime4ms, "4ms", 192},
}

// PacketTimes are all packet times, the shortest first.
func PacketTimes() (all []PacketTime) {
	for _, known := range packetTimes {
		all = append(all, known.time)
	}
	return all
}

// ParsePacketTime reads the configuration's form, such as "1ms" or "250us".
func ParsePacketTime(s string) (PacketTime, error) {
	var names []string
	for _, known := range packetTimes {
		if known.name == s {
			return known.time, nil
		}
		names = append(names, known.name)
	}
	return 0, fmt.Errorf("ptime: %q: not one of %s", s, strings.Join(names, ", "))
}

// String returns the configuration's form.
func (p PacketTime) String() string {
	for _, known := range packetTimes {
		if known.time == p {
			return known.name
		}
	}
	return time.Duration(p).String()
}

// Frames returns how many frames one packet holds at the given rate. It panics for
// what is no packet time.
func (p PacketTime) Frames(rate Hz) Frames {
	for _, known := range packetTimes {
		switch {
		case known.time != p:
		case rate > 48000:
			return 2 * known.frames
		default:
			return known.frames
		}
	}
	panic(fmt.Sprintf("aes67: no packet time: %v", p))
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
