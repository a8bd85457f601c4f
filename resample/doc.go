// Package resample changes the sample rate by a ratio that follows a clock.
//
// It stands on the path of data between ring and safety. drift decides the
// ratio; here it is only followed, exactly: the ratio is a continuous,
// piecewise-linear function of the position (plan.go), never stepped, since a
// step once a block would limit any filter to about 100 dB. The caller asks
// how many input frames the next block takes (Needed), pushes them, and
// takes the block (Process).
//
// # Method
//
// Two stages in float64. A fixed linear-phase FIR filter doubles the rate;
// then a short polyphase bank, whose coefficients are cubics in the fraction,
// reads between the frames at any position. For an output slower than two
// thirds of the input the order is turned: the bank reads at twice the
// output's rate, then the fixed filter halves it. All filters are sincs under
// a Kaiser window. The read position is a 128-bit fixed-point number, so it
// does not drift, and output does not depend on how a run is cut into blocks,
// to the last bit.
//
// # Figures
//
//	input kHz   output kHz          passes up to kHz   delay, input frames   ms
//	44.1        44.1 48 88.2 96     20.45              78                    1.77
//	48          48 88.2 96          22                 70                    1.46
//	48          44.1                20                 70                    1.46
//	88.2        88.2 96             36.7               38                    0.43
//	88.2        44.1                20.45              154                   1.75
//	88.2        48                  22                 127.8                 1.45
//	96          96                  40                 38                    0.40
//	96          88.2                36                 38                    0.40
//	96          44.1                20.45              166.6                 1.73
//	96          48                  22                 138                   1.44
//
// Up to the edge the response is flat within 1e-6 dB, and images and aliases
// of what lies there are below -150 dB. Measured with float32 sines of 20 Hz
// to 20 kHz, which themselves are good for 153 dB, over all pairs of rates
// (quality_test.go repeats the first part, and samples of the second): 152 dB
// at any constant ratio, counting the whole band, 160 dB with float64; while the
// ratio wanders by 50 ppm within two seconds, counting all beyond 45 Hz from the
// tone, 169 dB with a new ratio every 48 frames and 149 dB with one every 256.
// `make bench-resample` and docs/resampler.md set it beside others.
//
// A stereo frame from 48 to 48 kHz takes 24 ns of one 2020s server core with
// AVX2, 150 in plain Go (bench_test.go).
//
// The price of the short filters: what lies between the pass edge and half
// the lower rate is attenuated only in part, and what lies as far above that
// half folds back there, for instance 24 to 26 kHz to 22 to 24 kHz on the way
// from 96 to 48 kHz. None of it reaches the pass band.
//
// Left out: ratios beyond 0.5 %, rates beside aes67.Rates, dither.
package resample
