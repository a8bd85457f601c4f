package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/sap"
	"aes67-sink/sdp"
)

// planSessions says what the streams of cfg have in common for the program's
// life. heard tells which sessions others announce, so that their groups are
// avoided.
func planSessions(cfg config.Config, heard func() []sap.Heard) bridge.SessionPlan {
	base := aes67.Stream{
		Port:        cfg.Stream.Port,
		TTL:         cfg.Stream.TTL,
		PayloadType: cfg.Stream.PayloadType,
		Encoding:    cfg.Stream.Encoding,
		Rate:        cfg.Stream.Rate,
		PacketTime:  cfg.Stream.PacketTime,
	}
	name := sessionName(cfg)
	var plan bridge.SessionPlan
	if cfg.Stream.Layout == config.Multi {
		base.Name, base.Channels = sdp.CleanName(name), cfg.Sink.Channels
		plan.Streams = []aes67.Stream{base}
	} else {
		for i, channel := range cfg.Sink.Channels {
			stream := base
			stream.Name, stream.Channels, stream.First = sdp.JoinName(name, sdp.Label(channel)), []string{channel}, i
			plan.Streams = append(plan.Streams, stream)
		}
	}
	host := hostID()
	for _, stream := range plan.Streams {
		plan.IDs = append(plan.IDs, sdp.SessionID(host, cfg.Sink.ID, stream.First))
	}
	plan.Groups = func(address netip.Addr) ([]netip.Addr, error) {
		if len(cfg.Stream.Addresses) > 0 {
			return cfg.Stream.Addresses, nil
		}
		used := map[netip.Addr]bool{}
		for _, h := range heard() {
			used[h.Description.Group] = true
		}
		groups, err := sdp.Groups(sdp.GroupPrefix(cfg.Stream.AddressPrefix), address, len(plan.Streams),
			func(group netip.Addr) bool { return used[group] })
		if err != nil {
			return nil, fmt.Errorf("stream.address-prefix: %w; give stream.addresses by hand", err)
		}
		return groups, nil
	}
	return plan
}

// sessionName is the beginning of every stream's name.
func sessionName(cfg config.Config) string {
	if cfg.Stream.Name != "" {
		return cfg.Stream.Name
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "aes67-sink"
	}
	host, _, _ = strings.Cut(host, ".")
	return host + " " + cfg.Sink.Name
}

// hostID tells this machine from every other, for as long as it is installed
// (machine-id(5)); without one the host name must do.
func hostID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if id, err := os.ReadFile(path); err == nil && len(id) >= 32 {
			return strings.TrimSpace(string(id))
		}
	}
	host, _ := os.Hostname()
	return host
}
