package pulse

import (
	"context"
	"fmt"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/text"
)

// Describe asks the sound server, over a connection of its own, what it is and which
// sinks it has: a text for people. It is an error if there is none that answers.
func Describe(ctx context.Context) (string, error) { return describe(ctx, thisProcess()) }

func describe(ctx context.Context, where surroundings) (string, error) {
	s, err := connect(ctx, where, newFramer(1, nil), func() aes67.MonoTime { return 0 }, nil, func(any) {})
	if err != nil {
		return "", err
	}
	defer s.close()
	info, err := s.info()
	if err != nil {
		return "", err
	}
	var sinks proto.GetSinkInfoListReply
	if err := s.request("list of sinks", &proto.GetSinkInfoList{}, &sinks); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %v\n", text.Printable(serverName(info)), s.address)
	fmt.Fprintf(&b, "default: %d Hz, sink %s\n", info.DefaultSampleSpec.Rate, text.Printable(info.DefaultSinkName))
	for _, sink := range sinks {
		muted := ""
		if sink.Mute {
			muted = ", muted"
		}
		fmt.Fprintf(&b, "sink %d %s: %s, %d × %d Hz, %s, %.1f dB%s, latency %d µs (asked for %d µs), driver %s\n",
			sink.SinkIndex, text.Printable(sink.SinkName), text.Printable(sink.Device), sink.Channels, sink.Rate,
			sinkState(sink.State), loudestDB(sink.ChannelVolumes), muted, sink.Latency, sink.RequestedLatency, text.Printable(sink.Driver))
	}
	return b.String(), nil
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
