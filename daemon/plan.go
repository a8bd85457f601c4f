package daemon

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/sdp"
)

// planSessions says what the streams of cfg have in common for the program's
// life. What lasts longer is in memory; streamName tells the stream.name in force.
func planSessions(cfg config.Config, memory identityMemory, streamName func() string) bridge.SessionPlan {
	base := aes67.Stream{
		Port:        cfg.Stream.Port,
		TTL:         cfg.Stream.TTL,
		PayloadType: cfg.Stream.PayloadType,
		Encoding:    cfg.Stream.Encoding,
		Rate:        cfg.Stream.Rate,
		PacketTime:  cfg.Stream.PacketTime,
	}
	var plan bridge.SessionPlan
	if cfg.Stream.Layout == config.Multi {
		base.Channels = cfg.Sink.Channels
		plan.Streams = []aes67.Stream{base}
	} else {
		for i, channel := range cfg.Sink.Channels {
			stream := base
			stream.Channels, stream.First = []string{channel}, i
			plan.Streams = append(plan.Streams, stream)
		}
	}
	for i := range cfg.Stream.Addresses {
		plan.Streams[i].Group = cfg.Stream.Addresses[i]
	}
	plan.Redundant = cfg.Network.Secondary != ""
	for i := range cfg.Stream.SecondaryAddresses {
		plan.Streams[i].Second = cfg.Stream.SecondaryAddresses[i]
	}
	plan.Names = func(host string, number int) []string {
		return sessionNames(cfg, sessionHead(cfg, streamName(), host), number)
	}
	prefix := sdp.GroupPrefix(cfg.Stream.AddressPrefix)
	plan.Groups = func(address netip.Addr, used func(netip.Addr) bool) ([]netip.Addr, error) {
		groups, err := sdp.Groups(prefix, address, len(plan.Streams), used)
		if err != nil {
			return nil, fmt.Errorf("stream.address-prefix: %w; give stream.addresses by hand", err)
		}
		return groups, nil
	}
	plan.Suits = func(group netip.Addr) bool { return prefix.Contains(group) && aes67.CheckGroup(group) == nil }
	plan.NewID = func() uint64 { return 1 + rand.Uint64N(math.MaxUint32) }
	plan.Identity, plan.Keep = memory.load(), memory.save
	// The first ids come from the machine, so that they are the same at the next
	// start even where nothing can be remembered.
	for i := len(plan.Identity.Streams); i < len(plan.Streams); i++ {
		plan.Identity.Streams = append(plan.Identity.Streams,
			bridge.SessionIdentity{ID: sdp.SessionID(hostID(), cfg.Sink.ID, plan.Streams[i].First)})
	}
	return plan
}

// sessionHead is what the names of all sessions begin with.
func sessionHead(cfg config.Config, streamName, host string) string {
	return cmp.Or(streamName, host+" "+cfg.Sink.Name)
}

// sessionNames returns the streams' names: "HOST SINK-NAME Left #2", or what
// the user gave in place of the first two, as head; the number is left out when it is 1.
func sessionNames(cfg config.Config, head string, number int) []string {
	suffix := ""
	if number > 1 {
		suffix = fmt.Sprintf("#%d", number)
	}
	if cfg.Stream.Layout == config.Multi {
		return []string{joinWords(head, suffix)}
	}
	names := make([]string, len(cfg.Sink.Channels))
	for i, channel := range cfg.Sink.Channels {
		names[i] = joinWords(head, strings.TrimSpace(sdp.Label(channel)+" "+suffix))
	}
	return names
}

func joinWords(head, tail string) string {
	if tail == "" {
		return sdp.CleanName(head)
	}
	return sdp.JoinName(head, tail)
}
