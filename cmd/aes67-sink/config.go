package main

import (
	"fmt"

	"aes67-sink/internal/text"
)

type configCommand struct {
	configFlags
}

// Run prints the configuration in force.
func (c *configCommand) Run(to streams) error {
	loaded, err := c.load()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to.stdout, "# The configuration of aes67-sink in force (%s).\n\n%s",
		text.Printable(origin(loaded.File, c.Set)), loaded.Config.TOML())
	return err
}
