// Package recorder is the flight recorder: a ring of what each packet time was like,
// a ring of events, histories for plots, and what an incident was, in one sentence and
// a bill. Pure: what it is told comes with its time, and it does no I/O.
package recorder
