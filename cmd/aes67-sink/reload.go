package main

import (
	"io"
	"strings"

	"aes67-sink/status"
)

type reloadCommand struct{}

// Run has the running bridge read its configuration, and tells what became of it.
func (reloadCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	r, err := status.NewClient().Reload(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	if len(r.Faults) > 0 {
		return usageError{strings.Join(append(r.Faults, "nothing is taken over; the bridge goes on as before"), "\n")}
	}
	_, err = io.WriteString(to.stdout, r.Words(ourUnit.RestartCommand()))
	return err
}
