package status

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSparkline(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		name   string
		values []float64
		width  int
		ascii  bool
		want   string
	}{
		{"nothing", nil, 10, false, ""},
		{"nothing known", []float64{nan, nan}, 10, false, "  "},
		{"steps", []float64{0, 1, 2, 3, 4, 5, 6, 7}, 10, false, "▁▂▃▄▅▆▇█"},
		{"steps in ASCII", []float64{0, 1, 2, 3, 4, 5, 6, 7}, 10, true, "_.:-=+*#"},
		{"a gap", []float64{-1, nan, 1}, 10, false, "▁ █"},
		{"flat", []float64{5, 5, 5}, 10, false, "▁▁▁"},
		{"squeezed: a peak is kept", []float64{0, 0, 9, 0, 1, 0}, 3, false, "▁█▂"},
		{"squeezed: so is one downwards", []float64{0, -9, 1, 2}, 2, false, "▁█"},
		{"squeezed: a gap is one where all are", []float64{nan, nan, nan, 1}, 2, false, " ▁"},
		{"no bound", []float64{0, 1}, 0, false, "▁█"},
	} {
		if got := sparkline(test.values, test.width, test.ascii); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestMeter(t *testing.T) {
	for _, test := range []struct {
		db    float64
		ascii bool
		want  string
	}{
		{0, false, "██████████"},
		{6, false, "██████████"},
		{-30, false, "█████·····"},
		{-33, false, "████▌·····"},
		{-60, false, "··········"},
		{SilenceDB, false, "··········"},
		{math.Inf(-1), false, "··········"},
		{math.NaN(), false, "··········"},
		{-0.1, false, "██████████"},
		{0, true, "##########"},
		{-30, true, "#####-----"},
	} {
		if got := meter(test.db, 10, test.ascii); got != test.want {
			t.Errorf("%v dB: %q, want %q", test.db, got, test.want)
		}
	}
}

// minute is the trends of two minutes, in which the clock was lost for a while.
func minute() *Trends {
	var trends Trends
	for i := range 2 * trendLooks {
		m := example()
		m.Streams = append(m.Streams, m.Streams[0])
		m.Streams[1].Channels, m.Streams[1].PeakDBFS, m.Streams[1].LimitedDB = []string{"front-right"}, new(Tenths(-0.1)), new(Tenths(2.3))
		m.Clock.OffsetNS = new(int64(math.Round(1000 * math.Sin(float64(i)/5))))
		m.Streams[0].LatenessP99US = new(int64(40 + i%7))
		if i == 100 {
			m.Streams[0].LatenessP99US = new(int64(3400))
		}
		m.Drift.FillFrames = new(int64(700 + i%3))
		if i > 80 && i < 90 {
			m.Clock.OffsetNS = nil
		}
		trends.Add(m)
	}
	return &trends
}

func TestTrends(t *testing.T) {
	trends := minute()
	golden(t, "testdata/trends.txt", []byte(trends.Draw(0, false)))
	golden(t, "testdata/trends-80.txt", []byte(trends.Draw(80, false)))
	golden(t, "testdata/trends-ascii.txt", []byte(trends.Draw(100, true)))
	for width := 1; width <= 200; width++ {
		for line := range strings.Lines(trends.Draw(width, false)) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
			}
		}
	}
	if got := trends.Draw(120, true); strings.ContainsFunc(got, func(r rune) bool { return r > 0x7E }) {
		t.Errorf("more than ASCII: %q", got)
	}
}

func TestNothingIsDrawnOfWhatIsNotKnown(t *testing.T) {
	var trends Trends
	if got := trends.Draw(80, false); got != "" {
		t.Errorf("before anything was seen: %q", got)
	}
	trends.Add(Model{})
	if got := trends.Draw(80, false); got != "" {
		t.Errorf("nothing known: %q", got)
	}
	trends.Add(example())
	trends.Add(Model{})
	if got := trends.Draw(80, false); !strings.Contains(got, "  - µs (-0.1 to -0.1)") || strings.Contains(got, "level") {
		t.Errorf("after the bridge went away: %q", got)
	}
}
