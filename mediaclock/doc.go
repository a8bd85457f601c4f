// Package mediaclock is the virtual PTP clock: an affine map from
// CLOCK_MONOTONIC_RAW to the network's PTP time.
//
// It stands on the path of time between ptp, which writes it, and rtpsend,
// drift and sdp, which read it. One context writes; any may read, without
// locks. While the clock is locked its time never jumps: a servo changes its
// rate (Steer), and every jump (Step) is counted so that readers see it.
// No clock of the computer is read or set here: instants are arguments.
//
// Signs: Map.Rate is the PTP clock against the oscillator, plus = PTP fast.
package mediaclock
