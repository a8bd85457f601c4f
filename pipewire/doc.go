// Package pipewire speaks as much of PipeWire's native protocol as it takes to tell players
// a sink's latency, and to know its graph's rate: it sets the parameter latencyOffsetNsec of a
// node, and reads what the node's ports and the server's profiler tell. PulseAudio's
// protocol, which all else uses, has no request for it.
//
// The protocol (PipeWire, "Native Protocol"; module-protocol-native): messages over a
// stream socket, each a header of 16 bytes (receiver, opcode and length, sequence number,
// number of file descriptors) and a Struct (package pod). Who connects is object 1 and the
// server object 0; others get the numbers that the client gives them.
//
//	Hello, UpdateProperties, GetRegistry, Sync ──▶
//	               ◀── a Global for each object, Done
//	Bind, SetParam or EnumParams, Sync ──▶
//	                         ◀── Param, Done
//	Bind (the profiler) ──▶
//	                         ◀── Profile, a few times a second while something runs
//
// Each call is a connection of its own: they are rare, and an idle client is one more thing
// in every list of the desktop.
package pipewire
