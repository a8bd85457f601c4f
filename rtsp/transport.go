package rtsp

import (
	"fmt"
	"net/netip"
	"strings"
)

// offersMulticast reports whether one of the alternatives in a Transport field
// is RTP over UDP to a multicast group (RFC 2326, 12.39; where neither is said,
// multicast is meant).
func offersMulticast(transport string) bool {
	for alternative := range strings.SplitSeq(transport, ",") {
		parts := strings.Split(strings.ToLower(alternative), ";")
		profile := strings.TrimSpace(parts[0])
		if profile != "rtp/avp" && profile != "rtp/avp/udp" {
			continue
		}
		multicast := true
		for _, part := range parts[1:] {
			part = strings.TrimSpace(part)
			if part == "unicast" || strings.HasPrefix(part, "interleaved") || strings.HasPrefix(part, "mode") && strings.Contains(part, "record") {
				multicast = false
			}
		}
		if multicast {
			return true
		}
	}
	return false
}

// transportOf is the one transport that there is.
func transportOf(s *Session, source netip.Addr) string {
	if !s.Group.IsMulticast() {
		return fmt.Sprintf("RTP/AVP;unicast;destination=%v;source=%v;client_port=%d-%d", s.Group, source, s.Port, s.Port+1)
	}
	return fmt.Sprintf("RTP/AVP;multicast;destination=%v;source=%v;port=%d-%d;ttl=%d", s.Group, source, s.Port, s.Port+1, s.TTL)
}
