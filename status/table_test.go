package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"aes67-sink/health"
)

func TestTheTableFitsTheTerminal(t *testing.T) {
	m := example()
	m.Problem = strings.Repeat("a sentence of many words ", 10)
	m.Sink.ResampledHz = 44100
	m.Drift.ServerJumps, m.Streams[0].SkippedMS, m.Announce.MDNS = 2, new(Tenths(62)), "no-bus"
	if first, _, _ := strings.Cut(m.Table(40), "\n"); first != "PROBLEM   "+m.Problem {
		t.Errorf("the problem is broken up: %q", first)
	}
	for _, width := range []int{80, 60, 40} {
		table := m.Table(width)
		for line := range strings.Lines(table) {
			if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, "PROBLEM") && utf8.RuneCountInString(line) > width {
				t.Errorf("wider than %d: %q", width, line)
			}
		}
	}
	golden(t, "testdata/narrow.txt", []byte(m.Table(80)))
	golden(t, "testdata/wide.txt", []byte(m.Table(0)))
}

// TestTheRateIsTold says whether it follows what plays, and what the server resamples.
func TestTheRateIsTold(t *testing.T) {
	for _, c := range []struct {
		follows   string
		resampled int
		want      []string
	}{
		{"", 44100, []string{"48000 Hz", "the server resamples 44100 Hz (docs/latency.md says how to let it switch)"}},
		{"played", 0, []string{"48000 Hz as what played last"}},
		{"played", 44100, []string{"48000 Hz as what played last", "the server resamples 44100 Hz until nothing plays"}},
		{"unable", 0, []string{"48000 Hz whatever plays (this sound server cannot switch)"}},
		{"kept", 0, []string{"48000 Hz whatever plays (the server did not switch: docs/latency.md says how to let it)"}},
	} {
		got := sinkParts(Sink{Name: "x", RateHz: 48000, RateFollows: c.follows, ResampledHz: c.resampled})[1:]
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.follows, got, c.want)
		}
	}
}

// TestEveryProblemIsTold has a line for each, its command below it, and none twice.
func TestEveryProblemIsTold(t *testing.T) {
	m := example()
	for _, sentence := range []string{
		"PTP messages do not reach this program on eno1: ufw is on; `sudo ufw allow \"AES67 Speakers\"`",
		"eno1: no carrier; check the cable",
	} {
		m.Problems = append(m.Problems, health.Find(sentence))
	}
	m.Problems = append(m.Problems, health.Finding{Code: "mdns-silent", Sentence: "RAVENNA receivers miss Avahi; start it", Severity: health.Notice})
	m.Problem, m.Announce.Problem = m.Problems[0].Sentence, m.Problems[2].Sentence
	golden(t, "testdata/problems.txt", []byte(m.Table(80)))
}

// TestTheRoleIsTold also where this program does not know the word.
func TestTheRoleIsTold(t *testing.T) {
	for _, c := range []struct{ state, role, want string }{
		{"locked", "follower", "locked, follower, grandmaster 00-1d, domain 0"},
		{"locked", "grandmaster", "locked, this computer is the grandmaster, domain 0"},
		{"listening", "none", "listening, grandmaster 00-1d, domain 0"},
		{"", "none", "without PTP, grandmaster 00-1d, domain 0"},
		{"locked", "boundary", "locked, boundary, grandmaster 00-1d, domain 0"},
	} {
		got := strings.Join(present(clockParts(Clock{State: c.state, Role: c.role, Grandmaster: "00-1d"})), ", ")
		if got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.state, c.role, got, c.want)
		}
	}
}

func TestTheLatencyIsToldOrSaid(t *testing.T) {
	m := example()
	m.LatencyMS.Receiver = 10
	late := float64(m.LatencyMS.Total) + 10
	want := fmt.Sprintf("not told to players: for films say mpv --audio-delay=-%.3f", late/1000)
	if table := m.Table(0); !strings.Contains(table, want) || !strings.Contains(table, "+ receiver 10.0 ms") {
		t.Errorf("%q is not in\n%s", want, table)
	}
	m.LatencyTold = true
	if table := m.Table(0); !strings.Contains(table, ", told to players") || strings.Contains(table, "mpv") {
		t.Errorf("it is told, and the table says\n%s", table)
	}
}
