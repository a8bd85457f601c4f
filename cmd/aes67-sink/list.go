package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aes67-sink/daemon"
	"aes67-sink/internal/text"
	"aes67-sink/status"
)

type listCommand struct {
	configFlags
	JSON  bool `name:"json" help:"Print JSON; with --watch one line a look."`
	Watch bool `help:"Look again every second until Ctrl-C."`
	// One interval of the announcers in the field, spread and all, is the default.
	For listenTime `placeholder:"TIME" default:"36s" help:"How long to listen where no bridge of this user runs, such as 10s; announcements come each 30 s."`
}

// listenTime is a time to listen for.
type listenTime time.Duration

// maxListen is long enough for whoever announces at all.
const maxListen = time.Hour

// UnmarshalText reads a time such as 10s.
func (t *listenTime) UnmarshalText(said []byte) error {
	d, err := time.ParseDuration(string(said))
	if err != nil || d < time.Second || d > maxListen {
		return fmt.Errorf("%q is no time from 1s to %v, such as 10s", said, maxListen)
	}
	*t = listenTime(d)
	return nil
}

// Run lists what the running bridge hears, or, where there is none, what is
// heard here.
func (c *listCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	look, end, err := c.looker(ctx, to)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer end()
	page := func(ctx context.Context) ([]byte, error) {
		heard, err := look(ctx)
		if err != nil {
			return nil, err
		}
		return c.page(heard), nil
	}
	if c.Watch {
		return watch(ctx, newPager(to.stdout, !c.JSON), page)
	}
	heard, err := page(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	_, err = to.stdout.Write(heard)
	return err
}

// page shows one look.
func (c *listCommand) page(heard []byte) []byte {
	if c.JSON && !c.Watch {
		return heard
	}
	if c.JSON {
		var line bytes.Buffer
		if err := json.Compact(&line, heard); err == nil {
			line.WriteByte('\n')
		}
		return line.Bytes()
	}
	var l status.Listing
	if err := json.Unmarshal(heard, &l); err != nil {
		return []byte("PROBLEM   " + text.Printable(err.Error()) + "\n")
	}
	return []byte(l.Table())
}

// looker returns what looks at the network: the running bridge, or ears of our
// own, which have then listened for a while unless they are watched.
func (c *listCommand) looker(ctx context.Context, to streams) (look func(context.Context) ([]byte, error), end func(), err error) {
	client := status.NewClient()
	if _, err = client.Listing(ctx); err == nil {
		return client.Listing, func() {}, nil
	}
	if !errors.Is(err, status.ErrNotRunning) {
		return nil, nil, err
	}
	loaded, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	log, err := newLogger("error", to.stderr)
	if err != nil {
		return nil, nil, err
	}
	own := daemon.NewListener(loaded.Config, log)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- own.Run(running) }()
	if !c.Watch {
		fmt.Fprintf(to.stderr, "aes67-sink: no bridge runs, listening for %v; Ctrl-C shows what was heard so far\n", time.Duration(c.For))
		timer := time.NewTimer(time.Duration(c.For))
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case err := <-ended:
			stop()
			return nil, nil, err
		}
	}
	return func(context.Context) ([]byte, error) { return own.Listing().JSON() }, func() { stop(); <-ended }, nil
}
