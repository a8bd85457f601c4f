package page

import (
	"strconv"
	"strings"
	"time"

	"aes67-sink/status"
)

const (
	absent    = "–"      // what is not known is no number
	minus     = "−"      // as wide as a digit
	narrow    = "\u202f" // between thousands, and before a unit
	groupedBy = 3
)

// day is what the histories reach back.
const day = 24 * time.Hour

// decimal writes x with so many decimal places, in the language's way.
func (l language) decimal(x float64, places int) string {
	s := strconv.FormatFloat(x, 'f', places, 64)
	s, negative := strings.CutPrefix(s, "-")
	if strings.Trim(s, "0.") == "" {
		negative = false // no minus before zero
	}
	if l == german {
		s = strings.Replace(s, ".", ",", 1)
	}
	if negative {
		s = minus + s
	}
	return s
}

// short writes x with as many of three decimal places as it needs.
func (l language) short(x float64) string {
	return strings.TrimRight(strings.TrimRight(l.decimal(x, 3), "0"), ".,")
}

// signed is decimal with a plus before what is above zero.
func (l language) signed(x float64, places int) string {
	s := l.decimal(x, places)
	if strings.HasPrefix(s, minus) || strings.Trim(s, "0.,") == "" {
		return s
	}
	return "+" + s
}

// count writes a whole number in groups of three digits (ISO 80000-1, 7.3.1).
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= groupedBy+1 {
		return s
	}
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%groupedBy == 0 {
			b.WriteString(narrow)
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// microseconds writes nanoseconds in microseconds.
func (l language) microseconds(ns int64) string {
	return l.decimal(float64(ns)/1e3, 1) + narrow + "µs"
}

// decibels writes a level; silence is a word.
func (l language) decibels(x status.Tenths, unit string) string {
	if x <= status.SilenceDB {
		return l.word("level.silent")
	}
	return l.decimal(float64(x), 1) + narrow + unit
}

// ppm writes a rate.
func (l language) ppm(ppb int64) string { return l.signed(float64(ppb)/1e3, 3) + narrow + "ppm" }

// span writes how long something lasts in its two greatest units.
func span(d time.Duration) string {
	whole := func(of time.Duration, unit string) string {
		return strconv.Itoa(int(of)) + narrow + unit
	}
	switch {
	case d >= day:
		return whole(d/day, "d") + " " + whole(d%day/time.Hour, "h")
	case d >= time.Hour:
		return whole(d/time.Hour, "h") + " " + whole(d%time.Hour/time.Minute, "min")
	default:
		return whole(d/time.Minute, "min")
	}
}
