package pulse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// positions are the channel names of PulseAudio in the order of their numbers
// (PulseAudio, channelmap.h, pa_channel_position_t); aux0 to aux31 are numbers
// 12 to 43.
var positions = map[string]byte{
	"mono":                  proto.ChannelMono,
	"front-left":            proto.ChannelFrontLeft,
	"front-right":           proto.ChannelFrontRight,
	"front-center":          proto.ChannelFrontCenter,
	"rear-center":           proto.ChannelRearCenter,
	"rear-left":             proto.ChannelRearLeft,
	"rear-right":            proto.ChannelRearRight,
	"lfe":                   proto.ChannelLFE,
	"front-left-of-center":  proto.ChannelLeftCenter,
	"front-right-of-center": proto.ChannelRightCenter,
	"side-left":             proto.ChannelLeftSide,
	"side-right":            proto.ChannelRightSide,
	"top-center":            proto.ChannelTopCenter,
	"top-front-left":        proto.ChannelTopFrontLeft,
	"top-front-right":       proto.ChannelTopFrontRight,
	"top-front-center":      proto.ChannelTopFrontCenter,
	"top-rear-left":         proto.ChannelTopRearLeft,
	"top-rear-right":        proto.ChannelTopRearRight,
	"top-rear-center":       proto.ChannelTopRearCenter,
}

// channelMap translates names to the numbers of the protocol.
func channelMap(names []string) (proto.ChannelMap, error) {
	if len(names) < 1 || len(names) > aes67.MaxChannels {
		return nil, fmt.Errorf("channels: %d of them: must be 1 to %d", len(names), aes67.MaxChannels)
	}
	numbers := make(proto.ChannelMap, len(names))
	for i, name := range names {
		position, ok := positions[name]
		if aux, isAux := strings.CutPrefix(name, "aux"); isAux {
			n, err := strconv.ParseUint(aux, 10, 8)
			ok = err == nil && n <= proto.ChannelAux31-proto.ChannelAux0 && aux == strconv.FormatUint(n, 10)
			position = proto.ChannelAux0 + byte(n)
		}
		if !ok {
			return nil, fmt.Errorf("channels: %q: not a channel name; use names such as front-left, front-right, lfe, side-left, aux0", name)
		}
		numbers[i] = position
	}
	return numbers, nil
}

// mixedChannels reports that channels with a place stand beside channels without
// one. PipeWire's mixer gives sound to only one of the kinds then (seen with
// 0.3.65).
func mixedChannels(m proto.ChannelMap) bool {
	placed := 0
	for _, position := range m {
		if position != proto.ChannelMono && (position < proto.ChannelAux0 || position > proto.ChannelAux31) {
			placed++
		}
	}
	return placed > 0 && placed < len(m)
}
