package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Each golden file holds transcripts: what is typed, what is printed, the exit
// code.
func TestTranscripts(t *testing.T) {
	for _, test := range []struct {
		name   string
		files  map[string]string
		bridge string
		lines  [][]string
	}{
		{name: "help", lines: [][]string{
			{"--help"},
			{"run", "--help"},
			{"status", "--help"},
			{"check", "--help"},
			{"config", "--help"},
			{"sdp", "--help"},
			{"tone", "--help"},
			{"doctor", "--help"},
			{"why", "--help"},
			{"version", "--help"},
			{"version"},
			{"--version"},
		}},
		{name: "misuse", lines: [][]string{
			{},
			{"play"},
			{"run", "--loud"},
			{"run", "--set"},
			{"run", "--config"},
			{"status", "--check", "--watch"},
			{"status", "now"},
			{"why", "--all", "20:14"},
			{"why", "--all", "--csv"},
			{"sdp", "centre"},
			{"sdp", "0"},
			{"tone", "--level", "-10"},
			{"tone", "--level", "nan"},
			{"tone", "--freq=30000"},
			{"tone", "--freq=high"},
			{"tone", "--seconds=0"},
			{"tone", "--channel=middle"},
		}},
		{name: "configuration", files: map[string]string{
			"config/aes67-sink/config.toml": "[stream]\nttl = 1 # stays in the room\n",
			"other.toml":                    "[sink]\nname = \"Küche\"\n[clock]\nmode = \"follower\"\n",
		}, lines: [][]string{
			{"check"},
			{"check", "--config", "other.toml"},
			{"config", "--config", "other.toml", "--set", "sink.latency=20ms", "--set", `sink.channels=["front-right", "front-left"]`},
		}},
		{name: "faults", files: map[string]string{
			"config/aes67-sink/config.toml": "[stream]\nttl = 0\nlayuot = \"multi\"\n\n[sink]\nrate = 22050\n",
			"broken.toml":                   "[stream\n",
		}, lines: [][]string{
			{"check"},
			{"config"},
			{"run"},
			{"tone"},
			{"check", "--config", "broken.toml"},
			{"check", "--config", "missing.toml"},
			{"run", "--config", "missing.toml", "--set", "log.level=loud", "--set", "rtsp"},
			{"run", "--config", "/dev/null", "--set", "announce.rtsp-port=554"},
			{"check", "--config", "/dev/null", "--set", "announce.mdns=false"},
		}},
		{name: "no-bridge", lines: [][]string{
			{"status"},
			{"status", "--json"},
			{"status", "--watch"},
			{"status", "--check"},
			{"why"},
			{"why", "--all"},
			{"why", "--json"},
			{"why", "20:14"},
			{"sdp"},
			{"on"},
			{"off"},
			{"reload"},
		}},
		{name: "sending", bridge: "sending", lines: [][]string{
			{"status"},
			{"status", "--check"},
			{"status", "--json"},
			{"sdp"},
			{"sdp", "left"},
			{"sdp", "2"},
			{"sdp", "3"},
			{"sdp", "right", "--out", "descriptions"},
			{"sdp", "--out", "/proc/nowhere"},
			{"reload"},
			{"list"},
			{"list", "--json"},
			{"why"},
		}},
		{name: "why", files: map[string]string{
			"state/aes67-sink/incidents/20261129-191403.json": incidentOf("20261129-191403", 1000),
			"state/aes67-sink/incidents/20261129-201403.json": incidentOf("20261129-201403", 2000),
			"state/aes67-sink/incidents/20261129-201404.json": "{",
		}, lines: [][]string{
			{"why"},
			{"why", "--all"},
			{"why", "--json"},
			{"why", "--csv"},
			{"why", "19:14"},
			{"why", "20261129"},
			{"why", "05:00"},
		}},
		{name: "why-unreadable", files: map[string]string{"state/aes67-sink/incidents": "no folder\n"}, lines: [][]string{
			{"why"},
			{"why", "--json"},
		}},
		{name: "waiting", bridge: "waiting", lines: [][]string{
			{"status"},
			{"status", "--check"},
			{"sdp", "left"},
			{"list"},
			{"reload"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHome(t)
			for path, text := range test.files {
				h.write(t, path, text)
			}
			if test.bridge != "" {
				h.playing(t, test.bridge)
			}
			var all []string
			for _, line := range test.lines {
				all = append(all, h.transcript(t, line...))
			}
			golden(t, test.name, strings.Join(all, "\n"))
		})
	}
}

// incidentOf is the file of a late packet.
func incidentOf(id string, lateUS int) string {
	return fmt.Sprintf(`{"id": %q, "at": "%s-%s-%sT%s:%s:%sZ", "duration_ms": 2, "cause": "timer-late",
		"sentence": "At %[5]s:%[6]s:%[7]s the left and right stream were %.1[8]f ms late for 1 packet, heard by receivers with less than 3 ms: the kernel woke the sender up late",
		"bill": [{"name": "timer", "percent": 95.2, "ms": %.1[8]f}, {"name": "own work", "percent": 4.8, "ms": 0.1}],
		"context": ["when       then", "state      sending before, sending then, sending after"],
		"before": {"at": "2026-11-29T19:00:00Z", "raw": 0}, "records": "AOQLVAIAAABAQg8AgEsPAABQDwAAAHpEAACWRFAMECA="}`,
		id, id[:4], id[4:6], id[6:8], id[9:11], id[11:13], id[13:15], float64(lateUS)/1000)
}

// TestTheServiceIsNamedWhereItIs lets a manager that writes down what it is told
// switch the unit.
func TestTheServiceIsNamedWhereItIs(t *testing.T) {
	h := newHome(t)
	h.write(t, "system/run/systemd/system/x", "")
	h.write(t, "system/usr/lib/systemd/user/aes67-sink.service", "")
	h.write(t, "bin/systemctl", "#!/bin/sh\necho \"$@\" >>\"$HOME/asked\"\n\n")
	if err := os.Chmod(h.path("bin/systemctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	var all []string
	look := func(what string) {
		all = append(all, "("+what+")\n"+h.transcript(t, "status"))
	}
	look("installed")
	all = append(all, h.transcript(t, "off"), h.transcript(t, "on"))
	mask := h.path("config/systemd/user/aes67-sink.service")
	h.write(t, "config/systemd/user/other.service", "")
	if err := os.Symlink("/dev/null", mask); err != nil {
		t.Fatal(err)
	}
	look("switched off")
	if err := os.Remove(mask); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(h.path("asked"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "service", strings.Join(append(all, "(asked of the manager)\n"+string(asked)), "\n"))
}

func TestEveryFailureIsOneLine(t *testing.T) {
	goldens, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(goldens) == 0 {
		t.Fatal(goldens, err)
	}
	for _, path := range goldens {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		failing := false
		for line := range strings.Lines(string(text)) {
			switch {
			case line == "[stderr]\n":
				failing = true
			case strings.HasPrefix(line, "[exit "):
				failing = false
			case failing && !strings.HasPrefix(line, "aes67-sink: "), strings.ContainsAny(line, "\x1b\t"):
				t.Errorf("%s: %q", path, line)
			}
		}
	}
}

func TestDescriptionsAreWrittenAsAnnounced(t *testing.T) {
	h := newHome(t)
	h.playing(t, "sending")
	h.transcript(t, "sdp", "--out", "out")
	for _, session := range bridges["sending"].sessions {
		text, err := os.ReadFile(h.path("out", fileName(session.Name)+".sdp"))
		if err != nil || string(text) != session.Text {
			t.Errorf("%q, %v; want %q", text, err, session.Text)
		}
	}
	if entries, _ := os.ReadDir(h.path("out")); len(entries) != 2 {
		t.Errorf("%d files, want 2", len(entries))
	}
}

func TestASecondBridgeSaysWhoRunsTheFirst(t *testing.T) {
	h := newHome(t)
	first := h.command("holder")
	output, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, first)
	if said, err := bufio.NewReader(output).ReadString('\n'); err != nil || said != "held\n" {
		t.Fatalf("holder: %q, %v", said, err)
	}
	want := regexp.MustCompile(fmt.Sprintf(`^\$ aes67-sink run\n\[stderr\]\naes67-sink: `+
		`another aes67-sink of user \S+ \(pid %d\) is already running: look at it with aes67-sink status, or end it first\n\[exit 1\]\n$`, first.Process.Pid))
	if got := h.transcript(t, "run"); !want.MatchString(got) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"done", nil, 0},
		{"failed", errors.New("no sound"), 1},
		{"misuse", fmt.Errorf("run: %w", usageError{"no such flag"}), 2},
		{"not permitted", fmt.Errorf("socket: %w", unix.EPERM), 3},
		{"access denied", fmt.Errorf("socket: %w", unix.EACCES), 3},
	} {
		var told strings.Builder
		if got := report(&told, test.err); got != test.want {
			t.Errorf("%s: exit %d, want %d", test.name, got, test.want)
		}
		want := ""
		if test.err != nil {
			want = "aes67-sink: " + test.err.Error() + "\n"
		}
		if diff := cmp.Diff(want, told.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestWatchEndsBySignal(t *testing.T) {
	h := newHome(t)
	h.playing(t, "sending")
	c := h.command("program", "status", "--watch", "--json")
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(output)
	for range 2 {
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, `{"version":"1.0.0",`) {
			t.Errorf("line %q, %v", line, err)
		}
	}
	if err := c.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("ended with %v, want exit 0", err)
	}
}
