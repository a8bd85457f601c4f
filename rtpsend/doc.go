// Package rtpsend turns blocks of audio into RTP packets and sends each at its
// instant of the network's clock. It is the end of the path of data.
//
// The sender's loop (sender.go), once a packet time, on its own locked thread:
//
//  1. ask the pacer (pacer.go) what is next: sleep, send, or end
//  2. pull one packet time of audio from the FrameSource, all channels at once
//  3. packetize it for each stream (packetizer.go), all with one timestamp
//  4. hand all packets to the kernel in one sendmmsg a leg (leg.go, socket_linux.go)
//  5. count (stats.go)
//
// Timing: packet n's first frame is media time m, a multiple of the packet's
// frames; it is due at the instant of m by the PTP clock plus the constant
// aes67.SendOffset. What is late is sent at once, a backlog is spread, and a
// stall longer than AES67 allows becomes one counted jump of the timestamps.
// RTP timestamps are the low 32 bits of m, so "a=mediaclk:direct=0" is true.
//
// Redundant streams leave twice, with the same header and payload, from two sockets
// (SMPTE ST 2022-7:2019, 6). What befalls one leg does not touch the other: no call
// waits, and a leg comes and goes beside the loop.
//
// Standards: RFC 3550 (RTP), RFC 3190 (L24), RFC 3551 (L16), AES67-2018, 7.
// Left out: RTCP (docs/adr/0007-no-rtcp.md), header extensions.
//
// Files marked "hot" run in the loop: no allocation, lock, log, channel or
// defer in them.
package rtpsend
