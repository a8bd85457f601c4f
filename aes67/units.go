package aes67

import (
	"math/bits"
	"time"
)

// Frames counts sample instants; a stereo frame holds two samples.
type Frames int64

// Hz is a nominal sample rate in frames per second.
type Hz int

// PPB is a relative frequency; +1 runs fast by one nanosecond per second.
type PPB float64

// Factor returns the ratio that p stands for: 1 at 0 ppb.
func (p PPB) Factor() float64 { return 1 + float64(p)*1e-9 }

// MonoTime is an instant of CLOCK_MONOTONIC in nanoseconds: what the sound server
// ticks with, and what timers wait by. NTP slews it.
type MonoTime int64

// Add returns the instant d later.
func (t MonoTime) Add(d time.Duration) MonoTime { return t + MonoTime(d) }

// Sub returns how much later t is than u.
func (t MonoTime) Sub(u MonoTime) time.Duration { return time.Duration(t - u) }

// RawTime is an instant of CLOCK_MONOTONIC_RAW in nanoseconds: the oscillator
// behind CLOCK_MONOTONIC, which nobody slews. The network's time is measured and
// kept by it. The two clocks show the same at boot only.
type RawTime int64

// Add returns the instant d later.
func (t RawTime) Add(d time.Duration) RawTime { return t + RawTime(d) }

// Sub returns how much later t is than u.
func (t RawTime) Sub(u RawTime) time.Duration { return time.Duration(t - u) }

// PTPTime is an instant of the network's PTP clock: nanoseconds since the
// clock's epoch, which is 1970-01-01 TAI only if the grandmaster says so
// (IEEE 1588-2008, 7.2). It is never negative on the wire.
type PTPTime int64

// Add returns the instant d later.
func (t PTPTime) Add(d time.Duration) PTPTime { return t + PTPTime(d) }

// Sub returns how much later t is than u.
func (t PTPTime) Sub(u PTPTime) time.Duration { return time.Duration(t - u) }

// MediaTime is the media clock: frames since the PTP epoch, not wrapped.
type MediaTime int64

// RTPTime is the low 32 bits of a MediaTime, as RTP carries it; it wraps
// (RFC 3550, 5.1).
type RTPTime uint32

// Sub returns the signed distance a-b and is right across the wrap.
func (a RTPTime) Sub(b RTPTime) int32 { return int32(a - b) }

// RTP returns the RTP timestamp of m. The media clock offset is 0, as
// "a=mediaclk:direct=0" promises (RFC 7273, 5.2).
func (m MediaTime) RTP() RTPTime { return RTPTime(uint64(m)) }

// PTP returns the first instant, in whole nanoseconds, at which a media clock
// of the given rate shows m. Times before the epoch give 0.
func (m MediaTime) PTP(rate Hz) PTPTime {
	if m <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(m), uint64(time.Second))
	q, r := bits.Div64(hi, lo, uint64(rate))
	if r > 0 {
		q++
	}
	return PTPTime(q)
}

// MediaAt returns what a media clock of the given rate shows at t: the number
// of whole frame periods since the epoch (AES67-2018, 6.2). Times before the
// epoch give 0.
func MediaAt(t PTPTime, rate Hz) MediaTime {
	if t <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(t), uint64(rate))
	q, _ := bits.Div64(hi, lo, uint64(time.Second))
	return MediaTime(q)
}

// Duration returns the length of f frames at the given rate, rounded to the
// nearest nanosecond.
func (f Frames) Duration(rate Hz) time.Duration {
	sec := int64(f) / int64(rate)
	rest := int64(f) % int64(rate)
	half := int64(rate) / 2
	if rest < 0 {
		half = -half
	}
	return time.Duration(sec*int64(time.Second) + (rest*int64(time.Second)+half)/int64(rate))
}

// FramesIn returns how many frames of the given rate fit d, rounded up.
func FramesIn(d time.Duration, rate Hz) Frames {
	ns, r := int64(d), int64(rate)
	sec, rest := ns/int64(time.Second), ns%int64(time.Second)
	return Frames(sec*r + (rest*r+int64(time.Second)-1)/int64(time.Second))
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
