package daemon

import (
	"context"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/pulse"
)

// seat is one sink of the configuration and its way to the sender.
type seat struct {
	cfg      config.Sink
	pipeline *bridge.Pipeline
	sink     *pulse.Sink
}

// seats are all, in the order of the configuration.
type seats []seat

// first is the sink whose volume the speakers' own levels may be.
func (all seats) first() pulse.Status { return all[0].sink.Snapshot() }

// playing reports whether a program plays into any.
func (all seats) playing() bool {
	for i := range all {
		if all[i].sink.Snapshot().Playing > 0 {
			return true
		}
	}
	return false
}

// soundsFor is how long ago there was sound where something sounds, pauses between two
// pieces and all.
const soundsFor = time.Minute

// sounds reports whether a program plays into the first, and not silence alone.
func (all seats) sounds(now aes67.MonoTime) bool {
	return all.first().Playing > 0 && now.Sub(all[0].pipeline.Snapshot().Sounded) < soundsFor
}

// withdraw hides the sinks that nobody can hear, or shows them again. It reports whether
// that takes one away from a program that plays.
func (all seats) withdraw(yes bool) (interrupts bool) {
	for i := range all {
		hide := yes && !all[i].cfg.KeepOffline
		interrupts = interrupts || hide && all[i].sink.Snapshot().Playing > 0
		all[i].sink.Withdraw(hide)
	}
	return interrupts
}

func (all seats) setMaxVolume(db float64) {
	for i := range all {
		all[i].sink.SetMaxVolume(db)
	}
}

// inputs are what the supervisor is to know of each sink, and of the one that speaks
// for them: any that is ready, else the first. usable is that the network is.
func (all seats) inputs(usable bool) (one bridge.SinkInput, each []bridge.SinkInput) {
	for i := range all {
		s := all[i].sink.Snapshot()
		in := bridge.SinkInput{
			Ready:           s.State == pulse.StateRunning || s.State == pulse.StateWithdrawn && !usable,
			VolumeConfirmed: s.VolumeConfirmed, Problem: s.Problem,
		}
		if each = append(each, in); i == 0 || in.Ready && !one.Ready {
			one = in
		}
	}
	return one, each
}

// problems are what is wrong with sinks while another is well, and what they have to
// say.
func (all seats) problems(usable bool) (said []string) {
	one, each := all.inputs(usable)
	for i := range all {
		if one.Ready && !each[i].Ready {
			said = append(said, each[i].Problem)
		}
		said = append(said, all[i].sink.Snapshot().Notice)
	}
	return said
}

// parts are to be run.
func (all seats) parts() (parts []func(context.Context) error) {
	for i := range all {
		parts = append(parts, all[i].sink.Run)
	}
	return parts
}

// of returns the sink whose streams have a channel of Rooms.Pull, and which of its
// channels that is.
func (all seats) of(channel int) (number, own int) {
	for i := range all {
		if all[i].cfg.Everywhere() {
			continue
		}
		if channel < len(all[i].cfg.Channels) {
			return i, channel
		}
		channel -= len(all[i].cfg.Channels)
	}
	return 0, 0
}
