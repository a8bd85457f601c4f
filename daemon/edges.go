package main

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
	"aes67-sink/pulse"
	"aes67-sink/rtpsend"
	"aes67-sink/rtthread"
	"aes67-sink/sdp"
	"aes67-sink/wake"
)

// edges is what the supervisor sees of the parts that do I/O: it satisfies
// bridge.Parts.
type edges struct {
	cfg        config.Config
	clock      *mediaclock.Clock
	pipeline   *bridge.Pipeline
	sink       *pulse.Sink
	ptp        *port.Service // nil without the PTP ports
	forbidden  string        // why there are no PTP ports, and the remedy
	announcer  *announcer
	ears       *ears
	network    *network
	neighbours *neighbours
	log        zerolog.Logger
	wake       chan struct{} // the supervisor
	trouble    chan struct{} // of the sender, or of a thread's priority

	mu     sync.Mutex
	sender *runningSender // nil while no streams run
}

// runningSender is a sender and the goroutine that runs it.
type runningSender struct {
	*rtpsend.Sender
	stop  context.CancelFunc
	ended chan struct{}
	err   error // valid once ended is closed
}

// senderPriority is the SCHED_FIFO priority asked for: the most that RealtimeKit
// gives (its MaxRealtimePriority), so that both ways end alike.
const senderPriority = 20

func (e *edges) Inputs() bridge.Inputs {
	sink := e.sink.Snapshot()
	return bridge.Inputs{
		Sink:         bridge.SinkInput{Ready: sink.State == pulse.StateRunning, VolumeConfirmed: sink.VolumeConfirmed, Problem: sink.Problem},
		Network:      e.network.input(),
		Clock:        e.clockInput(),
		SenderFailed: e.senderFailed(),
	}
}

func (e *edges) clockInput() bridge.ClockInput {
	if e.ptp == nil {
		return bridge.ClockInput{Forbidden: true, State: bridge.ClockLocked, Problem: e.forbidden}
	}
	s := e.ptp.Snapshot()
	in := bridge.ClockInput{Grandmaster: s.Grandmaster, Domain: s.Domain, Problem: s.Problem}
	switch s.State {
	case ptp.Uncalibrated:
		in.State = bridge.ClockUncalibrated
	case ptp.Locked:
		in.State = bridge.ClockLocked
	case ptp.Holdover:
		in.State = bridge.ClockHoldover
	default:
		in.State = bridge.ClockListening
	}
	switch s.Role {
	case ptp.RoleFollower:
		in.Role = bridge.RoleFollower
	case ptp.RoleGrandmaster:
		in.Role = bridge.RoleGrandmaster
	}
	return in
}

func (e *edges) senderFailed() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sender == nil {
		return ""
	}
	select {
	case <-e.sender.ended:
		if e.sender.err != nil {
			return e.sender.err.Error()
		}
		return "the sender ended by itself"
	default:
		return ""
	}
}

func (e *edges) StartSender(network bridge.Network, streams []aes67.Stream) error {
	sender, err := rtpsend.New(rtpsend.Config{
		Streams:   streams,
		Interface: network.Interface,
		Source:    network.Address,
		DSCP:      e.cfg.Stream.DSCP,
		Loop:      network.Address.IsLoopback(),
		Priority:  senderPriority,
		OnProblem: func() { wake.Signal(e.trouble) },
	}, e.clock, e.pipeline, e.log)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background()) // it ends by StopSender alone: fades come first
	running := &runningSender{Sender: sender, stop: stop, ended: make(chan struct{})}
	e.mu.Lock()
	e.sender = running
	e.mu.Unlock()
	go func() {
		running.err = guard(func() error { return sender.Run(ctx) }, e.log)
		close(running.ended) // before the supervisor is woken, which looks at it
		wake.Signal(e.wake)
	}()
	return nil
}

func (e *edges) StopSender() {
	e.mu.Lock()
	running := e.sender
	e.mu.Unlock()
	if running == nil {
		return
	}
	running.stop()
	<-running.ended
	e.mu.Lock()
	e.sender = nil
	e.mu.Unlock()
}

// senderStats returns nil while no streams run.
func (e *edges) senderStats() *rtpsend.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sender == nil {
		return nil
	}
	stats := e.sender.Snapshot()
	return &stats
}

func (e *edges) Announce(network bridge.Network, sessions []sdp.Session) {
	e.announcer.announce(network, sessions)
}

func (e *edges) Neighbours() *bridge.Neighbours { return e.neighbours.latest() }

func (e *edges) NTPSeconds() uint64 { return sdp.NTPSeconds(time.Now().Unix()) }

func (e *edges) Now() aes67.MonoTime { return rtthread.Now() }

func (e *edges) Changed() <-chan struct{} { return e.wake }

var (
	_ bridge.Parts        = (*edges)(nil)
	_ pulse.GapHandler    = (*bridge.Pipeline)(nil)
	_ pulse.VolumeHandler = (*bridge.Pipeline)(nil)
)
