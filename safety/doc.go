// Package safety is the last stage before the packetizer: nothing reaches the
// wire but through it.
//
// What may never reach the wire, and how that is proven (stage_test.go):
//
//   - a sample above the ceiling, or one that is no number: property and fuzz
//     tests over arbitrary blocks;
//   - a burst at a start, an end or a fault: whenever it is opened or closed,
//     the gain takes FadeTime from or to exact zeros along a raised cosine, and
//     changes by no more than a stated slope from one frame to the next;
//   - anything at all while closed: exact zeros, whatever comes in.
//
// Below the ceiling and fully open, samples pass bit for bit. Above it one gain
// for all channels is taken back at once, held, and slowly given back, so the
// stereo picture stays and a too loud desktop volume does not wrap or crackle.
//
// It stands on the path of the data between resample and rtpsend. It is pure:
// no clock, no I/O; time is the count of frames.
package safety
