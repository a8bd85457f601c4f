package bridge

import (
	"net"
	"net/netip"
	"slices"

	"aes67-sink/aes67"
)

// State is what the bridge as a whole is doing.
type State uint8

// The states of a bridge, in the order of a start.
const (
	Idle               State = iota // nothing sounds, or there is no sign of AES67 on any network
	WaitingSoundServer              // no sink; streams that run go on with silence
	WaitingNetwork                  // no usable interface
	WaitingClock                    // no PTP time to send by
	FillingBuffer                   // streams run with silence until the buffer is filled
	Sending                         // the sink's sound is on the wire
	Holdover                        // as Sending, on the last good frequency of a lost grandmaster
	Failed                          // something that should not fail did; tried again
)

// String returns the word used in status.
func (s State) String() string {
	return [...]string{
		"idle", "waiting-sound-server", "waiting-network", "waiting-clock", "filling", "sending", "holdover", "failed",
	}[s]
}

// ClockState is the relation to the network's PTP clock.
type ClockState uint8

// The states of the clock.
const (
	ClockListening    ClockState = iota // nothing decided yet
	ClockUncalibrated                   // a grandmaster is chosen, not yet followed closely
	ClockLocked                         // followed, or served
	ClockHoldover                       // the grandmaster is lost
)

// SinkInput is what the supervisor knows of the sound server.
type SinkInput struct {
	Ready           bool // the sink exists and its monitor is recorded
	VolumeConfirmed bool
	Problem         string
}

// Network is the chosen interface.
type Network struct {
	Interface net.Interface
	Address   netip.Addr
	// Second is the address that the other leg's packets come from, also while that leg
	// is away; invalid: it has not been there.
	Second netip.Addr
}

// NetworkInput is what the supervisor knows of the network.
type NetworkInput struct {
	Usable  bool
	Idle    bool // no sign of AES67 anywhere, and no program plays
	Chosen  Network
	Problem string // why there is none
}

// ClockInput is what the supervisor knows of the clock.
type ClockInput struct {
	Forbidden   bool // the PTP ports could not be opened: the bridge sends by its own clock
	Stale       bool // the computer has slept since it was right: the streams that run by it are wrong
	State       ClockState
	Grandmaster aes67.ClockIdentity
	Domain      uint8
	Problem     string
}

// Inputs is all that a decision rests on.
type Inputs struct {
	Sink    SinkInput
	Sinks   []SinkInput // of several sinks each; Sink is ready if any is
	Network NetworkInput
	Clock   ClockInput
	Phase   Phase
	Rests   bool // nothing sounds, and has not for long
	// SenderFailed tells why the sender ended by itself; empty while it runs or
	// was never started.
	SenderFailed string
}

// Decision is what the supervisor wants.
type Decision struct {
	State    State
	Problems []string // sentences, each with its remedy
	// Send: streams and announcements shall exist. Rest: but no packet is sent.
	Send, Rest bool
}

// Decide is the whole state machine: what to do now, given whether streams are
// running. Streams are started when sink, network and clock are all there, and
// then live until the network is lost; neither a lost sound server nor a lost
// grandmaster ends them, but a clock that stood still while the computer slept does.
// While nothing sounds they rest.
func Decide(sending bool, in Inputs) Decision {
	sending = sending && !in.Clock.Stale
	switch {
	case !in.Network.Usable && in.Network.Idle && in.Sink.Ready:
		return Decision{State: Idle, Problems: told(in.Network.Problem)}
	case !in.Network.Usable && in.Sink.Ready:
		return Decision{State: WaitingNetwork, Problems: told(in.Network.Problem)}
	case !in.Network.Usable:
		return Decision{State: WaitingSoundServer, Problems: told(in.Sink.Problem, in.Network.Problem)}
	case in.SenderFailed != "":
		return Decision{State: Failed, Problems: told(in.SenderFailed)}
	case !sending && !in.Sink.Ready:
		return Decision{State: WaitingSoundServer, Problems: told(in.Sink.Problem, in.Clock.Problem)}
	case !sending && in.Rests && !in.Clock.ready():
		return Decision{State: Idle, Problems: told(in.Clock.Problem)}
	case !sending && !in.Clock.ready():
		return Decision{State: WaitingClock, Problems: told(in.Clock.Problem)}
	case !in.Sink.Ready:
		return Decision{State: WaitingSoundServer, Problems: told(in.Sink.Problem, in.Clock.Problem), Send: true, Rest: in.Rests}
	case in.Rests:
		return Decision{State: Idle, Problems: told(in.Clock.Problem), Send: true, Rest: true}
	case in.Clock.State == ClockHoldover:
		return Decision{State: Holdover, Problems: told(in.Clock.Problem), Send: true}
	case in.Phase == Filling:
		return Decision{State: FillingBuffer, Problems: told(in.Clock.Problem), Send: true}
	}
	return Decision{State: Sending, Problems: told(in.Clock.Problem), Send: true}
}

// ready reports whether streams may be started by this clock.
func (c ClockInput) ready() bool {
	return c.Forbidden || !c.Stale && (c.State == ClockLocked || c.State == ClockHoldover)
}

// told are the problems that there are.
func told(problems ...string) (all []string) {
	for _, p := range problems {
		if p != "" {
			all = append(all, p)
		}
	}
	return all
}

// same reports whether two decisions are alike.
func (d *Decision) same(o *Decision) bool {
	return d.State == o.State && d.Send == o.Send && d.Rest == o.Rest && slices.Equal(d.Problems, o.Problems)
}
