package main

import (
	"bufio"
	"encoding/json"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"aes67-sink/internal/lab"
)

// TestMain lets the test's own binary play labtool.
func TestMain(m *testing.M) {
	if os.Getenv("LABTOOL_TEST_COMMAND") != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// labtool runs a command in a folder.
func labtool(t *testing.T, folder string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LABTOOL_TEST_COMMAND=1")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestWrongUsageIsExplained(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broken"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		command string
		code    int
		want    string
	}{
		{"", 2, "usage: labtool COMMAND"},
		{"frobnicate", 2, `"frobnicate": no such command`},
		{"help", 0, "speaker"},
		{"wav -h", 0, "usage: labtool wav"},
		{"wav", 2, "one file is needed, not 0"},
		{"wav -format mp3 a.wav", 2, `"mp3": must be float32 or int24`},
		{"wav -frequency 1", 2, "not defined: -frequency"},
		{"marks now", 2, "takes no arguments"},
		{"receive", 1, "none is named"},
		{"receive -i lo", 2, "no stream"},
		{"receive -i nowhere0 -group 239.69.1.1", 1, `"nowhere0"`},
		{"receive -i lo -group 10.0.0.1", 2, "not an IPv4 multicast address"},
		{"receive -i lo missing.sdp", 1, "missing.sdp"},
		{"receive -i lo -clock broken -group 239.69.1.1", 1, "raw_ns and ptp_ns"},
		{"speaker -i lo -origin here", 2, "not an address"},
		{"analyse", 2, "no file"},
		{"analyse broken", 1, "RIFF"},
		{"analyse -tone x broken", 2, "not a number"},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			_, stderr, code := labtool(t, folder, strings.Fields(tt.command)...)
			if code != tt.code || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d and %q, want %d and %q", code, stderr, tt.code, tt.want)
			}
		})
	}
}

func TestWhatWavWritesAnalyseReads(t *testing.T) {
	folder := t.TempDir()
	tests := []struct {
		wav, analyse string
		rate         int
		hz, level    [2]float64
	}{
		{"-seconds 2", "-other-tone 1499,997", 48000, [2]float64{997, 1499}, [2]float64{-6, -6}},
		{"-seconds 2 -right 0 -rate 44100 -format int24 -level -20", "-tone 997", 44100, [2]float64{997, 0}, [2]float64{-20, -400}},
	}
	for _, tt := range tests {
		t.Run(tt.wav, func(t *testing.T) {
			if _, stderr, code := labtool(t, folder, strings.Fields("wav "+tt.wav+" x.wav")...); code != 0 {
				t.Fatal(stderr)
			}
			stdout, stderr, code := labtool(t, folder, strings.Fields("analyse "+tt.analyse+" x.wav")...)
			var report struct {
				Channels []struct {
					Rate      int     `json:"rate_hz"`
					Hz        float64 `json:"tone_hz"`
					Level     float64 `json:"tone_dbfs"`
					SINAD     float64 `json:"sinad_db"`
					Crosstalk float64 `json:"crosstalk_db"`
					Defects   []any   `json:"defects"`
				} `json:"channels"`
			}
			if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || len(report.Channels) != 2 {
				t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
			}
			for c, got := range report.Channels {
				if got.Rate != tt.rate || math.Abs(got.Hz-tt.hz[c]) > 1e-4 || math.Abs(got.Level-tt.level[c]) > 1e-3 || len(got.Defects) > 0 {
					t.Errorf("channel %d: %+v", c, got)
				}
				if tt.hz[c] > 0 && (got.SINAD < 120 || strings.Contains(tt.analyse, "other") && got.Crosstalk > -140) {
					t.Errorf("channel %d: %+v", c, got)
				}
			}
		})
	}
}

