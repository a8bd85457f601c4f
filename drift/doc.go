// Package drift keeps the ring at its target fill by steering the resampler.
//
// It measures (arrival.go, regression.go), decides (controller.go, state.go) and
// never acts: the caller applies the returned ratio. No I/O, no goroutines, no
// allocation after NewLoop; all methods belong to the sender context.
//
//	messages of the monitor                               pull pipeline
//	(total frames, stamp)                                 (1 ms, at the due instant)
//	        |                                                     |
//	        v                                                     | consumed(t)
//	arrival: server's clock less stamp,                           v
//	least late of each 250 ms --> regression --> Written(t) --(+)--(-)-----> fill
//	                                |                                    |
//	                    rate of the server's clock          fill - target, frames
//	                                |                                    |
//	                                v                                    v
//	feed-forward ----> smoothed, divided by it ----(+)------(-)------- push
//	(grandmaster's frequency)                       |
//	                                 bounded in slope and size: ratio
//
// Signs. Ratio: output frames per input frame at nominal rates, less 1; plus
// makes more output of the same input, so the fill grows. Feed-forward: the
// grandmaster against CLOCK_MONOTONIC, plus = grandmaster fast. Server's rate:
// its frames against CLOCK_MONOTONIC, plus = server fast; it lowers the ratio.
// Fill and error: frames, plus = too much lies in the ring.
//
// The fill is that of the smooth count, not of the ring: between two messages
// the ring holds up to one message less, and less again when one is late. So
// the fill does not depend on where pulls fall between arrivals, and the target
// must exceed a cycle, the resampler's need and the lateness to be
// survived, together.
//
// The server's rate is measured apart from the loop, by arrivals alone, and
// nothing in the loop integrates: there is nothing to wind up, the push is a
// loop of first order, and it cannot ring.
//
// # Beginning
//
// In Acquire nothing is read. The caller asks Place before each pull, sends
// silence while it says no, and when it says yes drops the frames it names, calls
// Start and reads: what remains is the target within a frame. The loop falls back
// to Acquire by itself when arrivals stop for 100 ms or the fill is further above
// its target than steering brings back (half the target, or 9 ms); the caller sees
// State, fades out and asks Place again.
//
//	what has happened to the caller               it calls
//	it stopped reading: something came too late   Halt, then Place, Start
//	the server goes on, but has lost time         Relocate, after Halt
//	the server is not where it was thought to be  Reset, then Place, Start
//	it passes its input on as it is               Untouched in place of Update
//	it has put the fill to its target itself      Recentre
//
// Total and consumed count the same frames from the same zero; a frame that was
// dropped, by the ring or by the caller, counts as consumed.
//
// # Where the numbers come from
//
// The window, the memory of the line and the pushes were chosen on recordings
// of monitor messages (PipeWire 0.3.65, PulseAudio 16.1, two busy cores, 100 s
// each), where the least late arrival of a window wanders by 20 to 60 us over
// seconds to minutes. A push that follows such a wander makes pitch of it: 40 us
// in 60 s are 0.7 ppm. As nearly every server ticks with CLOCK_MONOTONIC, the
// fill need not be pushed at all while it stays within some frames, so the fine
// push is 0.0003 per second (0.00005 Hz) for small errors and grows with the
// square of the error to 0.04 Hz: 100 us make 0.04 ppm. With 0.001 the pitch
// over 60 s was 0.19 and 0.27 ppm off against a real PipeWire. The table of
// sim_test.go states what comes out.
//
// Servers do not tick exactly at their nominal rate: PipeWire rounds the length
// of a cycle down to whole nanoseconds (62.5 ppb at 256 frames and 48 kHz), and
// PulseAudio's null sink rounds that of each piece it renders down to whole
// microseconds, which makes it fast by 30 to 100 ppm while a player's blocks
// split its pieces. Both are computed from the messages' lengths (arrival.go).
package drift
