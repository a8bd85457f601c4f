// Package aes67 holds the words and numbers that every other package shares:
// units, formats, streams and clock identities. It is layer 0 and imports the
// standard library only; it does no I/O.
//
// Words, used the same way everywhere:
//
//   - frame: one sample instant of all channels; sample: one channel of a frame
//   - grandmaster, follower: the ends of a PTP clock relation (IEEE 1588)
//   - media clock: counts frames at the nominal rate against PTP time from the
//     PTP epoch; RTP timestamp: its low 32 bits (AES67-2018, 6.2 and 7.2)
//   - ptime: the audio time in one packet; session: one RTP stream
//   - leg: one of the two networks that a redundant stream goes out on (SMPTE ST 2022-7)
//   - sink, monitor: what programs play into, and what the bridge records
//   - xrun: a frame that came too late or had no room; holdover: running on
//     with the last good frequency after the grandmaster was lost
//
// Implemented: AES67-2018 media transport (L16, L24, packet times of 7.2.1),
// 1 to 8 channels. Left out: more channels, SIP.
package aes67
