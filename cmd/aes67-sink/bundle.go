package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"aes67-sink/bundle"
	"aes67-sink/daemon"
	"aes67-sink/doctor"
	"aes67-sink/internal/redact"
	"aes67-sink/internal/service"
	"aes67-sink/status"
)

// bundleMode is for its owner alone: it tells of the network and of who is at work.
const bundleMode = 0o600

type bundleCommand struct {
	configFlags
	Share bool   `help:"Replace names and addresses, for anybody to read."`
	Into  string `arg:"" name:"FILE" optional:"" help:"Write this file; aes67-sink-HOST-DATE.zip if left out. None is overwritten."`
}

// Run writes what the running bridge tells, or, where none answers, what can be told
// without it, and prints the file's name.
func (c *bundleCommand) Run(to streams) error {
	ctx, stop := untilEnded(false)
	defer stop()
	path := c.Into
	if path == "" {
		path = c.usualName(time.Now())
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, bundleMode)
	switch {
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("bundle: %s is there already; give another name", path)
	case err != nil:
		return fmt.Errorf("bundle: %w; give the name of a file in a directory that can be written", err)
	}
	if err := errors.Join(c.write(ctx, to, file), file.Close()); err != nil {
		_ = os.Remove(path) // half of one is none
		return err
	}
	_, err = fmt.Fprintln(to.stdout, path)
	return err
}

// usualName is that of a file which nobody has named.
func (c *bundleCommand) usualName(at time.Time) string {
	name := "aes67-sink-"
	if host, err := os.Hostname(); err == nil && !c.Share {
		name += fileName(host) + "-"
	}
	return name + at.Format("2006-01-02-150405") + ".zip"
}

// write asks the bridge, and does without it where it cannot answer: that may be what
// is to be reported.
func (c *bundleCommand) write(ctx context.Context, to streams, file *os.File) error {
	unanswered := status.NewClient().Bundle(ctx, file, c.Share)
	switch {
	case unanswered == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("bundle: interrupted; nothing was written")
	case errors.Is(unanswered, status.ErrNotRunning):
		fmt.Fprintln(to.stderr, "aes67-sink: no bridge runs: the bundle tells of the computer alone")
	default:
		fmt.Fprintf(to.stderr, "aes67-sink: the bundle tells of the computer alone: %v\n", unanswered)
	}
	_, err := file.Seek(0, 0)
	if err = errors.Join(err, file.Truncate(0)); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	parts, shared := c.parts(unanswered), (*redact.Redactor)(nil)
	if c.Share {
		parts, shared = daemon.Unheard(parts), daemon.Redactor(nil, nil)
	}
	return bundle.Write(ctx, file, time.Now(), parts, shared)
}

// parts are what can be told without the bridge, and why it tells nothing; a further
// one is a line.
func (c *bundleCommand) parts(unanswered error) []bundle.Part {
	facts := func() *doctor.Facts {
		f := c.facts(version)
		f.Unreachable = unanswered
		return f
	}
	return append(daemon.BundleParts(version, facts),
		bundle.Now("bridge", func() ([]byte, error) { return nil, unanswered }),
		bundle.Now("config.toml", func() ([]byte, error) {
			loaded, err := c.load()
			if err != nil {
				return nil, err
			}
			return []byte(loaded.Config.TOML()), nil
		}),
		bundle.Part{Name: "log.txt", Make: service.Journal},
	)
}
