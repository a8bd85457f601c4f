package recorder

import (
	"strings"
	"time"

	"aes67-sink/aes67"
)

// LookEach is how often the bridge is looked at: the step of the fast track.
const LookEach = 250 * time.Millisecond

// Look is how the bridge was at an instant. What was not known is NaN or empty.
type Look struct {
	At  time.Time     `json:"at"`
	Raw aes67.RawTime `json:"raw"` // the same instant

	State   string `json:"state"` // the word of bridge.State
	Problem string `json:"problem,omitempty"`
	Streams string `json:"streams,omitempty"` // what they are called in a sentence; see Called
	Asleep  bool   `json:"asleep,omitempty"`  // the computer goes to sleep

	Server    string  `json:"server,omitempty"`    // the sound server's name, while it is connected
	Volume    string  `json:"volume,omitempty"`    // in words, once it is confirmed
	Zeros     bool    `json:"zeros,omitempty"`     // the server gives them for what is played
	Network   string  `json:"network,omitempty"`   // interface and address in use
	Interface string  `json:"interface,omitempty"` // of that
	Clock     string  `json:"clock,omitempty"`     // the word of ptp.State
	Master    string  `json:"grandmaster,omitempty"`
	Steps     uint64  `json:"steps"`
	PTP       int64   `json:"ptp"` // what the virtual clock shows, ns; 0: nothing yet
	OffsetNS  float64 `json:"-"`
	BoundNS   float64 `json:"-"`

	Policy   string `json:"policy,omitempty"` // of the sender's thread, such as SCHED_FIFO
	RealTime bool   `json:"real_time"`
	Why      string `json:"why,omitempty"` // it is not real-time

	SinkRate  aes67.Hz  `json:"sink_rate_hz"` // at which it is recorded
	Fill      float64   `json:"-"`            // sink frames
	Target    float64   `json:"target"`
	RatioPPB  float64   `json:"-"`
	LimitedDB float64   `json:"limited_db"`
	PeaksDBFS []float64 `json:"-"` // of each channel
}

// The states of a bridge that matter here: the words of bridge.State.
const (
	StateIdle               = "idle"
	StateWaitingSoundServer = "waiting-sound-server"
	StateWaitingNetwork     = "waiting-network"
	StateFailed             = "failed"
	StateFilling            = "filling"
	StateSending            = "sending"
	StateHoldover           = "holdover"
)

// sounds reports whether what is played is on the wire.
func (l *Look) sounds() bool { return l.State == StateSending || l.State == StateHoldover }

// Called names streams in a sentence, by the channels of each: front-left is the left.
func Called(channels [][]string) string {
	var names []string
	for _, of := range channels {
		names = append(names, strings.ReplaceAll(strings.Join(of, "/"), "front-", ""))
	}
	switch len(names) {
	case 0:
		return "the streams"
	case 1:
		return "the stream"
	case 2:
		return "the " + names[0] + " and " + names[1] + " stream"
	}
	return "all streams"
}
