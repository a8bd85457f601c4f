// Package lab holds what tests judge the bridge with: clocks whose every
// reading is known (oscillator.go), simulated links (link.go), a scripted PTP
// grandmaster (grandmaster.go), an AES67 receiver (receiver*.go) and the
// analysis of recorded tones (analysis*.go, wav.go). Nothing of it is part of
// the bridge.
//
// The receiver reads RTP and SAP by code of its own, so that it judges the
// bridge's libraries too; arrival times are the kernel's, mapped from
// CLOCK_REALTIME to CLOCK_MONOTONIC. The analysis works in float64 and sees
// more than 180 dB below a tone.
package lab
