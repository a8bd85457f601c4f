package config

import (
	"net/netip"
	"time"

	"aes67-sink/aes67"
)

// Auto is the value by which the bridge chooses for itself.
const Auto = "auto"

// Config is everything that may be chosen, in the order of the file. Option
// texts and ranges are in Options.
type Config struct {
	Sink     Sink   // the first
	More     []Sink // those behind it, of a file with several [[sink]]
	Network  Network
	Stream   Stream
	Clock    Clock
	Safety   Safety
	Speakers Speakers
	Announce Announce
	Status   Status
	Log      Log
}

// Sink is what programs play into.
type Sink struct {
	Name     string        // label in the desktop's sound settings
	ID       string        // name for pactl and PULSE_SINK
	Rate     aes67.Hz      // 0: what plays decides, of FollowedRates
	Channels []string      // PulseAudio position names
	Latency  time.Duration // buffer between sound server and network; 0: the bridge chooses
	// KeepOffline: the sink stays when there is no network.
	KeepOffline bool
	Layout      *Layout         // nil: that of Stream
	Gains       []float64       // of each channel in dB, at most 0; empty: 0
	Delays      []time.Duration // of each channel; empty: 0
	PlaysInto   []string        // ids of the sinks whose streams have this one's sound; empty: it has its own
}

// Network is where the streams go out.
type Network struct {
	Interface string     // name, or Auto
	Address   netip.Addr // to send from; invalid: chosen
	Secondary string     // name of the interface of the second leg; empty: none
}

// Automatic reports whether the bridge chooses the interface.
func (n Network) Automatic() bool { return n.Interface == Auto }

// Stream is the form of what is sent.
type Stream struct {
	Layout     Layout
	Rate       aes67.Hz
	Encoding   aes67.Encoding
	PacketTime aes67.PacketTime
	// ReceiverLatency is from the network to the ear.
	ReceiverLatency time.Duration
	AddressPrefix   Prefix
	Addresses       []netip.Addr // one a stream, in channel order; empty: derived from AddressPrefix
	// SecondaryAddresses are those on Network.Secondary.
	SecondaryAddresses []netip.Addr
	Port               uint16
	PayloadType        uint8
	TTL                uint8
	DSCP               int
	Name               string // empty: host and sink name
	When               When
	IdleAfter          time.Duration // silence after which streams rest; 0: none is long enough
}

// Clock is the bridge's place in the network's clock tree.
type Clock struct {
	Mode                 aes67.ClockMode
	Domain               uint8
	DSCP                 int
	Priority1, Priority2 uint8
}

// Safety bounds what may be heard.
type Safety struct {
	FirstVolumeDB float64
	CeilingDBFS   float64
	MaxVolumeDB   float64
	JumpGuard     bool
}

// Speakers is what is done with the loudspeakers.
type Speakers struct {
	Volume SpeakerVolume
}

// SpeakerVolume is what the desktop's slider moves.
type SpeakerVolume uint8

// The values of speakers.volume.
const (
	VolumeAuto   SpeakerVolume = iota // the speakers' own level once a pair is set up
	VolumeSink                        // the stream's level
	VolumeDevice                      // the speakers' own level
)

// String returns the value of speakers.volume.
func (v SpeakerVolume) String() string { return [...]string{"auto", "sink", "device"}[v] }

// Announce is how receivers learn of the streams.
type Announce struct {
	SAP, MDNS   bool
	RTSPPort    uint16
	SAPInterval time.Duration
}

// Status is where the state of the bridge is told.
type Status struct {
	Listen        string // host:port; empty: nowhere
	Notifications bool   // on the desktop
}

// Log is how much is told.
type Log struct {
	Level string // trace, debug, info, warn, error
}

// Layout is how channels are spread over streams.
type Layout uint8

// The values of stream.layout.
const (
	Mono  Layout = iota // one stream a channel
	Multi               // one stream with all channels
	Pairs               // one stream with two channels each, the last of an odd number alone
)

// Layouts are all of them, the usual one first.
var Layouts = []Layout{Mono, Pairs, Multi}

// String returns the value of stream.layout.
func (l Layout) String() string { return [...]string{"mono", "multi", "pairs"}[l] }

// widest returns how many channels the stream with the most of them has.
func (l Layout) widest(channels int) int {
	switch l {
	case Multi:
		return channels
	case Pairs:
		return min(2, channels)
	default:
		return 1
	}
}

// When is when the streams are on the wire.
type When uint8

// The values of stream.when.
const (
	WhenAuto    When = iota // always where the interface is named, else as WhenPlaying
	WhenPlaying             // from the first sound until it was silent for stream.idle-after
	WhenAlways
)

// String returns the value of stream.when.
func (w When) String() string { return [...]string{"auto", "playing", "always"}[w] }

// Rests reports whether the streams leave the wire when nothing sounds.
func (c Config) Rests() bool {
	return c.Stream.When == WhenPlaying || c.Stream.When == WhenAuto && c.Network.Automatic()
}

// Prefix is the first half of the multicast groups that the bridge derives.
type Prefix [2]byte
