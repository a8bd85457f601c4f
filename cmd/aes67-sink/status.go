package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"aes67-sink/status"
)

// watchEach is how often --watch looks.
const watchEach = time.Second

type statusCommand struct {
	JSON  bool `name:"json" help:"Print JSON, as in /status.json; with --watch one line a look."`
	Watch bool `help:"Look again every second until Ctrl-C."`
}

// Run shows the status once, or until a signal.
func (c *statusCommand) Run(to streams) error {
	ctx, stop := untilEnded()
	defer stop()
	client := status.NewClient()
	text, err := client.Status(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	if !c.Watch {
		return c.show(to.stdout, text)
	}
	var w watcher = plainWatcher{to.stdout}
	if isTerminal(to.stdout) && !c.JSON {
		w = screenWatcher{to.stdout}
	}
	return c.watch(ctx, client.Status, w, text)
}

// show writes one look.
func (c *statusCommand) show(w io.Writer, text []byte) error {
	if !c.JSON {
		var m status.Model
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		text = []byte(table(m))
	}
	_, err := w.Write(text)
	return err
}

// watch shows looks until ctx is done. A bridge that goes away is told and
// waited for, since it may be restarting; JSON has no word for that and ends.
func (c *statusCommand) watch(ctx context.Context, look func(context.Context) ([]byte, error), w watcher, text []byte) error {
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		if err := w.page(c.page(text)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var err error
		text, err = look(ctx)
		switch {
		case err != nil && (ctx.Err() != nil || c.JSON || !errors.Is(err, status.ErrNotRunning)):
			return unreachable(ctx, err)
		case err != nil:
			text = nil
		}
	}
}

// page is one look of a watch; text is nil while no bridge runs.
func (c *statusCommand) page(text []byte) []byte {
	var page bytes.Buffer
	switch {
	case text == nil:
		page.WriteString("PROBLEM   " + status.ErrNotRunning.Error() + "; waiting for it\n")
	case c.JSON:
		if err := json.Compact(&page, text); err == nil {
			page.WriteByte('\n')
		}
	default:
		if err := c.show(&page, text); err != nil {
			page.WriteString("PROBLEM   " + printable(err.Error()) + "\n")
		}
	}
	return page.Bytes()
}

// watcher shows one page after the other.
type watcher interface {
	page(text []byte) error
}

// plainWatcher writes pages one below the other.
type plainWatcher struct{ w io.Writer }

func (p plainWatcher) page(text []byte) error {
	if bytes.Count(text, []byte("\n")) > 1 {
		text = append(text, '\n') // an empty line after a table
	}
	_, err := p.w.Write(text)
	return err
}

// screenWatcher writes each page over the last (ECMA-48: CUP, EL, ED).
type screenWatcher struct{ w io.Writer }

func (s screenWatcher) page(text []byte) error {
	screen := "\x1b[H" + string(bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n"))) + "\x1b[J"
	_, err := io.WriteString(s.w, screen)
	return err
}
