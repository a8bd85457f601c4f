// Package ring absorbs the bursts between the sound server, which delivers a
// message at a time, and the sender, which takes a packet at a time.
//
// It stands on the path of data between pulse and resample. Ring carries
// interleaved float32 frames; Queue carries small values beside them, such as
// the instants at which messages arrived.
//
// The contract of both: one goroutine writes, one other reads, neither ever
// waits, locks or allocates. The writer owns the free part, the reader the
// filled part, and ownership moves by one atomic counter each way. What does
// not fit is dropped by the writer: Ring counts it in frames, Queue refuses
// it. Frames that were accepted are read once, whole and in order.
//
// Left out: clocks, levels to aim at, and any reaction to overruns; those
// belong to drift and bridge.
package ring
