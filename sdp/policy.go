package sdp

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// User is the user name in the origin line of our sessions: none (RFC 8866, 5.2).
const User = "-"

// ntpEpoch is the Unix epoch in NTP seconds, which count from 1900 (RFC 5905, 6).
const ntpEpoch = 2_208_988_800

// NTPSeconds turns Unix seconds into NTP seconds, the customary start of a
// session version. They pass 32 bits in 2036.
func NTPSeconds(unix int64) uint64 { return uint64(unix + ntpEpoch) }

// NextVersion returns the version of a changed text: the time, as RFC 8866, 5.2
// advises, but always above the previous version, whatever the time says.
func NextVersion(previous, ntpSecondsNow uint64) uint64 {
	return max(previous+1, ntpSecondsNow)
}

// SessionID returns the id of the session whose first channel is the sink's
// channel first. It is the same at every start, differs between the sessions
// of one sink, and by hash between hosts and sinks. hostID must be unique to
// the machine (and is not disclosed). It has 32 bits because receivers exist
// that store no more, and is never 0.
func SessionID(hostID, sinkID string, first int) uint64 {
	digest := sha256.Sum256([]byte("aes67-sink session\x00" + hostID + "\x00" + sinkID))
	base := binary.BigEndian.Uint32(digest[:])
	return 1 + (uint64(base)+uint64(first))%math.MaxUint32
}
