//go:build race

package ptp_test

// raceDetector tells long simulations to be content with a part: they run in
// one goroutine, and several times slower.
const raceDetector = true
