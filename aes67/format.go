package aes67

import "fmt"

// Format is how the sound of one stream is cut into packets.
type Format struct {
	Rate       Hz
	Encoding   Encoding
	PacketTime PacketTime
	Channels   int
}

// Bytes returns the RTP payload's size.
func (f Format) Bytes() int {
	return int(f.PacketTime.Frames(f.Rate)) * f.Channels * f.Encoding.Bytes()
}

// Refusal tells why no packet can be of a format, and which comes nearest.
type Refusal struct {
	Why     string
	Nearest Format // the same sound in shorter packets; of zero channels: there is none
}

// Check tells why a format is refused; nil: it is not. The rate, the encoding and the
// packet time are of those that there are.
func (f Format) Check() *Refusal {
	var why string
	switch {
	case f.Channels < 1 || f.Channels > MaxChannels:
		return &Refusal{Why: fmt.Sprintf("%d channels: must be 1 to %d", f.Channels, MaxChannels)}
	case f.PacketTime == PacketTime4ms && f.Rate > 48000: // AES67-2018, 7.2.1
		why = fmt.Sprintf("packets of %v are not defined at %d Hz", f.PacketTime, f.Rate)
	case f.Bytes() > MaxPayload:
		why = fmt.Sprintf("%d channels of %v at %d Hz make %d bytes a packet: must be at most %d", f.Channels, f.Encoding, f.Rate, f.Bytes(), MaxPayload)
	default:
		return nil
	}
	return &Refusal{why, f.nearest()}
}

// nearest returns the longest shorter packet that is allowed. All else is what the
// listener hears; the packet time is not.
func (f Format) nearest() (best Format) {
	for _, shorter := range PacketTimes() {
		g := f
		if g.PacketTime = shorter; shorter < f.PacketTime && g.Check() == nil {
			best = g
		}
	}
	return best
}

// Usual tells how far receivers can be expected to take a format (AES67-2018, 7.1 and
// 7.2.1): 48 kHz in packets of 1 ms is what each must take.
func (f Format) Usual() Expectation {
	switch {
	case f.Rate == 88200,
		f.Rate == 44100 && f.Encoding != L16,
		f.Rate == 96000 && f.Encoding != L24:
		return Outside
	case f.Rate == 48000 && f.PacketTime == PacketTime1ms:
		return Everywhere
	}
	return Optional
}

// Expectation is which receivers take a format.
type Expectation uint8

// The expectations, the best first.
const (
	Everywhere Expectation = iota // each AES67 receiver
	Optional                      // those that say so
	Outside                       // not of AES67; some do all the same
)

// String returns the word of docs/formats.md.
func (e Expectation) String() string { return [...]string{"every", "some", "outside"}[e] }
