package main

import (
	"errors"

	"aes67-sink/speakers"
)

type speakersCommand struct {
	Verb    string   `arg:"" optional:"" help:"level, mute, brightness, identify, name, standby, delay, dim, save, raw, backup or restore; none shows the speakers."`
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
	err := speakers.Command{Verb: c.Verb, Value: c.Value, On: c.On, Address: c.Address, JSON: c.JSON, DryRun: c.DryRun, Comment: c.Comment}.Run(ctx, to.stdout)
	if errors.Is(err, speakers.ErrUsage) {
		return usageError{err.Error()}
	}
	return err
}
