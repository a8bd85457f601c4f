package daemon

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"aes67-sink/bundle"
	"aes67-sink/config"
	"aes67-sink/doctor"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/redact"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

// toldOf is a bridge as a report tells of it.
type toldOf struct{ host string }

func (t toldOf) Model() status.Model {
	return status.Model{State: status.Sending, Network: status.Network{Address: "10.9.8.7"}}
}

func (t toldOf) Sessions() []status.Session {
	return []status.Session{{Text: "v=0\r\ns=" + t.host + " Left\r\n"}}
}

func (t toldOf) Listing() status.Listing {
	return status.Listing{
		Sessions: []status.ListedSession{{Name: "Piano of Anna", Host: "desk-of-anna"}, {Name: "ours", Host: t.host, Own: true}},
		Masters:  []status.ListedMaster{{Grandmaster: "00-1B-21-FF-FE-3A-4C-5D"}},
	}
}
func (t toldOf) Reload() status.Reloaded                     { return status.Reloaded{} }
func (t toldOf) History() recorder.History                   { return recorder.History{} }
func (t toldOf) Points(float64) recorder.Track               { return recorder.Track{} }
func (t toldOf) Events(uint64) []recorder.Event              { return []recorder.Event{{Number: 1, Text: "a step"}} }
func (t toldOf) Incidents() []recorder.Incident              { return nil }
func (toldOf) Bundle(context.Context, io.Writer) error       { return errors.ErrUnsupported }
func (toldOf) SharedBundle(context.Context, io.Writer) error { return errors.ErrUnsupported }

// zipped asks for a bundle and reads it.
func zipped(t *testing.T, write func(context.Context, io.Writer) error) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestABundleHoldsWhatAReportNeeds(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:/nowhere")
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	kept := recorder.Kept{Incident: recorder.Incident{ID: "20260101-000000", At: time.Unix(1767225600, 0), Sentence: "late"}}
	if err := incidents.Ours().Save(&kept); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	lines := bundle.NewLines(time.Now)
	fmt.Fprintf(lines, `{"message":"started on %s, by 00:1b:21:3a:4c:5d; heard Organ of Bert on attic"}`, host)
	cfg := loaded(t, "stream.ttl=7")
	b := bundler{told: toldOf{host}, config: func() config.Config { return cfg }, faults: func() error { return errors.New("a fault") }, version: "1.2.3", lines: lines, others: &redact.Others{}}
	b.others.Add("Organ of Bert", "attic")

	own := zipped(t, b.Bundle)
	for name, part := range map[string]string{
		"version.txt": "aes67-sink 1.2.3", "config.toml": "ttl = 7", "status.json": "10.9.8.7", "list.json": "00-1B-21-FF-FE-3A-4C-5D",
		"sdp.txt": host + " Left", "metrics.txt": `aes67_sink_state{state="sending"} 1`, "log.txt": "started on " + host, "events.json": "a step",
		"incidents.json": `"late"`, "incident.csv": "due_s,", "history.json": `"fast"`, "interfaces.txt": "lo: ", "kernel.txt": host, "goroutines.txt": "goroutine profile",
		"doctor.txt": "✗ Configuration: 1 fault, the first: a fault", "doctor.json": `"well": false`,
		"errors.txt": "sound-server.txt: no sound server answers",
	} {
		if !strings.Contains(own[name], part) {
			t.Errorf("%s: no %q in %q", name, part, own[name])
		}
	}

	for name, text := range zipped(t, b.SharedBundle) {
		for _, secret := range []string{"10.9.8.7", "3A-4C-5D", "3a:4c:5d", host + " Left", "on " + host, "Piano of Anna", "desk-of-anna", "Organ of Bert", "attic"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells of %q", name, secret)
			}
		}
	}
}

// TestABrokenDoctorIsNotWell: what could not be looked at is told as an error, in both
// of its parts.
func TestABrokenDoctorIsNotWell(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:/nowhere")
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	parts := BundleParts("1.2.3", func() *doctor.Facts { panic("a broken invariant") })
	got := zipped(t, func(ctx context.Context, w io.Writer) error { return bundle.Write(ctx, w, time.Now(), parts, nil) })
	for _, name := range []string{"doctor.txt", "doctor.json"} {
		if strings.Contains(got[name], "well") || !strings.Contains(got["errors.txt"], name+": ") {
			t.Errorf("%s says %q; errors: %q", name, got[name], got["errors.txt"])
		}
	}
}
