// Package slider decides what the desktop's slider moves: the level of the stream, or that
// of the two loudspeakers at its far end. It is pure: it asks nobody, and time is an
// argument.
package slider
