package pulse

import (
	"fmt"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/internal/text"
)

// String is all of it, with the sinks that there are: a text for people.
func (a Answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %v\n", text.Printable(a.Server), a.address)
	fmt.Fprintf(&b, "default: %d Hz, sink %s\n", a.Rate, text.Printable(a.DefaultSink))
	for _, sink := range a.sinks {
		muted := ""
		if sink.Mute {
			muted = ", muted"
		}
		fmt.Fprintf(&b, "sink %d %s: %s, %d × %d Hz, %s, %.1f dB%s, latency %d µs (asked for %d µs), driver %s\n",
			sink.SinkIndex, text.Printable(sink.SinkName), text.Printable(sink.Device), sink.Channels, sink.Rate,
			sinkState(sink.State), loudestDB(sink.ChannelVolumes), muted, sink.Latency, sink.RequestedLatency, text.Printable(sink.Driver))
	}
	return b.String()
}

// sinkState is pa_sink_state_t of PulseAudio (src/pulse/def.h) as a word.
func sinkState(state uint32) string {
	if words := []string{"running", "idle", "suspended"}; state < uint32(len(words)) {
		return words[state]
	}
	return "in no state"
}

// loudestDB is the volume of the loudest channel.
func loudestDB(channels proto.ChannelVolumes) float64 {
	loudest := Level(0)
	for _, volume := range channels {
		loudest = max(loudest, Level(volume))
	}
	return loudest.DB()
}
