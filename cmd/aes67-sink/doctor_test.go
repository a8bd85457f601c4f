package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestDoctorAsksTheRunningBridge, and says what it finds without one. What else it finds
// is the tester's computer's.
func TestDoctorAsksTheRunningBridge(t *testing.T) {
	h := newHome(t)
	h.write(t, "config/aes67-sink/config.toml", "[stream]\nttl = 0\n")
	said := h.transcript(t, "doctor")
	if !strings.Contains(said, "✗ Configuration: 1 fault, the first: ") || strings.Contains(said, "✗ Bridge: ") || !strings.HasSuffix(said, "[exit 1]\n") {
		t.Errorf("with a fault of the configuration, from which follows that no bridge runs:\n%s", said)
	}
	h.write(t, "config/aes67-sink/config.toml", "")
	if said := h.transcript(t, "doctor"); !strings.Contains(said, "✗ Bridge: no aes67-sink of this user is running") {
		t.Errorf("without a bridge:\n%s", said)
	}
	h.write(t, "system/run/systemd/system/x", "")
	h.write(t, "system/usr/lib/systemd/user/aes67-sink.service", "")
	h.write(t, "bin/systemctl", "#!/bin/sh\ncase $2 in is-enabled) echo enabled ;; is-active) echo failed; exit 3 ;; esac\n")
	if err := os.Chmod(h.path("bin/systemctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	said = h.transcript(t, "doctor")
	if !strings.Contains(said, "✗ Service: the service has failed") || !strings.Contains(said, "\n    journalctl --user -u aes67-sink -e\n") || strings.Contains(said, "✗ Bridge: ") {
		t.Errorf("with a service that has failed, from which follows that no bridge runs:\n%s", said)
	}
	h.playing(t, "sending")
	said = h.transcript(t, "doctor", "-v")
	for _, part := range []string{
		"✓ Running bridge: sending", "✓ Sound server: PulseAudio (on PipeWire 1.4.2)", "✗ Version: the bridge that runs is version 1.0.0, this program is devel", "✓ Permission for PTP: the bridge has",
		"2 late packets and no real-time priority: operation not permitted", "✓ Firewall: what is sent to PTP's group", "✓ Avahi: the sessions are published",
	} {
		if !strings.Contains(said, part) {
			t.Errorf("no %q in\n%s", part, said)
		}
	}
	said, _, _ = strings.Cut(strings.TrimPrefix(h.transcript(t, "doctor", "--json", "--share"), "$ aes67-sink doctor --json --share\n"), "[exit")
	var report struct {
		Well  bool
		Items []struct{ Code, Outcome, Sentence string }
	}
	if err := json.Unmarshal([]byte(said), &report); err != nil || report.Well || len(report.Items) < 20 {
		t.Errorf("%v: %s", err, said)
	}
	for _, personal := range []string{"192.168.10", "00-1B-21", "studio-pc AES67"} {
		if strings.Contains(said, personal) {
			t.Errorf("%q is in what is shown to others:\n%s", personal, said)
		}
	}
}
