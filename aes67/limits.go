package aes67

import "time"

// Limits and constants of the media transport.
const (
	// MaxPayload is the largest RTP payload in bytes (AES67-2018, 6.3).
	MaxPayload = 1440
	// MaxChannels is the most channels that every receiver takes in one stream
	// (AES67-2018, 7.1).
	MaxChannels = 8
	// MaxStreams bounds the streams of one sender: the product's own, whose cost a
	// stream is measured up to it (make bench-streams).
	MaxStreams = 64
	// LatePackets and LateTime bound a sender's transmit-time variation: it
	// shall not exceed 17 packet times or 17 ms, whichever is smaller
	// (AES67-2018, 7.5).
	LatePackets = 17
	LateTime    = 17 * time.Millisecond
	// MinSendOffset is the least constant between the RTP instant of a packet's
	// first frame and its sending.
	MinSendOffset = 250 * time.Microsecond
)

// SendOffset is the constant between the RTP instant of a packet's first frame
// and its sending: half a packet time, but at least MinSendOffset. It leaves
// as much room for jitter and clock error on either side as the test plans of
// JT-NM (0 to 1 ms at ptime 1 ms) allow.
func SendOffset(frames Frames, rate Hz) time.Duration {
	return max(frames.Duration(rate)/2, MinSendOffset)
}
