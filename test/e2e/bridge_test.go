package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
)

// bridge is a running "aes67-sink run".
type bridge struct {
	*process
	server *server
}

// powerless runs a command without the capability to set the computer's
// clocks: in the lab the bridge never has it, and must not miss it.
func powerless(command ...string) []string {
	if os.Geteuid() != 0 {
		return command
	}
	return append([]string{"setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time", "--"}, command...)
}

// startBridge runs the bridge beside the test, on the pc's side of the wire.
func startBridge(t testing.TB, w wire, s *server, arguments ...string) *bridge {
	t.Helper()
	command := w.in(pc, powerless(s.by(append([]string{program, "run", "--set", "stream.when=always"}, arguments...)...)...)...)
	return &bridge{start(t, "bridge", s.env, command...).onTheWay(), s}
}

// report is what the tests read of "aes67-sink status --json", by the names of
// the public face. What is not known is absent, so it is a pointer.
type report struct {
	text     string
	State    string           `json:"state"`
	Problem  string           `json:"problem"`
	Problems []health.Finding `json:"problems"`
	Sink     struct {
		State    string   `json:"state"`
		Server   string   `json:"server"`
		VolumeDB *float64 `json:"volume_db"`
		Muted    *bool    `json:"muted"`
		Playing  int      `json:"playing"`

		RateHz      int    `json:"rate_hz"`
		RateFollows string `json:"rate_follows"`
		ResampledHz int    `json:"resampled_hz"`
	} `json:"sink"`
	Clock struct {
		State        string   `json:"state"`
		Role         string   `json:"role"`
		Grandmaster  string   `json:"grandmaster"`
		OffsetNS     *float64 `json:"offset_ns"`
		OffsetRMSNS  *float64 `json:"offset_rms_ns"`
		FrequencyPPB *float64 `json:"frequency_ppb"`
		Steps        int      `json:"steps"`
	} `json:"clock"`
	Drift struct {
		State            string   `json:"state"`
		Mode             string   `json:"mode"`
		BitExact         bool     `json:"bit_exact"`
		RatioPPB         *float64 `json:"ratio_ppb"`
		FillFrames       *float64 `json:"fill_frames"`
		FillTargetFrames *float64 `json:"fill_target_frames"`
		Underruns        int      `json:"underruns"`
		Overruns         int      `json:"overruns"`
		ServerJumps      int      `json:"server_jumps"`
	} `json:"drift"`
	Network struct {
		Interface string `json:"interface"`
		Address   string `json:"address"`
	} `json:"network"`
	Streams []struct {
		Name     string   `json:"name"`
		Channels []string `json:"channels"`
		Group    string   `json:"group"`
		Port     int      `json:"port"`
		Packets  int      `json:"packets"`
		Late     int      `json:"late"`
		Dropped  int      `json:"dropped"`
		Jumps    int      `json:"timestamp_jumps"`
		PeakDBFS *float64 `json:"peak_dbfs"`
	} `json:"streams"`
	LatencyMS *latency `json:"latency_ms"`
	Sender    struct {
		Policy   string `json:"policy"`
		Priority int    `json:"priority"`
		By       string `json:"by"`
	} `json:"sender"`
	Announce struct {
		SAP      string `json:"sap"`
		MDNS     string `json:"mdns"`
		RTSPPort int    `json:"rtsp_port"`
		Problem  string `json:"problem"`
	} `json:"announce"`
	Heard struct {
		Sessions int `json:"sessions"`
		Masters  int `json:"masters"`
	} `json:"heard"`
	Status struct {
		Overall health.Status `json:"overall"`
	} `json:"status"`
}

// well reports whether nothing is wrong, notices and what the machine did aside.
func (r report) well() bool {
	return !slices.ContainsFunc(r.Problems, func(f health.Finding) bool {
		return f.Severity != health.Notice && !ofTheMachine(f.Code, rtthread.Now())
	})
}

// own are what a machine that stands still does to a sound server; it is told for a minute.
var own = []health.Code{"sound-broke-off", "sound-server-overloaded", "sound-lost"}

// inTheEnd tries until something is well; where the machine went on, once: what it did when
// it stood still is told for a minute.
func inTheEnd(try func() bool) bool {
	for began := rtthread.Now(); !try(); time.Sleep(pollInterval) {
		if now := rtthread.Now(); now.Sub(began) > 80*time.Second || watch.stood(now, 80*time.Second) <= standstill {
			return false
		}
	}
	return true
}

// ofTheMachine reports whether a condition at an instant may be of what the machine did.
func ofTheMachine(code health.Code, at aes67.MonoTime) bool {
	return slices.Contains(own, code) && watch.stood(at, time.Minute) > standstill
}

// latency is the bridge's own account of the way from the monitor to the wire,
// in ms.
type latency struct {
	Buffer    float64 `json:"buffer"`
	Resampler float64 `json:"resampler"`
	Packet    float64 `json:"packet"`
	Total     float64 `json:"total"`
	Receiver  float64 `json:"receiver"`
}

