// Package track follows another clock by one-way measurements: samples.go and
// fit.go make curves of them, estimator.go chooses one, and servo.go lets a
// mediaclock.Clock pursue it. It knows numbers only: no message, no socket, and
// time is an argument. It belongs to one context and allocates only to grow its
// memory.
//
// Signs: an offset is local time less the other clock's, in ns; a rate is the
// other clock's against the local one, plus = the other fast.
package track
