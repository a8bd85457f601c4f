package main

import (
	"context"
	"encoding/json"

	"aes67-sink/daemon"
	"aes67-sink/doctor"
	"aes67-sink/status"
)

type doctorCommand struct {
	configFlags
	JSON  bool `name:"json" help:"Print JSON: every check, also those that are well."`
	Share bool `help:"Replace names and addresses, so that the output can be shown to others."`
	All   bool `name:"verbose" short:"v" help:"Show every check with what it found."`
}

// Run looks for what is ill, and tells by the exit code whether there is any.
func (c *doctorCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	facts := c.facts(ctx)
	report := doctor.Run(ctx, facts)
	if ctx.Err() != nil {
		return verdict(exitFailed)
	}
	if c.Share {
		report = report.Shared(daemon.Redactor(facts.Listing, nil))
	}
	said, err := []byte(report.Text(width(to.stdout), c.All)), error(nil)
	if c.JSON {
		said, err = report.JSON()
	}
	if err == nil {
		_, err = to.stdout.Write(said)
	}
	if err == nil && !report.Well() {
		return verdict(exitFailed)
	}
	return err
}

// facts are those of this computer and of the running bridge, if it answers.
func (c *doctorCommand) facts(ctx context.Context) *doctor.Facts {
	facts := c.configFlags.facts(version)
	client := status.NewClient()
	m, err := client.Model(ctx)
	if facts.Unreachable = err; err != nil {
		return facts
	}
	facts.Bridge = &m
	if heard, err := client.Listing(ctx); err == nil {
		var l status.Listing
		if json.Unmarshal(heard, &l) == nil {
			facts.Listing = &l
		}
	}
	return facts
}
