// Package sdp writes and reads session descriptions: the text by which
// receivers find out what a multicast stream carries and which clock it is
// timed by (RFC 8866, RFC 7273, with RAVENNA's additions).
//
// It stands at the end of the path of time: ptp tells the grandmaster, a
// Session joins it with a Stream, and Session.Text is what SAP, RTSP and the
// command line hand out. Parse reads the descriptions of others, leniently,
// because what is in the field is not always what the RFC asks for.
//
// Beside the text it holds the rules that go with it: versions and session ids
// (policy.go), names (name.go) and multicast groups (groups.go).
//
// The order of lines is the one that every receiver read so far accepts: the
// block that Dante devices write first, RAVENNA's additions last. Receivers
// exist that break when it is changed.
//
// Pure: no I/O, no clock, no goroutines.
package sdp
