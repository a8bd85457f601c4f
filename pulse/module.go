package pulse

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"aes67-sink/aes67"
)

const (
	moduleName = "module-null-sink"
	// ownerKey and ownerValue are the property by which a sink is known as ours,
	// even after a crash.
	ownerKey   = "aes67.owner"
	ownerValue = "aes67-sink"
	// Icon is the sink's, and the program's, in the desktop's theme (Icon Naming
	// Specification 0.8.90).
	Icon = "audio-speakers"
	// maxSinkID is the server's limit (PulseAudio, namereg.c).
	maxSinkID = 127
	// maxSinkName leaves room in a request of maxRequest bytes.
	maxSinkName = 200
)

// moduleArgs writes the arguments of the null sink.
//
// norewinds=1 cures PulseAudio's 2 s blocks: without it the first message
// comes after 0.8 s instead of 0.05 s, and a player's first frames are zeros.
// PipeWire passes over it.
//
// state.restore-props=false keeps WirePlumber 0.5 from setting the volume it
// remembers, or else 100 %, some milliseconds after ours was set. 0.4 does not
// heed it; see settling.
//
// There is no device.form_factor: PulseAudio then prefers a "speaker" as its default
// to every other virtual sink, though never to a sound card (sink.c,
// pa_device_init_priority; seen with 16.1). Only KDE's volume display reads it, and
// shows the level in its place; the icon is found by its name everywhere.
//
// alone keeps PipeWire from applying the sink's volume to what is recorded: see law.go.
//
// node.driver=false lets PipeWire's Dummy-Driver drive the graph, on the same
// clock. A null sink that drives hands its monitor out one cycle later than one
// that follows (PipeWire 1.4.2: 21.2 and 16.1 ms from a player's write to the
// recording, in cycles of 256 frames); 0.3.65 does not heed it.
func moduleArgs(id, name string, rate aes67.Hz, channels []string, alone bool) string {
	more := ""
	if alone {
		more = " " + scaledKey + "=\"false\""
	}
	return fmt.Sprintf("sink_name=%s format=float32le rate=%d channels=%d channel_map=%s norewinds=1 sink_properties='device.description=\"%s\" %s=\"%s\" device.icon_name=\"%s\" state.restore-props=\"false\" node.driver=\"false\"%s'",
		id, rate, len(channels), strings.Join(channels, ","), label(name), ownerKey, ownerValue, Icon, more)
}

// label makes a name safe within both levels of quotes. PulseAudio undoes
// backslash escapes there and PipeWire does not, so none can be used: straight
// quotes become typographic ones, which read the same.
func label(name string) string {
	return strings.NewReplacer(`'`, "’", `"`, "”").Replace(name)
}

// checkSinkName says what keeps a name from being the sink's label.
func checkSinkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("sink name: empty: it is what people choose in their sound settings")
	case len(label(name)) > maxSinkName:
		return fmt.Errorf("sink name: %d bytes: at most %d", len(label(name)), maxSinkName)
	case !utf8.ValidString(name):
		return fmt.Errorf("sink name %q: not UTF-8", name)
	case strings.ContainsRune(name, '\\'):
		return fmt.Errorf("sink name %q: has a backslash, which the sound servers understand differently; leave it out", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("sink name %q: has a control character; leave it out", name)
	}
	return nil
}

// checkSinkID says what keeps id from being a sink's name (PulseAudio,
// namereg.c).
func checkSinkID(id string) error {
	if id == "" || len(id) > maxSinkID {
		return fmt.Errorf("sink id %q: must have 1 to %d characters", id, maxSinkID)
	}
	for _, r := range id {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return fmt.Errorf("sink id %q: %q is not a letter, digit, '.', '_' or '-'", id, r)
		}
	}
	return nil
}
