// Package ptp keeps the virtual clock with the network's: an ordinary clock of
// IEEE 1588 (PTPv2) in user space. It is the first station on the path of time
// and writes mediaclock.Clock; no clock of the computer is ever set.
//
// It is pure: events with timestamps go in, messages and the steering of the
// clock come out. Package wire reads and writes the messages, package track makes
// estimates of measurements and pursues them, package port has the sockets, the
// kernel's clocks and the goroutine.
//
//	bmca.go          which master is best, and what to do about it
//	masters.go       who is heard: qualification, timeout, the list for users
//	rhythm.go        how often a master really announces itself
//	engine.go        the port's states; every message and instant enters here
//	follower.go      following one master; its state is track's
//	measure.go       T1 to T4 to one-way measurements; steps of the master
//	request.go       T3 and T4, and what is wrong with the answers
//	grandmaster.go   serving the virtual clock
//	neighbour.go     another PTP program on this computer
//	verdict.go       why each master is, or is not, followed
//	status.go        what the user may know, and what is wrong
//
// An exchange with a master:
//
//  1. Announce, twice: the master qualifies, the best one is chosen, and the
//     first Delay_Req leaves at once.
//  2. Sync, and Follow_Up if it is two-step: T1 and T2.
//  3. Delay_Req at random intervals, Delay_Resp: T3 and T4.
//  4. With six of the former and three of the latter the clock is set, half a
//     second later it is called locked. From then on its rate alone is steered.
//
// Every instant in this package is of CLOCK_MONOTONIC_RAW (aes67.RawTime), which NTP
// does not slew. Package port converts the kernel's timestamps at its edge.
//
// Signs: offsets are ours minus grandmaster; frequency is the grandmaster
// against that clock, plus = grandmaster fast.
//
// Implemented: IEEE 1588-2008 ordinary clock over UDP/IPv4 multicast with the
// end-to-end delay mechanism, one and two step, in the ranges of AES67-2018
// annex A, AES-R16-2016, SMPTE ST 2059-2 and the standard's default profile;
// 2019's minor version is accepted. Left out: peer delay, unicast negotiation,
// management, boundary and transparent clocks.
package ptp
