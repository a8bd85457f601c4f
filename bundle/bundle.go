// Package bundle makes the one file of a bug report: a zip of named parts, each asked
// for with a deadline, all at once. A part that fails is a line of errors.txt.
package bundle

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"aes67-sink/internal/attempt"
	"aes67-sink/internal/redact"
)

const (
	// usual is how long a part may take that says nothing of it.
	usual = 3 * time.Second
	// mostBytes is what is kept of a part; a status, a log, a listing of a thousand
	// sessions are below it.
	mostBytes = 4 << 20
	// errorsName is the part that says what the others lack.
	errorsName = "errors.txt"
)

// Part is one file of a bundle.
type Part struct {
	Name string // of the file
	// Make returns its content; with an error, as much as there is. It may be called
	// on any goroutine, and is left alone if it does not end in time.
	Make   func(ctx context.Context) ([]byte, error)
	Within time.Duration // 0: three seconds
}

// Write asks for all parts and writes the zip. It is an error only that w takes no
// more, or that ctx ends. shared, where it is not nil, replaces names and addresses in
// all of it.
func Write(ctx context.Context, w io.Writer, at time.Time, parts []Part, shared *redact.Redactor) error {
	made := gather(ctx, parts)
	if err := ctx.Err(); err != nil {
		return err
	}
	replaced := func(text []byte) []byte {
		if shared == nil {
			return text
		}
		return []byte(shared.Text(string(text)))
	}
	z := zip.NewWriter(w)
	add := func(name string, text []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at})
		if err == nil {
			_, err = f.Write(replaced(text))
		}
		return err
	}
	var missing strings.Builder
	for i, part := range parts {
		text, err := made[i].text, made[i].err
		if len(text) > mostBytes {
			text, err = text[:mostBytes], errors.Join(err, fmt.Errorf("%d bytes, of which %d are kept", len(text), mostBytes))
		}
		if err != nil {
			fmt.Fprintf(&missing, "%s: %s\n", part.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		if len(text) == 0 && err != nil {
			continue
		}
		if err := add(part.Name, text); err != nil {
			return err
		}
	}
	if missing.Len() > 0 {
		if err := add(errorsName, []byte(missing.String())); err != nil {
			return err
		}
	}
	return z.Close()
}

// result is what came of a part.
type result struct {
	text []byte
	err  error
}

// gather asks for all parts at once and waits for each no longer than it may take.
func gather(ctx context.Context, parts []Part) []result {
	made := make([]result, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			r, err := attempt.Do(ctx, cmp.Or(part.Within, usual), func(ctx context.Context) (r result) {
				r.text, r.err = part.Make(ctx)
				return r
			})
			made[i] = result{r.text, errors.Join(r.err, err)}
		})
	}
	all.Wait()
	return made
}

// Now is a part whose content is at hand.
func Now(name string, say func() ([]byte, error)) Part {
	return Part{Name: name, Make: func(context.Context) ([]byte, error) { return say() }}
}
