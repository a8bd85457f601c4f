//go:build !race

package ptp_test

const raceDetector = false
