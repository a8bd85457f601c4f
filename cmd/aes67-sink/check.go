package main

import "fmt"

type checkCommand struct {
	configFlags
}

// Run names every fault, or says that there is none.
func (c *checkCommand) Run(to streams) error {
	loaded, err := c.load()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to.stdout, "the configuration is good (%s)\n", origin(loaded.File, c.Set))
	return err
}
