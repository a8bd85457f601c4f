package main

import (
	"context"
	"fmt"
)

type onCommand struct{}

// Run starts the service of this user, for good.
func (onCommand) Run(to streams) error {
	return turn(to, "on", ourUnit.On, "it runs, and starts when you log in; see aes67-sink status")
}

type offCommand struct{}

// Run ends the service of this user, for good.
func (offCommand) Run(to streams) error {
	return turn(to, "off", ourUnit.Off, "also when you log in again; aes67-sink on brings it back")
}

// turn says what was done.
func turn(to streams, way string, do func(context.Context) error, done string) error {
	ctx, stop := untilEnded(false)
	defer stop()
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s: %w", way, err)
	}
	_, err := fmt.Fprintf(to.stdout, "aes67-sink is %s for you: %s\n", way, done)
	return err
}
