package status

import (
	"encoding/json"
	"math"
	"strconv"

	"aes67-sink/health"
)

// Model is the picture of the running bridge. Pointers, and texts marked
// omitempty, are absent while they are not known; a zero is a known zero.
type Model struct {
	Version string `json:"version"`
	UptimeS Tenths `json:"uptime_s"`
	State   string `json:"state"`
	Problem string `json:"problem"` // empty: none
	// Problems are all that is ill, causes alone, the worst first; Problem is the
	// first one's sentence, unless that is a notice.
	Problems []health.Finding `json:"problems"`
	Sink     Sink             `json:"sink"`
	// Sinks are all of them where there are several; Sink, Drift and LatencyMS are those
	// of the first.
	Sinks   []Room   `json:"sinks,omitempty"`
	Clock   Clock    `json:"clock"`
	Drift   Drift    `json:"drift"`
	Network Network  `json:"network"`
	Streams []Stream `json:"streams"`
	// CeilingDBFS is the level that no sample passes.
	CeilingDBFS *Tenths  `json:"ceiling_dbfs,omitempty"`
	Sender      *Thread  `json:"sender,omitempty"`
	Announce    Announce `json:"announce"`
	Heard       Heard    `json:"heard"`
	LatencyMS   *Latency `json:"latency_ms,omitempty"`
	LatencyTold bool     `json:"latency_told"` // the sound server tells players LatencyMS.Total and Receiver
	// SliderMoves is what the desktop's slider does, "stream" or "speakers"; absent
	// without a pair of speakers.
	SliderMoves string    `json:"slider_moves,omitempty"`
	Speakers    []Speaker `json:"speakers,omitempty"`
	Status      *Health   `json:"status,omitempty"`
}

// Health is the bridge in the words of AMWA BCP-008-02. Messages and Transitions have
// the names of the other fields as keys.
type Health struct {
	Overall                 health.Status     `json:"overall"`
	Link                    health.Status     `json:"link"`
	Transmission            health.Status     `json:"transmission"`
	ExternalSynchronization health.Status     `json:"external_synchronization"`
	Essence                 health.Status     `json:"essence"`
	Messages                map[string]string `json:"messages"`
	Transitions             map[string]uint64 `json:"transitions"` // to a worse status, since the start
}

// Sink is what programs play into.
type Sink struct {
	State  string `json:"state,omitempty"`
	Server string `json:"server,omitempty"`
	Name   string `json:"name"`
	ID     string `json:"id,omitempty"`
	RateHz int    `json:"rate_hz"` // at which it is recorded
	// RateFollows is whether RateHz follows what plays, where that is asked for.
	RateFollows string   `json:"rate_follows,omitempty"`
	Channels    []string `json:"channels,omitempty"`
	VolumeDB    *Tenths  `json:"volume_db,omitempty"`
	Muted       *bool    `json:"muted,omitempty"`
	Clients     *int     `json:"clients,omitempty"`
	Playing     *int     `json:"playing,omitempty"` // clients that are not paused
	// ResampledHz is the rate of a program that plays with another than RateHz.
	ResampledHz int `json:"resampled_hz,omitempty"`
}

// What Sink.RateFollows may be (pulse.Follows).
const (
	RateFollows = "played"
	RateUnable  = "unable" // not this sound server
	RateKept    = "kept"   // it did not go along
)

// Room is one sink among several, and its way to the streams.
type Room struct {
	Sink
	PlaysInto []string `json:"plays_into,omitempty"` // ids of the sinks whose streams have its sound
	Drift     Drift    `json:"drift"`
	LatencyMS *Latency `json:"latency_ms,omitempty"`
	// LatencyTold: the sound server tells players of it LatencyMS.Total and Receiver.
	LatencyTold bool `json:"latency_told"`
}

// Rooms are all sinks, a single one too.
func (m *Model) Rooms() []Room {
	if len(m.Sinks) > 0 {
		return m.Sinks
	}
	return []Room{{Sink: m.Sink, Drift: m.Drift, LatencyMS: m.LatencyMS, LatencyTold: m.LatencyTold}}
}

// Clock is the relation to the network's PTP clock. Offset is ours minus the
// grandmaster's; frequency plus means that the grandmaster runs fast against
// CLOCK_MONOTONIC.
type Clock struct {
	State        string `json:"state,omitempty"` // listening, uncalibrated, locked, holdover
	Role         string `json:"role,omitempty"`  // follower, grandmaster, none
	Grandmaster  string `json:"grandmaster,omitempty"`
	Domain       int    `json:"domain"`
	OffsetNS     *int64 `json:"offset_ns,omitempty"`
	OffsetRMSNS  *int64 `json:"offset_rms_ns,omitempty"`
	PathDelayNS  *int64 `json:"path_delay_ns,omitempty"`
	FrequencyPPB *int64 `json:"frequency_ppb,omitempty"`
	ErrorBoundNS *int64 `json:"error_bound_ns,omitempty"`
	Steps        uint64 `json:"steps"`
	Timestamps   string `json:"timestamps,omitempty"` // hardware, software
	// TimestampsWhy is why they are not of hardware.
	TimestampsWhy string `json:"timestamps_why,omitempty"`
	// Masters are all that are heard, best first, with the reason why each is,
	// or is not, followed.
	Masters []ListedMaster `json:"masters,omitempty"`
}

