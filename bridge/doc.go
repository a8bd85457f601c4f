// Package bridge is the core of the program: it joins the path of the data
// with the path of time and owns the states. It knows no socket, no sound
// server and no clock of the computer; edges satisfy its interfaces.
//
// The path of the data, numbered as in pipeline.go:
//
//  1. The capture context hands over fragments as the sound server renders
//     them (Frames): they go into the ring with a stamp of their arrival.
//  2. The sender context pulls one packet time at each deadline (Pull). First
//     it takes the stamps, from which drift learns how full the ring is.
//  3. It decides whether there is enough to play: too little is faded out
//     while there is still something left to fade.
//  4. Drift sets the ratio; the resampler takes what it needs from the ring.
//  5. The safety stage is last: fades, ceiling, meters. Its limiter sees ahead
//     what the resampler is given.
//
// After the ring there is one clock domain, that of the media clock.
//
// The supervisor (bridge.go, state.go) runs in the control context: it looks
// at the sound server, the network and the clock, and starts and stops the
// sender and the announcements. Its decisions are a pure function.
package bridge