// look reads the bridge's status where "aes67-sink status --json" does, which
// TestDocumentedCommands runs: to start a program at each look would load the
// machine more than all that is tested.
func (b *bridge) look() (r report, err error) {
	r.text, err = b.server.control("/status.json")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(r.text), &r); err != nil {
		return r, fmt.Errorf("status --json: %w: %s", err, r.text)
	}
	return r, nil
}

// control asks the bridge that serves the control socket of the server's user.
func (s *server) control(path string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.runtime(), "aes67-sink/control"))
		},
	}}
	answer, err := client.Get("http://localhost" + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return string(text), err
}

// runtime is the XDG_RUNTIME_DIR of the server's clients.
func (s *server) runtime() (dir string) {
	for _, variable := range s.env { // the last one counts
		if value, ok := strings.CutPrefix(variable, "XDG_RUNTIME_DIR="); ok {
			dir = value
		}
	}
	return dir
}

// now is its status; it must have one.
func (b *bridge) now() report {
	b.t.Helper()
	r, err := b.look()
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// reaches waits until the status is as wanted and returns it; it fails at once
// when the bridge ends.
func (b *bridge) reaches(within time.Duration, what string, wanted func(report) bool) report {
	b.t.Helper()
	var last report
	var lastErr error
	good := soon(within, func() bool {
		if b.ended() {
			b.t.Fatalf("%s: the bridge ended: %v", what, b.err)
		}
		last, lastErr = b.look()
		return lastErr == nil && wanted(last)
	})
	if !good {
		missed(b.t, within, "not within %v: %s; the last status was %s %v", within, what, last.text, lastErr)
	}
	return last
}

// sends waits until the streams are on the wire with sound of the sink in them.
func (b *bridge) sends(within time.Duration) report {
	b.t.Helper()
	return b.reaches(within, "the bridge sends", func(r report) bool {
		return r.State == "sending" && r.Sink.VolumeDB != nil
	})
}

// handsPause is what a hand leaves between two steps at least; faster ones count
// as one (pulse, oneStep).
const handsPause = 100 * time.Millisecond

// loud waits for the sink and turns its volume, -40 dB at first, up to 100 % in
// steps, as a listener does: more at once would rise slowly.
func (b *bridge) loud(within time.Duration) {
	b.t.Helper()
	b.reaches(within, "the sink is there with a volume", func(r report) bool { return r.Sink.VolumeDB != nil })
	for _, db := range []float64{-30, -20, -10, 0} {
		pass(handsPause)
		b.server.pactl("set-sink-volume", "aes67", "+10dB")
		b.reaches(5*time.Second, fmt.Sprintf("the volume is %g dB", db), func(r report) bool {
			return r.Sink.VolumeDB != nil && math.Abs(*r.Sink.VolumeDB-db) < 0.1
		})
	}
}

// follows waits until the bridge sends by a grandmaster's clock.
func (b *bridge) follows(within time.Duration) report {
	b.t.Helper()
	r := b.reaches(within, "the bridge follows a grandmaster and sends", func(r report) bool {
		return r.State == "sending" && r.Clock.Role == "follower" && r.Clock.State == "locked"
	})
	if len(r.Streams) != 2 {
		b.t.Fatalf("%d streams, want 2", len(r.Streams))
	}
	return r
}

// playing waits until both tones are in the streams at full level.
func (b *bridge) playing(within time.Duration) {
	b.t.Helper()
	b.reaches(within, "both streams carry the tones", func(r report) bool {
		for _, stream := range r.Streams {
			if stream.PeakDBFS == nil || *stream.PeakDBFS < toneDBFS-0.5 {
				return false
			}
		}
		return len(r.Streams) == 2
	})
}

// fillError is how far the fill was from its target, in frames.
type fillError struct {
	at     aes67.MonoTime
	frames float64
}

// fillErrors watches that for a while, ten times a second.
func (b *bridge) fillErrors(length time.Duration) (all []fillError) {
	b.t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); <-ticker.C {
		r, err := b.look()
		if err != nil {
			b.t.Fatal(err)
		}
		if r.Drift.FillFrames == nil || r.Drift.FillTargetFrames == nil {
			continue // filling anew, after an underrun that is counted as such
		}
		all = append(all, fillError{rtthread.Now(), math.Abs(*r.Drift.FillFrames - *r.Drift.FillTargetFrames)})
	}
	if len(all) == 0 {
		b.t.Fatal("the fill was never known")
	}
	return all
}

// descriptions writes the session descriptions to a folder and returns the
// paths of the left and the right one.
func (b *bridge) descriptions() (paths [2]string) {
	b.t.Helper()
	dir := tempDir(b.t, "sdp")
	if err := os.Chmod(dir, 0o777); err != nil { // for a bridge of somebody else
		b.t.Fatal(err)
	}
	for i, side := range sides {
		out := mustOutput(b.t, b.server.env, b.server.by(program, "sdp", side.name, "--out", dir)...)
		paths[i] = strings.TrimSpace(out)
		if info, err := os.Stat(paths[i]); err != nil || info.Size() == 0 {
			b.t.Fatalf("sdp %s --out printed %q, want the path of a description: %v", side.name, out, err)
		}
	}
	return paths
}
