// Package safety is the last stage before the packetizer: nothing reaches the
// wire but through it.
//
// What may never reach the wire, and how that is proven:
//
//   - a sample above the ceiling, or one that is no number: property and fuzz
//     tests over arbitrary blocks;
//   - a burst at a start, an end or a fault: whenever it is opened or closed,
//     the gain takes FadeTime from or to exact zeros along a raised cosine. From
//     one frame to the next the fade's gain changes by pi/2 divided by
//     FadeFrames at most (0.0066 at 48 kHz); opened again on the way down, it
//     turns round where it is;
//   - anything at all while closed: exact zeros, whatever comes in.
//
// Below the ceiling and fully open, samples pass bit for bit. Above it one gain
// for all channels is taken back at once, held, and smoothly given back, so the
// stereo picture stays and a too loud desktop volume does not wrap or crackle.
// The limiter's gain rises by 1.5 divided by the frames of releaseTime at most
// from one frame to the next (0.00021 at 48 kHz). It does not look ahead, which
// would cost latency: the first wave above the ceiling is flattened.
//
// It stands on the path of the data between resample and rtpsend. It is pure:
// no clock, no I/O; time is the count of frames.
package safety
