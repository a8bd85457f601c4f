package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"aes67-sink/internal/text"
	"aes67-sink/status"
)

type statusCommand struct {
	JSON  bool `name:"json" xor:"said" help:"Print JSON, as in /status.json; with --watch one line a look."`
	Watch bool `xor:"form" help:"Look again every second until Ctrl-C."`
	Check bool `xor:"form,said" help:"Print one line; exit with 0 if all is well, 1 if not, 3 if no bridge runs."`

	terminal *os.File       // nil: none that is known
	trends   *status.Trends // nil: nothing is drawn
}

// Run shows the status once, or until a signal.
func (c *statusCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	client := status.NewClient()
	c.terminal = to.stdout
	if c.Check {
		return check(ctx, to.stdout, client.Model)
	}
	picture, err := client.Status(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	if !c.Watch {
		return c.show(to.stdout, picture)
	}
	if !c.JSON && isTerminal(to.stdout) {
		c.trends = &status.Trends{}
	}
	return watch(ctx, newPager(to.stdout, !c.JSON), c.pages(client.Status))
}

// pages looks and shows. A bridge that goes away is told and waited for, since it
// may be restarting; JSON has no word for that and ends.
func (c *statusCommand) pages(look func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		picture, err := look(ctx)
		if errors.Is(err, status.ErrNotRunning) && !c.JSON {
			return c.page(nil), nil
		}
		return c.page(picture), err
	}
}

// show writes one look.
func (c *statusCommand) show(w io.Writer, picture []byte) error {
	if !c.JSON {
		var m status.Model
		if err := json.Unmarshal(picture, &m); err != nil {
			return err
		}
		picture = []byte(m.Table(width(c.terminal)) + c.draw(m))
	}
	_, err := w.Write(picture)
	return err
}

// draw shows the last minute, where it is wanted.
func (c *statusCommand) draw(m status.Model) string {
	if c.trends == nil {
		return ""
	}
	c.trends.Add(m)
	if drawn := c.trends.Draw(width(c.terminal), !text.UTF8(os.Getenv)); drawn != "" {
		return "\n" + drawn
	}
	return ""
}

// page is one look of a watch; picture is nil while no bridge runs.
func (c *statusCommand) page(picture []byte) []byte {
	var page bytes.Buffer
	switch {
	case picture == nil:
		page.WriteString("PROBLEM   " + status.ErrNotRunning.Error() + "; waiting for it\n" + c.draw(status.Model{}))
	case c.JSON:
		if err := json.Compact(&page, picture); err == nil {
			page.WriteByte('\n')
		}
	default:
		if err := c.show(&page, picture); err != nil {
			page.WriteString("PROBLEM   " + text.Printable(err.Error()) + "\n")
		}
	}
	return page.Bytes()
}

// check tells in a line and by the exit code whether all is well.
func check(ctx context.Context, w io.Writer, look func(context.Context) (status.Model, error)) error {
	m, err := look(ctx)
	switch {
	case errors.Is(err, status.ErrNotRunning):
		fmt.Fprintln(w, unreachable(ctx, err))
		return verdict(exitNotRunning)
	case ctx.Err() != nil:
		return verdict(exitFailed)
	case err != nil:
		return unreachable(ctx, err)
	}
	line, _, _ := strings.Cut(status.Words(m.State), ": ") // without advice to people
	if m.Problem != "" {                                   // what some receivers alone miss is none
		line += ": " + m.Problem
	}
	fmt.Fprintln(w, text.Printable(line))
	if m.Problem != "" || !slices.Contains([]string{status.Sending, status.Holdover, status.Idle}, m.State) {
		return verdict(exitFailed)
	}
	return nil
}
