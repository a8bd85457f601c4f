package main

import (
	"fmt"
	"strings"
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
		printable(origin(loaded.File, c.Set)), loaded.Config.TOML())
	return err
}

// origin says where a configuration comes from.
func origin(file string, set []string) string {
	from := "defaults"
	if file != "" {
		from = "read from " + file
	}
	if len(set) > 0 {
		from += " and --set " + strings.Join(set, " --set ")
	}
	return from
}
