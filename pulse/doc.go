// Package pulse is the bridge's edge to the desktop's sound server: the virtual
// sink that programs play into, and the recording of its monitor.
//
// It begins the path of the data. It speaks the PulseAudio native protocol
// (version 32), which PulseAudio and PipeWire's pipewire-pulse both serve:
//
//  1. find the server (discover.go, clientconf.go) and connect (dial.go, cookie.go)
//  2. load a module-null-sink or adopt the leftover of a crash (module.go, leftover.go)
//  3. set the volume (confirm.go, volume.go)
//  4. record the monitor and hand each message to the FrameHandler, as zeros at
//     first (monitor.go, framing.go)
//  5. read the volume back; only when it stands let sound pass (confirm.go)
//     after that, judge each change of it (jumpguard.go) and have the sound kept down
//     where it jumped (loudness.go)
//  6. watch: volume, players, removal, stalls, silence of the server (life.go);
//     in silence let the rate follow what played last (followrate.go, turnrate.go)
//  7. when the server is lost begin again, for ever (sink.go); unload at the end
//
// Contexts: one control goroutine makes all requests. The capture goroutine,
// locked to its thread, reads the connection (conn.go). Audio never passes
// through the library: it is cut out of the byte stream and handed over at once,
// stamped with the instant of its arrival, without allocation. Control packets
// are checked (check.go) before the library may read them, because it panics
// on what it does not expect.
//
// How the servers differ, as measured: a PipeWire sink may have the name of
// another one, PulseAudio renames the second ("aes67.2"); PipeWire does not
// undo escapes within sink_properties; PulseAudio's messages can have odd sizes,
// PipeWire's are its quantum; PipeWire reports no record latency; PipeWire 1.4
// takes over a volume only while the sink runs, and WirePlumber sets one of its
// own after the sink was made. On both a module outlives its loader, and the
// sink's volume and mute are already in the monitor's samples: nobody may apply
// them again. That a volume changes is told on the connection before the first
// frame at it: PulseAudio 16.1 tells it right before that frame, 0 to 5 ms earlier,
// PipeWire 0.3.65 a cycle before and 5 to 14 ms earlier; to what, is answered
// within 0.3 to 3 ms.
//
// Left out: the default sink (the server's and the user's matter), shared
// memory, the system-wide instance.
package pulse
