// Package speakers decides about the loudspeakers at the far end: which of two the
// desktop's slider moves, which speaker plays which stream, and when one is going to
// sleep. It is pure: it asks nobody, and time is an argument.
package speakers
