package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"aes67-sink/internal/instance"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

var update = flag.Bool("update", false, "rewrite golden files")

// roleVariable lets the test binary play the program, or a bridge.
const roleVariable = "AES67_SINK_TEST_ROLE"

// rootVariable is where the played program looks for the system's own files.
const rootVariable = "AES67_SINK_TEST_ROOT"

func TestMain(m *testing.M) {
	switch role, detail, _ := strings.Cut(os.Getenv(roleVariable), ":"); role {
	case "":
		goleak.VerifyTestMain(m)
	case "program":
		ourUnit.Root = os.Getenv(rootVariable)
		os.Exit(execute(os.Args[1:], streams{os.Stdout, os.Stderr}))
	case "bridge":
		os.Exit(playBridge(bridges[detail]))
	case "holder":
		os.Exit(playHolder())
	}
}

// picture is the picture that a played bridge gives of itself.
type picture struct {
	model    status.Model
	sessions []status.Session
	listing  status.Listing
	reloaded status.Reloaded
	unrecorded
}

// unrecorded is a teller's part that has seen nothing.
type unrecorded struct{}

func (unrecorded) Bundle(context.Context, io.Writer) error       { return nil }
func (unrecorded) SharedBundle(context.Context, io.Writer) error { return nil }
func (unrecorded) History() recorder.History                     { return recorder.History{} }
func (unrecorded) Points(float64) recorder.Track                 { return recorder.Track{} }
func (unrecorded) Events(uint64) []recorder.Event                { return nil }
func (unrecorded) Incidents() []recorder.Incident                { return nil }

func (p picture) Model() status.Model        { return p.model }
func (p picture) Sessions() []status.Session { return p.sessions }
func (p picture) Listing() status.Listing    { return p.listing }
func (p picture) Reload() status.Reloaded    { return p.reloaded }

var bridges = map[string]picture{
	"sending": {
		model: status.Model{
			Version: "1.0.0", UptimeS: 3723.4, State: status.Sending,
			Sink: status.Sink{
				State: "running", Server: "PulseAudio (on PipeWire 1.4.2)", Name: "AES67 Speakers", ID: "aes67", RateHz: 48000,
				Channels: []string{"front-left", "front-right"},
				VolumeDB: new(status.Tenths(-40)), Muted: new(false), Clients: new(1), Playing: new(1),
			},
			Clock: status.Clock{
				State: "locked", Role: "follower", Grandmaster: "00-1B-21-FF-FE-3A-4C-5D",
				OffsetNS: new(int64(-120)), OffsetRMSNS: new(int64(800)), PathDelayNS: new(int64(3100)), FrequencyPPB: new(int64(49873)),
			},
			Drift: status.Drift{
				State: "fine", Mode: "resample", RatioPPB: new(int64(49870)),
				FillFrames: new(int64(718)), FillTargetFrames: new(int64(720)), Underruns: 1,
			},
			Network: status.Network{Interface: "eno1", Address: "192.168.10.1", Carrier: new(true), Reason: "eno1: PTP grandmaster 00-1B-21-FF-FE-3A-4C-5D"},
			Streams: []status.Stream{
				playedStream("Left", "239.69.1.1", -41.2, 2.34), playedStream("Right", "239.69.1.2", status.SilenceDB, 0),
			},
			Sender:    &status.Thread{Policy: "SCHED_OTHER", Why: "operation not permitted"},
			Announce:  status.Announce{SAP: "announcing", MDNS: "established", RTSPPort: new(8554)},
			LatencyMS: &status.Latency{Buffer: 15, Resampler: 1.4, Packet: 1, Total: 17.4},
		},
		sessions: []status.Session{
			{Name: "studio-pc AES67 Speakers Left", Channels: []string{"front-left"}, Text: "v=0\r\ns=studio-pc AES67 Speakers Left\r\n"},
			{Name: "studio-pc AES67 Speakers Right", Channels: []string{"front-right"}, Text: "v=0\r\ns=studio-pc AES67 Speakers Right\r\n"},
		},
		listing: status.Listing{
			Sessions: []status.ListedSession{
				{
					Name: "Stage\x1b[31m 1", Via: []string{status.ViaSAP, status.ViaMDNS}, Source: "192.168.10.20", Host: "stage.local",
					Interface: "eno1", Group: "239.69.20.1", Port: 5004, Encoding: "L24", RateHz: 48000, Channels: 2, PtimeUS: 1000,
					Clock: "ptp=IEEE1588-2008:00-1B-21-FF-FE-3A-4C-5D:0", ID: "18446744073709551615", Version: "1",
				},
				{
					Name: "studio-pc AES67 Speakers Left", Own: true, Via: []string{status.ViaSAP}, Source: "192.168.10.1",
					Interface: "eno1", Group: "239.69.1.1", Port: 5004, TTL: new(15), Encoding: "L24", RateHz: 48000, Channels: 1,
					Info: "1 channels: Left", PtimeUS: 1000, Clock: "localmac=00-1B-21-3A-4C-5D", ID: "11", Version: "12",
				},
				{Name: "Video", Via: []string{status.ViaMDNS}, Source: "192.168.10.21", Interface: "eno1", Group: "239.1.1.1", Port: 6000, ID: "3", Version: "4"},
			},
			Masters: []status.ListedMaster{
				{
					Grandmaster: "00-1B-21-FF-FE-3A-4C-5D", Followed: true, Port: "00-1B-21-FF-FE-3A-4C-5D/1", Address: "192.168.10.2",
					Interface: "eno1", Priority1: 128, Class: 248, Priority2: 128, AnnounceIntervalS: 2,
				},
				{
					Grandmaster: "00-1D-C1-FF-FE-00-00-01", Port: "00-1D-C1-FF-FE-00-00-02/3", Address: "192.168.10.9",
					Interface: "eno1", Domain: 5, Priority1: 10, Class: 6, Priority2: 20, StepsRemoved: 1, AnnounceIntervalS: 1,
				},
			},
			Notes: []string{"RAVENNA sessions are not heard"},
		},
		reloaded: status.Reloaded{Taken: []string{"log.level", "stream.name"}, Restart: []string{"stream.ttl"}},
	},
	"waiting": {
		model: status.Model{
			Version: "1.0.0", UptimeS: 2, State: status.WaitingClock,
			Problem: "no PTP master heard in domain 0\x1b[31m; switch one on or take clock.mode = \"auto\"",
			Sink:    status.Sink{State: "running", Server: "pulseaudio 16.1", Name: "AES67 Speakers", RateHz: 48000},
			Clock:   status.Clock{State: "listening", Role: "none"},
			Network: status.Network{Interface: "eno1", Address: "192.168.10.1", Carrier: new(false)},
		},
		reloaded: status.Reloaded{Faults: []string{"config.toml:2: stream.ttl = 0: out of range; must be 1 to 255", "config.toml:3: clock: unknown key"}},
	},
}

