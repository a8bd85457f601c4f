package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"
)

// watchEach is how often --watch looks.
const watchEach = time.Second

// newPager writes over the last page where screen is wanted and out is a
// terminal that can do so, else below it.
func newPager(out *os.File, screen bool) pager {
	if screen && isTerminal(out) && os.Getenv("TERM") != "dumb" {
		return screenPager{out}
	}
	return plainPager{out}
}

// watch shows one look after the other until ctx is done; an error of looking ends
// it.
func watch(ctx context.Context, w pager, look func(context.Context) (page []byte, err error)) error {
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		page, err := look(ctx)
		if err != nil {
			return unreachable(ctx, err)
		}
		if err := w.page(page); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pager shows one page after the other.
type pager interface {
	page(text []byte) error
}

// plainPager writes pages one below the other.
type plainPager struct{ w io.Writer }

func (p plainPager) page(text []byte) error {
	if bytes.Count(text, []byte("\n")) > 1 {
		text = append(text, '\n') // an empty line after a table
	}
	_, err := p.w.Write(text)
	return err
}

// screenPager writes each page over the last (ECMA-48: CUP, EL, ED).
type screenPager struct{ w io.Writer }

func (s screenPager) page(text []byte) error {
	screen := "\x1b[H" + string(bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n"))) + "\x1b[J"
	_, err := io.WriteString(s.w, screen)
	return err
}
