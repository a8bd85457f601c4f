package pulse

import (
	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

// State is how far the sink has come.
type State uint8

// The states, in the order in which they follow each other.
const (
	StateWaiting   State = iota // no sound server answers
	StatePreparing              // connected; the sink is not there yet
	StateRunning                // the sink is there and its monitor is recorded
	StateWithdrawn              // there is no sink, as was asked for (Withdraw)
)

// String returns the word shown in status.
func (s State) String() string {
	switch s {
	case StatePreparing:
		return "preparing"
	case StateRunning:
		return "running"
	case StateWithdrawn:
		return "withdrawn"
	default:
		return "waiting"
	}
}

// Status is what is known of the sink.
type Status struct {
	Connected bool
	Server    string // such as "PulseAudio (on PipeWire 1.4.2)"
	State     State
	// VolumeDB is the loudest channel's; aes67.SilenceDB at the slider's lower end.
	VolumeDB float64
	Muted    bool
	Unscaled bool // every channel is at 0 dB and none is muted, or the samples have no volume
	Alone    bool // the sink's volume is ours to apply
	// VolumeConfirmed: the server has told the volume that VolumeDB shows, after
	// the sink was made. What is recorded before that must not be heard.
	VolumeConfirmed bool
	Clients         int      // streams that play into the sink
	Playing         int      // those that are not paused
	Rate            aes67.Hz // at which the monitor is recorded
	Follows         Follows
	// OtherRate is that of a stream which plays with another than Rate: PipeWire
	// resamples it. 0: none does.
	OtherRate aes67.Hz
	// Flowing: messages arrive, with sound or silence in them.
	Flowing bool
	Message aes67.Frames // the largest of the latest seconds
	// Zeros: what was heard until something about the sink changed is zeros now, though a
	// program plays; what helps is being tried.
	Zeros bool
	// LatencyTold: players see the latency that Config.Latency tells.
	LatencyTold bool
	// Notice is a sentence about what the listener may wonder at while all works:
	// a volume that jumped or was turned back, a sink that is suspended; or empty.
	Notice string
	// Problem is a sentence with its remedy, or empty.
	Problem string
}

// Snapshot returns the present status.
func (s *Sink) Snapshot() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if status.Flowing {
		status.Message = aes67.Frames(s.framer.intake.largest.Load())
	}
	return status
}

// Changed wakes its reader after the status has changed; several changes may
// come as one.
func (s *Sink) Changed() <-chan struct{} { return s.changed }

// set changes the status.
func (s *Sink) set(change func(*Status)) {
	s.mu.Lock()
	old := s.status
	change(&s.status)
	differs := s.status != old
	s.mu.Unlock()
	if differs {
		wake.Signal(s.changed)
	}
}
