// Package bridge is the core of the program: it joins the path of the data
// with the path of time and owns the states. It knows no socket, no sound
// server and no clock of the computer; edges satisfy its interfaces.
//
// The path of the data (pipeline.go) is made of small pieces:
//
//	capture context          sender context, once a packet time
//	Frames, Gap, Rate, Doubt Pull
//	       |                   |
//	       v                   v
//	     feed ── ring ──> what is ready, as one sound
//	       |                   |        target: how much the ring shall hold
//	       └── arrivals ───────┤        watch:  read, fade, begin again
//	                           v
//	                         rate: drift and resampler, or untouched; what is
//	                           |   missing is predicted
//	                           v
//	                         guard: a gain of the bridge's own, after a jump of
//	                           |    the sink's volume
//	                           v
//	                         safety: fades, limiter, ceiling, meters ──> block
//
// After the ring there is one clock domain, that of the media clock.
//
// The supervisor (bridge.go, state.go) runs in the control context: it looks
// at the sound server, the network and the clock, and starts and stops the
// sender and the announcements. Its decisions are a pure function.
package bridge
