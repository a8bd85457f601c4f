// Package e2e tests the whole bridge from outside, as a person and a receiver
// meet it: the built program, real sound servers, a real wire.
//
//	paplay -> PipeWire or PulseAudio -> aes67-sink ==wire==> ffmpeg, GStreamer, lab receiver
//	          (private)                 (namespace PREFIX-pc)  (namespace PREFIX-speaker)
//	                                         <----PTP----  ptp4l, or the lab's grandmaster
//
// It has tests only; they need root (namespaces, ports 319 and 320) and skip
// with a reason without it. Each test makes what it needs under names of its
// own and removes it, also when it fails; what a killed test program left
// behind is swept at the next start. `make lab` builds and runs them in a short
// form; LAB_FULL=1 takes the long measurements and prints a table.
//
// A virtual machine stands still now and then, and a loaded one lets programs wait.
// Watchmen and the kernel's account of waiting know when (watchman_test.go). A
// recording is judged around its breaks, each of which must be explained by what
// happened just before it (judge_test.go); delays are judged of packets that no
// standstill touched. What is left too little to judge is taken again, and else
// listed last: "judged 250 of 251; not judged: ...".
//
// The JSON of "aes67-sink status" is read by the names of the public face, not
// through package status, so that a renamed field fails here.
package e2e
