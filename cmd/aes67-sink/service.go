package main

import "fmt"

type (
	onCommand  struct{}
	offCommand struct{}
)

// Run starts the service of this user, for good.
func (onCommand) Run(to streams) error {
	ctx, stop := untilEnded()
	defer stop()
	if err := ourUnit.On(ctx); err != nil {
		return fmt.Errorf("on: %w", err)
	}
	_, err := fmt.Fprintln(to.stdout, "aes67-sink is on for you: it runs, and starts when you log in; see aes67-sink status")
	return err
}

// Run ends the service of this user, for good.
func (offCommand) Run(to streams) error {
	ctx, stop := untilEnded()
	defer stop()
	if err := ourUnit.Off(ctx); err != nil {
		return fmt.Errorf("off: %w", err)
	}
	_, err := fmt.Fprintln(to.stdout, "aes67-sink is off for you, also when you log in again; aes67-sink on brings it back")
	return err
}
