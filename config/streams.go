package config

import (
	"fmt"
	"net/netip"
	"strings"

	"aes67-sink/aes67"
)

// StreamCount returns how many streams the layout makes of the channels.
func (c Config) StreamCount() int {
	if c.Stream.Layout == Multi {
		return 1
	}
	return len(c.Sink.Channels)
}

// Streams returns what is to be sent, in channel order, on the given groups:
// as many as StreamCount says. The host's name becomes part of the stream
// names unless stream.name is given.
func (c Config) Streams(host string, groups []netip.Addr) ([]aes67.Stream, error) {
	if len(groups) != c.StreamCount() {
		return nil, fmt.Errorf("config: %d groups for %d streams", len(groups), c.StreamCount())
	}
	name := c.Stream.Name
	if name == "" {
		name = strings.TrimSpace(host + " " + c.Sink.Name)
	}
	streams := make([]aes67.Stream, len(groups))
	for i := range streams {
		if c.Stream.Layout == Multi {
			streams[i] = c.streamForm(c.Sink.Channels)
			streams[i].Name = cut(name, maxName)
		} else {
			streams[i] = c.streamForm(c.Sink.Channels[i : i+1])
			streams[i].First = i
			label := " " + ChannelLabel(c.Sink.Channels[i])
			streams[i].Name = cut(name, maxName-len(label)) + label
		}
		streams[i].Group = groups[i]
		if err := streams[i].Validate(); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	return streams, nil
}

// streamForm is a stream of these channels without name and group.
func (c Config) streamForm(channels []string) aes67.Stream {
	return aes67.Stream{
		Channels:    append([]string(nil), channels...),
		Port:        c.Stream.Port,
		TTL:         c.Stream.TTL,
		PayloadType: c.Stream.PayloadType,
		Encoding:    c.Stream.Encoding,
		Rate:        c.Stream.Rate,
		PacketTime:  c.Stream.PacketTime,
	}
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.TrimSpace(strings.ToValidUTF8(s[:n], ""))
}
