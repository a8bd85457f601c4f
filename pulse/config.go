package pulse

import (
	"errors"
	"fmt"
	"time"

	"aes67-sink/aes67"
)

// What is asked for if the configuration names nothing. PulseAudio's null sink
// renders as much at a time as the recording asks for. PipeWire's graph has cycles
// of its own, a power of two long: its messages are to be no longer than the
// shortest that a player usually makes it use, so that none waits for a second
// cycle; but what is asked for must not make the whole desktop's graph run that
// fast, see clientProperties.
const (
	defaultMessage  = 5 * time.Millisecond
	pipeWireMessage = 128 * time.Second / 48000
)

// Config says what the sink is.
type Config struct {
	SinkID   string   // the name for pactl and PULSE_SINK
	SinkName string   // the label in the desktop's sound settings
	Host     string   // this computer's name, for the label where another sink has ours
	Rate     aes67.Hz // what programs play into
	// OtherRates are those that Rate may change to, where the server can: see followrate.go.
	OtherRates []aes67.Hz
	Channels   []string // PulseAudio position names
	// Message is how much audio a message should have; 0 means 5 ms, and 2.67 ms
	// of PipeWire. It is a wish: PipeWire's messages come in its graph's cycles.
	Message time.Duration
	// FirstVolumeDB is the sink's volume the very first time it exists.
	FirstVolumeDB float64
	// MaxVolumeDB bounds the sink's volume: it is turned back to it, and until that
	// is done the sound is. Only a VolumeHandler can do the latter.
	MaxVolumeDB float64
	// JumpGuard lets the sound rise slowly where the volume jumps: see jumpguard.go.
	JumpGuard bool
	// Follows is asked at the end: the sink is left, with those who play into it, to a
	// run that follows at once. nil: none does.
	Follows func() bool
	// Law is told how loud the sink may be heard, in place of VolumeHandler.Settle, from the
	// control goroutine. It may be nil.
	Law func(doubts uint64, law aes67.Law)
	// Latency is what comes behind the recording, up to the ear; known is false while
	// nobody can tell. Players are told it where the server can, which costs a second
	// module; nil: they are not. It is called on the control goroutine.
	Latency func() (latency time.Duration, known bool)
	// Volume remembers what the user set; nil remembers it until the end of the
	// process.
	Volume VolumeStore
	// Now is CLOCK_MONOTONIC.
	Now func() aes67.MonoTime
	// OnReader is called once on each new capture goroutine, which is locked to
	// its thread, so that the thread can be given real-time priority. It must not
	// wait: the goroutine has not read yet. What it returns, unless that is nil, is
	// called at the goroutine's end. It may be nil.
	OnReader func() (end func())
}

// Validate tells everything that is wrong.
func (c *Config) Validate() error {
	_, channels := channelMap(c.Channels)
	faults := []error{checkSinkID(c.SinkID), checkSinkName(c.SinkName), channels}
	for _, rate := range c.rates() {
		if !aes67.ValidRate(rate) {
			faults = append(faults, fmt.Errorf("sink rate %d Hz: not one of %v", rate, aes67.Rates))
		}
	}
	if c.Message < 0 || c.Message > time.Second {
		faults = append(faults, fmt.Errorf("message %v: must be at most 1 s", c.Message))
	}
	if !(c.FirstVolumeDB <= 0) {
		faults = append(faults, fmt.Errorf("first volume %g dB: must be at most 0", c.FirstVolumeDB))
	}
	if !(c.MaxVolumeDB <= 0) {
		faults = append(faults, fmt.Errorf("maximal volume %g dB: must be at most 0", c.MaxVolumeDB))
	}
	if c.Now == nil {
		faults = append(faults, errors.New("pulse: Config.Now is nil"))
	}
	return errors.Join(faults...)
}

// rates are those that the sink may have.
func (c *Config) rates() []aes67.Hz { return append([]aes67.Hz{c.Rate}, c.OtherRates...) }

// message is how many frames a message should have; of PipeWire's cycles none is to be
// cut in unequal parts.
func (c *Config) message(pipeWire bool, rate aes67.Hz) aes67.Frames {
	switch {
	case c.Message != 0:
		return aes67.FramesIn(c.Message, rate)
	case pipeWire:
		const least = 128
		return (aes67.FramesIn(pipeWireMessage, rate) + least - 1) / least * least
	default:
		return aes67.FramesIn(defaultMessage, rate)
	}
}
