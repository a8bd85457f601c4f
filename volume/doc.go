// Package volume joins the desktop's slider, the stream's gain and the levels of a pair of
// speakers: it asks and sets the speakers, and carries out what package slider decides.
package volume
