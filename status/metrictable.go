package status

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"aes67-sink/health"
)

// How many units of a model make one of Prometheus', which are seconds and ratios.
const (
	ns  = 1e9
	us  = 1e6
	ms  = 1e3
	ppb = 1e9
)

// ofStream makes a metric of each stream.
func ofStream(tell func(s *Stream, say sayer)) func(*snapshot, sayer) {
	return func(s *snapshot, say sayer) {
		for i := range s.Streams {
			stream := &s.Streams[i]
			tell(stream, func(value float64, labels ...string) {
				say(value, append([]string{"stream", stream.Name, "channel", strings.Join(stream.Channels, ",")}, labels...)...)
			})
		}
	}
}

// ofClock makes a metric of the clock.
func ofClock(tell func(c *Clock, say sayer)) func(*snapshot, sayer) {
	return func(s *snapshot, say sayer) {
		tell(&s.Clock, func(value float64, labels ...string) {
			say(value, append([]string{"domain", strconv.Itoa(s.Clock.Domain)}, labels...)...)
		})
	}
}

// ofSink makes a metric of each sink, by its id: several may have one name.
func ofSink(tell func(r *Room, say sayer)) func(*snapshot, sayer) {
	return func(s *snapshot, say sayer) {
		rooms := s.Rooms()
		for i := range rooms {
			tell(&rooms[i], func(value float64, labels ...string) {
				say(value, append([]string{"sink", rooms[i].ID}, labels...)...)
			})
		}
	}
}

// ofSAP makes a metric of the messages of SAP.
func ofSAP(tell func(n *SAPMessages) uint64) func(*snapshot, sayer) {
	return func(s *snapshot, say sayer) {
		if n := s.Announce.SAPMessages; n != nil {
			say(float64(tell(n)))
		}
	}
}

// frames is a number of frames of a sink as a time.
func frames(r *Room, say sayer, n *int64) {
	if r.RateHz > 0 {
		number(say, float64(r.RateHz), n)
	}
}

