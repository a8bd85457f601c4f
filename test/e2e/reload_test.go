package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReload changes the configuration under music: what can be taken over is, the rest
// is named, a fault changes nothing, and no hang-up ends the bridge.
func TestReload(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), startServer(t, "pipewire")
	file := filepath.Join(tempDir(t, "reload"), "config.toml")
	configure := func(text string) { must(0, os.WriteFile(file, []byte(text), 0o600)) }
	configure("[stream]\nname = \"Kitchen\"\n")
	b := stationAt(w, s).run("--config", file)
	before := b.reaches(30*time.Second, "it sends", func(r report) bool { return r.State == "sending" && r.Announce.SAP == "announcing" })
	s.pactl("set-sink-volume", "aes67", "100%")

	configure("[stream]\nname = \"Parlour\"\nttl = 1\n[safety]\nmax-volume = -20\n[announce]\nsap = false\n[log]\nlevel = \"debug\"\n")
	text := must(output(s.env, s.by(program, "reload")...))
	for _, line := range []string{
		"taken over: stream.name, safety.max-volume, announce.sap, log.level\n", "needs a restart: stream.ttl; ",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("reload says %q, want %q in it", text, line)
		}
	}
	b.reaches(15*time.Second, "all is taken over", func(r report) bool {
		return r.Announce.SAP == "off" && len(r.Streams) == 2 && r.Streams[0].Name == "Parlour Left" &&
			r.Sink.VolumeDB != nil && *r.Sink.VolumeDB < -19.9
	})

	configure("[stream]\nname = \"Hall\"\nttl = 0\n[sink]\nrate = 1\n")
	_, err := output(s.env, s.by(program, "reload")...)
	exit := &exec.ExitError{}
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(err.Error(), "stream.ttl") || !strings.Contains(err.Error(), "sink.rate") {
		t.Errorf("two faults: %v", err)
	}
	b.signal(syscall.SIGHUP)
	eventually(t, 10*time.Second, "the faults are logged", func() bool {
		return strings.Count(b.output.String(), "configuration not taken over") == 2
	})
	configure("[stream]\nname = \"Hall\"\n")
	b.signal(syscall.SIGHUP)
	after := b.reaches(15*time.Second, "the name is taken over", func(r report) bool {
		return len(r.Streams) == 2 && r.Streams[0].Name == "Hall Left" && r.Announce.SAP == "announcing"
	})
	if after.Streams[0].Packets <= before.Streams[0].Packets {
		t.Error("the stream began anew")
	}
	b.end()
}
