// Package wire reads and writes the messages of IEEE 1588 (PTPv2) that an
// ordinary clock with end-to-end delay exchanges over UDP. It is pure, and the
// only package that knows the library beneath.
//
//	message.go   messages, their kinds, flags and identities
//	wire.go      what is accepted, what is written
package wire
