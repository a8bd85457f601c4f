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
// for all channels is taken back, held, and given back, so the stereo picture
// stays and a too loud desktop volume does not wrap or crackle.
//
// The limiter looks ahead by the resampler's own delay, so that costs no latency:
// it sees the sink's frames when they are pushed to the resampler (Ahead), and is
// told which of them a block shows (Process). A peak is that of the signal between
// the samples, at four times the rate; where nothing is resampled, samples alone
// count, since then one at the ceiling goes out as it came. The gain is there when
// a peak is:
//
//	ahead   the resampler's delay less 7 frames: 62 at 48 kHz, 30 at 96 (1.3, 0.3 ms)
//	falls   over ahead frames along the integral of a triangle: by 1/(1 + ahead/2)
//	        from one frame of the sink to the next at most, even from 1 to 0
//	rises   by 1.5 divided by the frames of releaseTime at most (0.00021 at 48 kHz)
//
// So a wave is turned down and not bent, if a quarter of it is no longer than
// that: a burst 6 dB above the ceiling is, but for its height, the same within -54
// dB at 1 kHz, -38 at 200 Hz and -20 at 50 Hz in its first 20 ms (measured at 48
// kHz). Should a sample be too large in spite of the gain, because a filter made it
// so or the caller told something else, it is clipped and the gain follows.
//
// It stands on the path of the data between resample and rtpsend. It is pure:
// no clock, no I/O; time is the count of frames.
package safety
