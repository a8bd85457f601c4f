package daemon

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
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
	var ids []uint64
	first := 0 // of a sink's channels among all
	for _, sink := range cfg.Sinks() {
		own := 0
		for _, channels := range cfg.Spread(sink) {
			stream := base
			stream.Channels, stream.First = channels, first+own
			plan.Streams = append(plan.Streams, stream)
			ids = append(ids, sdp.SessionID(hostID(), sink.ID, own))
			own += len(channels)
		}
		first += own
	}
	for i := range cfg.Stream.Addresses {
		plan.Streams[i].Group = cfg.Stream.Addresses[i]
	}
	plan.Redundant = cfg.Network.Secondary != ""
	for i := range cfg.Stream.SecondaryAddresses {
		plan.Streams[i].Second = cfg.Stream.SecondaryAddresses[i]
	}
	plan.Names = func(host string, number int) []string {
		return sessionNames(cfg, streamName(), host, number)
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
		plan.Identity.Streams = append(plan.Identity.Streams, bridge.SessionIdentity{ID: ids[i]})
	}
	return plan
}

// sessionHead is what the names of all sessions begin with.
func sessionHead(cfg config.Config, streamName, host string) string {
	return cmp.Or(streamName, host+" "+cfg.Sink.Name)
}

// sessionNames returns the streams' names: "HOST SINK-NAME Left #2", or what
// the user gave in place of the first two; the number is left out when it is 1. Given
// that, the sinks behind the first that has streams are told apart by their own names.
func sessionNames(cfg config.Config, streamName, host string, number int) (names []string) {
	suffix := ""
	if number > 1 {
		suffix = fmt.Sprintf("#%d", number)
	}
	for _, sink := range cfg.Sinks() {
		head := cmp.Or(streamName, host+" "+sink.Name)
		if streamName != "" && len(names) > 0 {
			head = streamName + " " + sink.Name
		}
		for _, channels := range cfg.Spread(sink) {
			label := ""
			if cfg.LayoutOf(sink) != config.Multi {
				label = channelLabels(channels)
			}
			name := joinWords(head, strings.TrimSpace(label+" "+suffix))
			for n := 2; slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, name) }); n++ { // what told them apart is cut off
				name = joinWords(head, strings.TrimSpace(fmt.Sprintf("%s (%d) %s", label, n, suffix)))
			}
			names = append(names, name)
		}
	}
	return names
}

// channelLabels are words for the channels of one of several streams.
func channelLabels(channels []string) string {
	labels := make([]string, len(channels))
	for i, channel := range channels {
		labels[i] = sdp.Label(channel)
	}
	return strings.Join(labels, "+")
}

func joinWords(head, tail string) string {
	if tail == "" {
		return sdp.CleanName(head)
	}
	return sdp.JoinName(head, tail)
}
