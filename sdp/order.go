package sdp

import (
	"fmt"
	"slices"
	"strings"
)

// channelGroups are groups of channels that go together, by the positions of a sink
// (SMPTE ST 2110-30:2017, table 1). The longest come first. Surrounds of six channels
// are called side or rear by sound servers.
var channelGroups = []struct {
	symbol    string
	positions []string
}{
	{"71", []string{"front-left", "front-right", "front-center", "lfe", "side-left", "side-right", "rear-left", "rear-right"}},
	{"51", []string{"front-left", "front-right", "front-center", "lfe", "side-left", "side-right"}},
	{"51", []string{"front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right"}},
	{"ST", []string{"front-left", "front-right"}},
	{"M", []string{"mono"}},
}

// ChannelOrder returns the value of the format parameter channel-order (SMPTE ST
// 2110-30:2017, 6.2.2), such as "SMPTE2110.(51,U02)": channels that belong to no
// group are counted as undefined ones.
func ChannelOrder(positions []string) string {
	var symbols []string
	undefined := 0
	flush := func() {
		if undefined > 0 {
			symbols = append(symbols, fmt.Sprintf("U%02d", undefined))
		}
		undefined = 0
	}
next:
	for len(positions) > 0 {
		for _, group := range channelGroups {
			if n := len(group.positions); n <= len(positions) && slices.Equal(positions[:n], group.positions) {
				flush()
				symbols, positions = append(symbols, group.symbol), positions[n:]
				continue next
			}
		}
		undefined, positions = undefined+1, positions[1:]
	}
	flush()
	return "SMPTE2110.(" + strings.Join(symbols, ",") + ")"
}