func TestReceiveAndSpeakerTellThatNobodySends(t *testing.T) {
	newSpeaker(t) // skips without a loopback interface
	folder := t.TempDir()
	for name, content := range map[string]string{
		"clock.json": `{"raw_ns": 1000, "ptp_ns": 1700000000000000000, "rate_ppb": 50000}`,
		"left.sdp":   strings.Replace(string(description("1", "1", "studio-pc Left")), ".3/15", ".2/15", 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		command string
		want    []string
	}{
		{"receive -i lo -group 239.69.253.1 -port 15024 -seconds 0.2 -wav out -envelope out", []string{`"packets": 0`, `"ttl": -1`, "against CLOCK_MONOTONIC"}},
		{"receive -i lo -clock clock.json -seconds 0.1 left.sdp", []string{`"name": "studio-pc Left"`, `"clock": "clock.json"`}},
		{"speaker -i lo -seconds 0.1", []string{"speaker on lo: waiting for announcements on 239.255.255.255 port 9875"}},
	}
	for _, tt := range tests {
		stdout, stderr, code := labtool(t, folder, strings.Fields(tt.command)...)
		for _, want := range tt.want {
			if code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("%s: exit code %d, %q, %q; want %q", tt.command, code, stdout, stderr, want)
			}
		}
	}
	for _, name := range []string{"out-1.wav", "out-1.csv"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestCtrlCEndsTheSpeakerCleanly(t *testing.T) {
	newSpeaker(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "speaker", "-i", "lo")
	cmd.Env = append(os.Environ(), "LABTOOL_TEST_COMMAND=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "waiting") {
		t.Fatalf("it begins with %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0", err)
	}
}

func newSpeaker(t *testing.T) *speaker {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil || lo.Flags&net.FlagUp == 0 {
		t.Skip("needs a loopback interface that is up")
	}
	s := &speaker{iface: *lo, sessions: map[sessionKey]*session{}}
	t.Cleanup(s.endAll)
	return s
}

// description of a stereo session; version and name may change.
func description(id, version, name string) []byte {
	return []byte("v=0\r\no=- " + id + " " + version + " IN IP4 127.0.0.1\r\ns=" + name +
		"\r\nc=IN IP4 239.69.253.3/15\r\nt=0 0\r\nm=audio 15034 RTP/AVP 98\r\na=rtpmap:98 L24/48000/2\r\na=ptime:1\r\n")
}

func TestSpeakerFollowsAnnouncements(t *testing.T) {
	s := newSpeaker(t)
	tell := func(text []byte, end bool) string {
		s.heard(t.Context(), lab.Announcement{Text: text, Delete: end})
		return s.picture()
	}
	first := tell(description("1", "1", "Desk"), false)
	for _, want := range []string{`session "Desk" on 239.69.253.3 port 15034: begun`, "Desk [1] ", "Desk [2] ", "packets       0  lost 0", "silence", "clock -"} {
		if !strings.Contains(first, want) {
			t.Errorf("a new session shows\n%swithout %q", first, want)
		}
	}
	if again := tell(description("1", "1", "Desk"), false); strings.Contains(again, "begun") {
		t.Errorf("the same announcement begins it again:\n%s", again)
	}
	changed := tell(description("1", "2", "Table"), false)
	if !strings.Contains(changed, `"Desk": changed`) || !strings.Contains(changed, "Table [1]") || strings.Contains(changed, "Desk [1]") {
		t.Errorf("a changed session shows\n%s", changed)
	}
	if bad := tell([]byte("v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=x\r\n"), false); !strings.Contains(bad, "session from") {
		t.Errorf("a description without a stream is not told:\n%s", bad)
	}
	if gone := tell([]byte("o=- 1 2 IN IP4 127.0.0.1\r\n"), true); !strings.Contains(gone, `"Table": ended`) || strings.Contains(gone, "[1]") {
		t.Errorf("a deleted session shows\n%s", gone)
	}
}

func TestSpeakerTakesABoundedNumberOfSessions(t *testing.T) {
	s := newSpeaker(t)
	for id := range 3 * mostSessions {
		s.heard(t.Context(), lab.Announcement{Text: description(string(rune('0'+id%10))+strings.Repeat("1", id/10), "1", "many")})
	}
	if len(s.sessions) != mostSessions {
		t.Errorf("%d sessions taken, want %d", len(s.sessions), mostSessions)
	}
}

func TestLinesFitTheTerminal(t *testing.T) {
	s := newSpeaker(t)
	s.heard(t.Context(), lab.Announcement{Text: description("1", "1", "a name that is longer than any column of a terminal")})
	for _, n := range s.sessions {
		for _, width := range []int{80, 100, 120} {
			for _, line := range n.lines(width) {
				if got := utf8.RuneCountInString(line); got >= width {
					t.Errorf("%d characters on a terminal of %d: %q", got, width, line)
				}
			}
		}
	}
}

func TestMeterShowsTheLevel(t *testing.T) {
	for level, want := range map[float64]string{
		-400: "[............]     silence", -60: "[............]  -60.0 dBFS", -30: "[######......]  -30.0 dBFS", 0: "[############]    0.0 dBFS",
	} {
		if got := meter(level); got != want {
			t.Errorf("%v dBFS is %q, want %q", level, got, want)
		}
	}
}
