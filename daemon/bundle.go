package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"aes67-sink/bundle"
	"aes67-sink/config"
	"aes67-sink/internal/redact"
	"aes67-sink/pulse"
	"aes67-sink/status"
)

// bundler makes the zips for bug reports.
type bundler struct {
	told    status.Teller // all that a zip tells
	config  func() config.Config
	version string
	lines   *bundle.Lines // of the log
}

// Bundle writes a zip for a bug report.
func (b *bundler) Bundle(ctx context.Context, w io.Writer) error {
	return bundle.Write(ctx, w, time.Now(), b.parts(), nil)
}

// SharedBundle writes one for anybody to read.
func (b *bundler) SharedBundle(ctx context.Context, w io.Writer) error {
	return bundle.Write(ctx, w, time.Now(), b.parts(), redact.New(bundle.Secrets()))
}

// parts are what a bundle holds; a further one is a line.
func (b *bundler) parts() []bundle.Part {
	t := b.told
	return append(bundle.Machine(b.version),
		bundle.Now("config.toml", func() ([]byte, error) { return []byte(b.config().TOML()), nil }),
		bundle.Now("status.json", func() ([]byte, error) { return t.Model().JSON() }),
		bundle.Now("list.json", func() ([]byte, error) { return t.Listing().JSON() }),
		bundle.Now("sdp.txt", b.descriptions),
		bundle.Now("metrics.txt", func() ([]byte, error) { return status.Metrics(t.Model(), t.History()), nil }),
		bundle.Now("log.txt", func() ([]byte, error) { return b.lines.Text(), nil }),
		bundle.Now("events.json", func() ([]byte, error) { return json.MarshalIndent(t.Events(0), "", "  ") }),
		bundle.Now("incidents.json", func() ([]byte, error) { return json.MarshalIndent(t.Incidents(), "", "  ") }),
		bundle.Now("history.json", func() ([]byte, error) { return json.Marshal(t.History()) }),
		bundle.Part{Name: "sound-server.txt", Make: describeServer},
	)
}

// descriptions are those of the sessions, as announced.
func (b *bundler) descriptions() ([]byte, error) {
	var all bytes.Buffer
	for _, session := range b.told.Sessions() {
		all.WriteString(session.Text + "\r\n")
	}
	return all.Bytes(), nil
}

func describeServer(ctx context.Context) ([]byte, error) {
	said, err := pulse.Describe(ctx)
	return []byte(said), err
}
