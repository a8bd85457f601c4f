package status

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"aes67-sink/internal/text"
)

const (
	// trendLooks is a minute of looks, one a second.
	trendLooks = 60
	// narrowest is the least that is worth drawing, in columns.
	narrowest = 8
	// widestMeter is in columns: one a decibel.
	widestMeter = 60
)

// trendRows are the drawn values of a picture, and how one is said.
var trendRows = []struct {
	name  string
	value func(m *Model) *int64
	say   func(x float64) string
	unit  string
}{
	{"offset", func(m *Model) *int64 { return m.Clock.OffsetNS }, func(ns float64) string { return fmt.Sprintf("%.1f", ns/1e3) }, " µs"},
	{"lateness", latest, func(us float64) string { return fmt.Sprintf("%.0f", us) }, " µs"},
	{"buffer", func(m *Model) *int64 { return m.Drift.FillFrames }, func(frames float64) string { return fmt.Sprintf("%.0f", frames) }, " frames"},
}

// latest is the lateness of all streams, which leave together.
func latest(m *Model) *int64 {
	if len(m.Streams) == 0 {
		return nil
	}
	return m.Streams[0].LatenessP99US
}

// Trends are the pictures of the last minute, one a second, as they can be drawn in a
// terminal. The zero value has seen none.
type Trends struct {
	rows   [][]float64 // as trendRows, the oldest first
	levels []Stream    // of the last picture
}

// Add takes the next picture; of a bridge that does not run, none.
func (t *Trends) Add(m Model) {
	if t.rows == nil {
		t.rows = make([][]float64, len(trendRows))
	}
	for i, row := range trendRows {
		x := math.NaN()
		if known := row.value(&m); known != nil {
			x = float64(*known)
		}
		t.rows[i] = append(t.rows[i], x)
		t.rows[i] = t.rows[i][max(0, len(t.rows[i])-trendLooks):]
	}
	t.levels = m.Streams
}

// Draw returns a line for each value that was known within the minute, and one for the
// level of each stream, at most so many columns wide, 0: as wide as they are. What does
// not fit is left out.
func (t *Trends) Draw(width int, ascii bool) string {
	var lines [][3]string // name, drawing, words
	for i, values := range t.rows {
		if low, high, known := span(values); known {
			row, now := trendRows[i], "-"
			if last := values[len(values)-1]; !math.IsNaN(last) {
				now = row.say(last)
			}
			lines = append(lines, [3]string{row.name, "", fmt.Sprintf("%s%s (%s to %s)", now, row.unit, row.say(low), row.say(high))})
		}
	}
	trends := len(lines)
	for i := range t.levels {
		s := &t.levels[i]
		lines = append(lines, [3]string{"level", "", s.peak() + ", " + text.Printable(text.List(s.Channels))})
	}
	words := 0
	for _, line := range lines {
		words = max(words, utf8.RuneCountInString(line[2]))
	}
	room := max(trendLooks, widestMeter)
	if width > 0 {
		room = min(room, width-rowIndent-2-words)
	}
	if room < narrowest {
		return ""
	}
	drawn := 0
	for _, values := range t.rows {
		if _, _, known := span(values); known {
			lines[drawn][1] = sparkline(values, room, ascii)
			drawn++
		}
	}
	for i := range t.levels {
		db := SilenceDB
		if peak := t.levels[i].PeakDBFS; peak != nil {
			db = float64(*peak)
		}
		lines[trends+i][1] = meter(db, min(room, widestMeter), ascii)
	}
	var b strings.Builder
	for _, line := range lines {
		if ascii {
			line[2] = strings.ReplaceAll(line[2], "µ", "u")
		}
		pad := strings.Repeat(" ", room-utf8.RuneCountInString(line[1]))
		fmt.Fprintf(&b, "%-*s%s%s  %s\n", rowIndent, line[0], line[1], pad, line[2])
	}
	return b.String()
}