// Drift is how the sink's rate is fitted to the media clock's. Ratio is output
// frames per input frame at nominal rates, less 1.
type Drift struct {
	State            string `json:"state,omitempty"`
	Mode             string `json:"mode,omitempty"` // resample, exact, network
	BitExact         bool   `json:"bit_exact"`
	RatioPPB         *int64 `json:"ratio_ppb,omitempty"`
	FillFrames       *int64 `json:"fill_frames,omitempty"`
	FillTargetFrames *int64 `json:"fill_target_frames,omitempty"`
	Underruns        uint64 `json:"underruns"`
	Overruns         uint64 `json:"overruns"`
	// ServerJumps is how often the sound server lost time, or rendered ahead.
	ServerJumps uint64 `json:"server_jumps"`
}

// Network is the interface in use and why it was chosen.
type Network struct {
	Interface string `json:"interface,omitempty"`
	Address   string `json:"address,omitempty"`
	Carrier   *bool  `json:"carrier,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Secondary is the second leg (network.secondary); absent: there is none.
	Secondary *Leg `json:"secondary,omitempty"`
}

// Leg is the second network that the streams go out on.
type Leg struct {
	Interface string `json:"interface,omitempty"` // absent: lost
	Address   string `json:"address,omitempty"`
}

// Stream is one session on the wire. Lateness is that of send instants.
type Stream struct {
	Name           string   `json:"name"`
	Channels       []string `json:"channels"`
	Group          string   `json:"group"`
	SecondGroup    string   `json:"second_group,omitempty"` // on the second leg
	Port           int      `json:"port"`
	Encoding       string   `json:"encoding"`
	RateHz         int      `json:"rate_hz"`
	PtimeUS        int      `json:"ptime_us"`
	Packets        uint64   `json:"packets"`
	Late           uint64   `json:"late"`           // by more than one packet time
	Late2          uint64   `json:"late_2_ptimes"`  // by more than two
	Late17         uint64   `json:"late_17_ptimes"` // by more than seventeen
	Dropped        uint64   `json:"dropped"`
	SecondPackets  *uint64  `json:"second_packets,omitempty"` // on the second leg
	SecondDropped  *uint64  `json:"second_dropped,omitempty"`
	TimestampJumps *uint64  `json:"timestamp_jumps,omitempty"`
	// SkippedMS is the sound that was never sent, for the sender stood still.
	SkippedMS     *Tenths `json:"skipped_ms,omitempty"`
	LatenessP50US *int64  `json:"lateness_p50_us,omitempty"`
	LatenessP99US *int64  `json:"lateness_p99_us,omitempty"`
	LatenessMaxUS *int64  `json:"lateness_max_us,omitempty"`
	PeakDBFS      *Tenths `json:"peak_dbfs,omitempty"`
	// LimitedDB is by how much the limiter turned all channels down to keep the
	// ceiling, at most in the last half to whole second.
	LimitedDB *Tenths `json:"limited_db,omitempty"`
}

// Thread is what the kernel granted to a real-time thread.
type Thread struct {
	Policy   string `json:"policy"`
	Priority int    `json:"priority"`
	By       string `json:"by,omitempty"`  // who granted it, if not the kernel by itself
	Why      string `json:"why,omitempty"` // it was not granted
}

// Announce is how receivers learn of the streams.
type Announce struct {
	SAP      string `json:"sap,omitempty"` // one of SAPStates
	MDNS     string `json:"mdns,omitempty"`
	RTSPPort *int   `json:"rtsp_port,omitempty"`
	Problem  string `json:"problem,omitempty"` // which receivers do not learn of them, and the remedy
	// SAPMessages are without those to and from a second leg.
	SAPMessages *SAPMessages `json:"sap_messages,omitempty"`
}

// SAPMessages are counts since the start.
type SAPMessages struct {
	Sent       uint64 `json:"sent"`
	SendErrors uint64 `json:"send_errors"`
	Received   uint64 `json:"received"`
	Malformed  uint64 `json:"malformed"` // not SAP, or no description that tells an address
	Dropped    uint64 `json:"dropped"`   // for want of room or time
}

// Heard is what others announce on the network; `list` shows it.
type Heard struct {
	Sessions int `json:"sessions"`
	Masters  int `json:"masters"` // PTP, in any domain
}

// Latency is the way of the sound from the sink to the wire.
type Latency struct {
	Buffer    Tenths `json:"buffer"`
	Resampler Tenths `json:"resampler"`
	Packet    Tenths `json:"packet"`
	// Mix is for the limiter of a sum, where others play into the same streams, and
	// the least of the channels' own delays.
	Mix   *Tenths `json:"mix,omitempty"`
	Total Tenths  `json:"total"`
	// Receiver is what stream.receiver-latency says, from the network to the ear; Total is
	// without it.
	Receiver Tenths `json:"receiver"`
}

// Session is one session description of the running bridge.
type Session struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels"`
	Text     string   `json:"text"`
}

// Tenths is a number written with one decimal place. JSON has no infinities:
// minus infinity, the level of silence, is written as SilenceDB, and what is
// no number as null.
type Tenths float64

// SilenceDB stands for the level of nothing but zeros; one step of a 24-bit
// sample is at -138.
const SilenceDB = -200.0

// MarshalJSON writes t.
func (t Tenths) MarshalJSON() ([]byte, error) {
	x := float64(t)
	switch {
	case math.IsInf(x, -1):
		x = SilenceDB
	case math.IsNaN(x) || math.IsInf(x, 1):
		return []byte("null"), nil
	}
	b := strconv.AppendFloat(nil, x, 'f', 1, 64)
	if string(b) == "-0.0" {
		b = b[1:]
	}
	return b, nil
}

// JSON returns the text of status --json and /status.json.
func (m Model) JSON() ([]byte, error) {
	if m.Streams == nil {
		m.Streams = []Stream{} // a list, if an empty one
	}
	if m.Problems == nil {
		m.Problems = []health.Finding{}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}
