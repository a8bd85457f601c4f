package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"aes67-sink/bundle"
	"aes67-sink/config"
	"aes67-sink/doctor"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/redact"
	"aes67-sink/internal/service"
	"aes67-sink/pulse"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

// bundler makes the zips for bug reports.
type bundler struct {
	told    status.Teller // all that a zip tells
	config  func() config.Config
	faults  func() error // of the configuration as it is written by now
	version string
	lines   *bundle.Lines  // of the log
	others  *redact.Others // names of who was heard
}

// Bundle writes a zip for a bug report.
func (b *bundler) Bundle(ctx context.Context, w io.Writer) error {
	return bundle.Write(ctx, w, time.Now(), b.parts(), nil)
}

// SharedBundle writes one for anybody to read.
func (b *bundler) SharedBundle(ctx context.Context, w io.Writer) error {
	heard := b.told.Listing()
	return bundle.Write(ctx, w, time.Now(), b.parts(), Redactor(&heard, b.others))
}

// parts are what a bundle holds; a further one is a line.
func (b *bundler) parts() []bundle.Part {
	t := b.told
	return append(BundleParts(b.version, b.facts),
		bundle.Now("config.toml", func() ([]byte, error) { return []byte(b.config().TOML()), nil }),
		bundle.Now("status.json", func() ([]byte, error) { return t.Model().JSON() }),
		bundle.Now("list.json", func() ([]byte, error) { return t.Listing().JSON() }),
		bundle.Now("sdp.txt", b.descriptions),
		bundle.Now("metrics.txt", func() ([]byte, error) { return status.Metrics(t.Model(), t.History()), nil }),
		bundle.Now("log.txt", func() ([]byte, error) { return b.lines.Text(), nil }),
		bundle.Now("events.json", func() ([]byte, error) { return json.MarshalIndent(t.Events(0), "", "  ") }),
		bundle.Now("history.json", func() ([]byte, error) { return json.Marshal(t.History()) }),
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

// facts are what doctor looks at within the running bridge.
func (b *bundler) facts() *doctor.Facts {
	f := DoctorFacts(b.config(), b.faults(), service.Unit{Root: "/"}, b.version)
	model, heard := b.told.Model(), b.told.Listing()
	f.Bridge, f.Listing = &model, &heard
	return f
}

// BundleParts are the parts that a bundle has with a bridge and without: the computer,
// what doctor finds by facts, the sound server, and what went wrong. They are for one bundle.
func BundleParts(version string, facts func() *doctor.Facts) []bundle.Part {
	// Both parts want it; a panic is one of both, too.
	look := sync.OnceValue(func() doctor.Report { // with a time limit of its own
		ctx, stop := context.WithTimeout(context.Background(), doctor.Longest)
		defer stop()
		return doctor.Run(ctx, facts())
	})
	kept := sync.OnceValues(incidents.Ours().List)
	return append(bundle.Machine(version),
		bundle.Part{Name: "doctor.txt", Within: doctor.Longest, Make: func(context.Context) ([]byte, error) { return []byte(look().Text(0, true)), nil }},
		bundle.Part{Name: "doctor.json", Within: doctor.Longest, Make: func(context.Context) ([]byte, error) { return look().JSON() }},
		bundle.Part{Name: "sound-server.txt", Make: func(ctx context.Context) ([]byte, error) {
			a, err := pulse.Ask(ctx)
			if err != nil {
				return nil, err
			}
			return []byte(a.String()), nil
		}},
		bundle.Now("incidents.json", func() ([]byte, error) {
			all, unread := kept()
			told := make([]recorder.Incident, len(all))
			for i := range all {
				told[i] = all[i].Incident
			}
			text, err := json.MarshalIndent(told, "", "  ")
			return text, errors.Join(unread, err)
		}),
		bundle.Now("incident.csv", func() ([]byte, error) { // the packet times of the last one
			all, unread := kept()
			if len(all) == 0 {
				return nil, unread
			}
			return all[0].CSV(), nil
		}),
	)
}