// metricTable is every metric: docs/metrics.md is made of it.
var metricTable = []metric{
	{"info", gauge, "The version, sound server and interface, as labels of a 1.", func(s *snapshot, say sayer) {
		labels := []string{"version", s.Version, "sink", s.Sink.ID, "name", s.Sink.Name}
		for _, more := range [][2]string{{"sound_server", s.Sink.Server}, {"interface", s.Network.Interface}, {"grandmaster", s.Clock.Grandmaster}} {
			if more[1] != "" {
				labels = append(labels, more[:]...)
			}
		}
		say(1, labels...)
	}},
	{"uptime_seconds", gauge, "How long the bridge has run.", func(s *snapshot, say sayer) { say(float64(s.UptimeS)) }},
	{"state", gauge, "1 for the state that the bridge is in, 0 for the others.", func(s *snapshot, say sayer) { oneOf(say, s.State, States()) }},
	{"problem", gauge, "1 while something is wrong; aes67-sink status says what, and how to mend it.", func(s *snapshot, say sayer) {
		truth(say, s.Problem != "")
	}},
	{"finding", gauge, "1 for each condition that is ill, by its code and how much it matters.", func(s *snapshot, say sayer) {
		for _, f := range s.Problems {
			say(1, "code", string(f.Code), "severity", string(f.Severity))
		}
	}},
	{"health", gauge, "1 for the status that a part is in, 0 for the others, in the words of AMWA BCP-008-02.", func(s *snapshot, say sayer) {
		eachDomain(s.Status, func(domain string, is health.Status) {
			for _, word := range []health.Status{health.Inactive, health.Healthy, health.PartiallyHealthy, health.Unhealthy} {
				truth(say, word == is, "part", domain, "status", string(word))
			}
		})
	}},
	{"health_transitions_total", counter, "How often a part went to a worse status.", func(s *snapshot, say sayer) {
		eachDomain(s.Status, func(domain string, _ health.Status) {
			if n, known := s.Status.Transitions[domain]; known {
				say(float64(n), "part", domain)
			}
		})
	}},
	{"sink_volume_decibels", gauge, "The sink's volume; 0 is full.", ofSink(func(r *Room, say sayer) { level(say, r.VolumeDB) })},
	{"sink_muted", gauge, "1 while the sink is muted.", ofSink(func(r *Room, say sayer) {
		if r.Muted != nil {
			truth(say, *r.Muted)
		}
	})},
	{"sink_clients", gauge, "The programs that are connected to the sink.", ofSink(func(r *Room, say sayer) { number(say, 1, r.Clients) })},
	{"sink_clients_playing", gauge, "Those of them that are not paused.", ofSink(func(r *Room, say sayer) { number(say, 1, r.Playing) })},
	{"clock_state", gauge, "1 for the state of the relation to the network's clock, 0 for the others.", ofClock(func(c *Clock, say sayer) {
		oneOf(say, c.State, ClockStates())
	})},
	{"clock_grandmaster", gauge, "1 while this computer is the network's grandmaster.", ofClock(func(c *Clock, say sayer) {
		if c.Role != "" {
			truth(say, c.Role == RoleGrandmaster)
		}
	})},
	{"clock_offset_seconds", gauge, "Our clock less the grandmaster's.", ofClock(func(c *Clock, say sayer) { number(say, ns, c.OffsetNS) })},
	{"clock_offset_rms_seconds", gauge, "Its root mean square.", ofClock(func(c *Clock, say sayer) { number(say, ns, c.OffsetRMSNS) })},
	{"clock_error_bound_seconds", gauge, "By how much our clock is off at most.", ofClock(func(c *Clock, say sayer) { number(say, ns, c.ErrorBoundNS) })},
	{"clock_path_delay_seconds", gauge, "How long a message takes from the grandmaster.", ofClock(func(c *Clock, say sayer) { number(say, ns, c.PathDelayNS) })},
	{"clock_frequency_offset_ratio", gauge, "How fast the grandmaster runs against this computer's clock, less 1.", ofClock(func(c *Clock, say sayer) {
		number(say, ppb, c.FrequencyPPB)
	})},
	{"clock_steps_total", counter, "How often the clock stepped.", ofClock(func(c *Clock, say sayer) { say(float64(c.Steps)) })},
	{"buffer_fill_seconds", gauge, "How much sound waits in the buffer.", ofSink(func(r *Room, say sayer) { frames(r, say, r.Drift.FillFrames) })},
	{"buffer_target_seconds", gauge, "How much is to wait there.", ofSink(func(r *Room, say sayer) { frames(r, say, r.Drift.FillTargetFrames) })},
	{"buffer_underruns_total", counter, "How often the buffer was empty: a gap in the sound.", ofSink(func(r *Room, say sayer) { say(float64(r.Drift.Underruns)) })},
	{"buffer_overrun_frames_total", counter, "The frames that did not fit into the buffer.", ofSink(func(r *Room, say sayer) { say(float64(r.Drift.Overruns)) })},
	{"drift_ratio", gauge, "Frames sent for each frame played, less 1.", ofSink(func(r *Room, say sayer) { number(say, ppb, r.Drift.RatioPPB) })},
	{"bit_exact", gauge, "1 while samples are sent as they are played.", ofSink(func(r *Room, say sayer) { truth(say, r.Drift.BitExact) })},
	{"sound_server_jumps_total", counter, "How often the sound server lost time, or rendered ahead.", ofSink(func(r *Room, say sayer) { say(float64(r.Drift.ServerJumps)) })},
	{"latency_seconds", gauge, "The way of the sound from the sink to the wire, by its parts; the sum is all of it.", ofSink(func(r *Room, say sayer) {
		if l := r.LatencyMS; l != nil {
			say(float64(l.Buffer)/ms, "part", "buffer")
			say(float64(l.Resampler)/ms, "part", "resampler")
			say(float64(l.Packet)/ms, "part", "packet")
			number(say, ms, l.Mix, "part", "mix")
		}
	})},
	{"network_carrier", gauge, "1 while the interface in use has a link.", func(s *snapshot, say sayer) {
		if s.Network.Carrier != nil {
			truth(say, *s.Network.Carrier, "interface", s.Network.Interface)
		}
	}},
	{"sender_realtime", gauge, "1 while the sender has real-time priority.", func(s *snapshot, say sayer) {
		if s.Sender != nil {
			truth(say, s.Sender.Why == "", "policy", s.Sender.Policy)
		}
	}},
	{"sap_state", gauge, "1 for the state of announcing by SAP, 0 for the others.", func(s *snapshot, say sayer) { oneOf(say, s.Announce.SAP, SAPStates()) }},
	{"sap_messages_sent_total", counter, "The SAP messages sent.", ofSAP(func(n *SAPMessages) uint64 { return n.Sent })},
	{"sap_messages_unsent_total", counter, "The SAP messages that could not be sent.", ofSAP(func(n *SAPMessages) uint64 { return n.SendErrors })},
	{"sap_messages_received_total", counter, "The SAP messages received.", ofSAP(func(n *SAPMessages) uint64 { return n.Received })},
	{"sap_messages_malformed_total", counter, "Those of them that could not be read.", ofSAP(func(n *SAPMessages) uint64 { return n.Malformed })},
	{"sap_messages_dropped_total", counter, "Those of them that there was no room or time for.", ofSAP(func(n *SAPMessages) uint64 { return n.Dropped })},
	{"heard_sessions", gauge, "The streams of others that are heard.", func(s *snapshot, say sayer) { say(float64(s.Heard.Sessions)) }},
	{"heard_masters", gauge, "The PTP masters that are heard.", func(s *snapshot, say sayer) { say(float64(s.Heard.Masters)) }},
	{"stream_packets_total", counter, "The packets sent.", ofStream(func(s *Stream, say sayer) { say(float64(s.Packets)) })},
	{"stream_packets_dropped_total", counter, "The packets that could not be sent.", ofStream(func(s *Stream, say sayer) { say(float64(s.Dropped)) })},
	{"stream_packets_late_total", counter, "The packets that left more than 1 packet time late.", ofStream(func(s *Stream, say sayer) { say(float64(s.Late)) })},
	{"stream_packets_late_2_total", counter, "Those of them that left more than 2 packet times late.", ofStream(func(s *Stream, say sayer) { say(float64(s.Late2)) })},
	{"stream_packets_late_17_total", counter, "Those of them that left more than 17 packet times late.", ofStream(func(s *Stream, say sayer) { say(float64(s.Late17)) })},
	{"stream_timestamp_jumps_total", counter, "How often the RTP timestamps jumped.", ofStream(func(s *Stream, say sayer) { number(say, 1, s.TimestampJumps) })},
	{"stream_skipped_seconds_total", counter, "The sound that was never sent, for the sender stood still.", ofStream(func(s *Stream, say sayer) { number(say, ms, s.SkippedMS) })},
	{"stream_packet_time_seconds", gauge, "The sound in a packet.", ofStream(func(s *Stream, say sayer) { say(float64(s.PtimeUS) / us) })},
	{"stream_lateness_median_seconds", gauge, "How late half of the last packets left at most.", ofStream(func(s *Stream, say sayer) { number(say, us, s.LatenessP50US) })},
	{"stream_lateness_p99_seconds", gauge, "How late 99 of 100 of them left at most.", ofStream(func(s *Stream, say sayer) { number(say, us, s.LatenessP99US) })},
	{"stream_lateness_max_seconds", gauge, "How late the latest one left.", ofStream(func(s *Stream, say sayer) { number(say, us, s.LatenessMaxUS) })},
	{"stream_peak_decibels", gauge, fmt.Sprintf("The peak of the stream against full scale; silence is %g.", SilenceDB), ofStream(func(s *Stream, say sayer) { level(say, s.PeakDBFS) })},
	{"stream_limited_decibels", gauge, "By how much the limiter turned the sound down.", ofStream(func(s *Stream, say sayer) { level(say, s.LimitedDB) })},
	// No histogram of Prometheus, which only grows: this one forgets what is a day old.
	{"packets_by_lateness", gauge, "The packets of the last 24 h that left at most so late.", func(s *snapshot, say sayer) {
		h, sum := s.lateness, uint64(0)
		for i, n := range h.Counts {
			sum += n
			edge := math.Inf(1)
			if i < len(h.EdgesUS) {
				edge = h.EdgesUS[i] / us
			}
			say(float64(sum), "at_most_seconds", strconv.FormatFloat(edge, 'g', 6, 64))
		}
	}},
}

// eachDomain tells the statuses, all of them together first.
func eachDomain(h *Health, tell func(domain string, is health.Status)) {
	if h == nil {
		return
	}
	tell("overall", h.Overall)
	tell(string(health.Link), h.Link)
	tell(string(health.Transmission), h.Transmission)
	tell(string(health.ExternalSynchronization), h.ExternalSynchronization)
	tell(string(health.Essence), h.Essence)
}
