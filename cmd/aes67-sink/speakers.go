package main

import (
	"context"
	"errors"
	"fmt"

	"aes67-sink/pulse"
	"aes67-sink/speakers"
	"aes67-sink/status"
)

type speakersCommand struct {
	Verb    string   `arg:"" optional:"" help:"level, mute, brightness, identify, name, standby, delay, dim, save, pair, raw, backup or restore; none shows the speakers."`
	Value   string   `arg:"" optional:"" help:"What to set, the JSON of raw, or the file of backup and restore."`
	On      string   `placeholder:"NAME" default:"all" help:"Which: a name or serial number, left, right or all (${default})."`
	Address []string `sep:"none" placeholder:"ADDRESS" help:"Ask this one, such as fe80::2%%eth0, instead of looking by mDNS; may be repeated."`
	JSON    bool     `name:"json" help:"Print JSON."`
	DryRun  bool     `help:"restore: show what differs, and write nothing."`
	Comment string   `placeholder:"TEXT" help:"backup: words to keep in the file."`
}

// Run asks or sets the speakers themselves; no bridge need run.
func (c *speakersCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	err := speakers.Command{Verb: c.Verb, Value: c.Value, On: c.On, Address: c.Address, JSON: c.JSON, DryRun: c.DryRun, Comment: c.Comment, Player: speakers.Player{Play: playSide, Paired: tellPaired}}.Run(ctx, to.stdout)
	if errors.Is(err, speakers.ErrUsage) {
		return usageError{err.Error()}
	}
	return err
}

// playSide plays a tone to one side until ctx ends, no louder than a sink's first volume.
func playSide(ctx context.Context, side string) error {
	sink, muted, _, err := toneSink(ctx)
	if err != nil {
		return err
	}
	loaded, err := configFlags{}.load()
	if err != nil {
		return err
	}
	first, volume := loaded.Config.Safety.FirstVolumeDB, 0.0
	if m, err := status.NewClient().Model(ctx); err == nil && m.Sink.VolumeDB != nil {
		volume = float64(*m.Sink.VolumeDB)
	}
	if muted {
		return fmt.Errorf("%s is muted: nothing would be heard; pactl set-sink-mute %[1]s 0", sink.ID)
	}
	err = pulse.PlaySide(ctx, sink.ID, sink.StartRate(), sink.Channels, side, min(maxToneDBFS, first-volume))
	if errors.Is(err, pulse.ErrNoSink) {
		err = fmt.Errorf("%w; start the bridge with %s", err, ourUnit.StartCommand())
	}
	return err
}

// tellPaired lets a running bridge use the pair; without one the next run does.
func tellPaired() { _, _ = status.NewClient().Reload(context.Background()) }