func playedStream(label, group string, peak, limited status.Tenths) status.Stream {
	return status.Stream{
		Name: "studio-pc AES67 Speakers " + label, Channels: []string{"front-" + strings.ToLower(label)}, Group: group, Port: 5004,
		Encoding: "L24", RateHz: 48000, PtimeUS: 1000, Packets: 12000, Late: 2,
		LatenessP99US: new(int64(40)), PeakDBFS: &peak, LimitedDB: &limited,
	}
}

// playBridge serves a picture until it is ended.
func playBridge(b picture) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	server := status.NewServer(b)
	if err := server.RunControl(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// playHolder has the lock until it is ended.
func playHolder() int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	lock, err := instance.Acquire()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("held")
	<-ctx.Done()
	lock.Release()
	return 0
}

const patience = 20 * time.Second

// eventually waits for a state.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// home is a user's directories, which hold nothing at first.
type home string

func newHome(t *testing.T) home {
	t.Helper()
	directory, err := os.MkdirTemp("", "c") // short: socket paths have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	for _, sub := range []string{"run", "config"} {
		if err := os.Mkdir(filepath.Join(directory, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return home(directory)
}

func (h home) path(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}

func (h home) write(t *testing.T, path, text string) {
	t.Helper()
	path = h.path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// command is the test binary in a role, with nothing of the tester's session.
func (h home) command(role string, arguments ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], arguments...)
	c.Dir = string(h)
	c.Env = []string{
		roleVariable + "=" + role, "HOME=" + string(h), "XDG_RUNTIME_DIR=" + h.path("run"),
		rootVariable + "=" + h.path("system"), "PATH=" + h.path("bin"),
		"XDG_CONFIG_HOME=" + h.path("config"), "XDG_STATE_HOME=" + h.path("state"), "COLUMNS=80", "TZ=UTC",
		"GORACE=atexit_sleep_ms=0", // else each process of a race test ends a second late
	}
	return c
}

// start starts a command that is ended with the test.
func start(t *testing.T, c *exec.Cmd) {
	t.Helper()
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(unix.SIGTERM)
		_ = c.Wait()
	})
}

// playing starts a played bridge and waits until it answers.
func (h home) playing(t *testing.T, name string) {
	t.Helper()
	start(t, h.command("bridge:"+name))
	eventually(t, "the played bridge answers", func() bool {
		conn, err := net.Dial("unix", h.path("run", "aes67-sink", "control"))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// transcript runs the program and returns all that can be seen of it.
func (h home) transcript(t *testing.T, arguments ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := h.command("program", arguments...)
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	quoted := make([]string, len(arguments))
	for i, a := range arguments {
		quoted[i] = a
		if strings.ContainsAny(a, " \"'[") || a == "" {
			quoted[i] = "'" + a + "'"
		}
	}
	text := fmt.Sprintf("$ %s\n%s", strings.Join(append([]string{"aes67-sink"}, quoted...), " "), stdout.String())
	if stderr.Len() > 0 {
		text += "[stderr]\n" + stderr.String()
	}
	text += fmt.Sprintf("[exit %d]\n", c.ProcessState.ExitCode())
	return strings.NewReplacer(string(h), "$HOME", runtime.Version(), "GOVERSION", runtime.GOARCH, "GOARCH", "\r\n", "␍\n").Replace(text)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
