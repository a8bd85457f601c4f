package sdp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName bounds a session name in bytes: it is also the DNS-SD instance name,
// which is one DNS label (RFC 6763, 4.1.1).
const MaxName = 63

// CleanName returns the form of name that is announced: one line without
// control characters, at most MaxName bytes, never empty (RFC 8866, 5.3).
func CleanName(name string) string {
	if name = clean(name, MaxName); name == "" {
		return "-"
	}
	return name
}

// JoinName returns "head tail", cleaned. When it is too long the head is cut,
// so that streams that differ in the tail alone keep different names.
func JoinName(head, tail string) string {
	tail = clean(tail, MaxName)
	head = clean(head, MaxName)
	if room := MaxName - len(tail) - 1; len(head) > room {
		head = clean(head, max(room, 0))
	}
	return CleanName(head + " " + tail)
}

// clean makes one printable line of text that may be foreign: what is not
// printable (control characters, line and paragraph separators, characters
// that turn the direction of writing, broken UTF-8) counts as a space, runs of
// spaces become one, and the result has at most limit bytes.
func clean(text string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) || r == ' ' {
			space = b.Len() > 0
			continue
		}
		need := utf8.RuneLen(r)
		if space {
			need++
		}
		if b.Len()+need > limit {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// labels are the words people use for PulseAudio's position names where these
// differ from the names themselves.
var labels = map[string]string{
	"front-left":            "Left",
	"front-right":           "Right",
	"front-center":          "Center",
	"lfe":                   "LFE",
	"front-left-of-center":  "Left of Center",
	"front-right-of-center": "Right of Center",
}

// Label returns the word shown for a PulseAudio position name: "front-left" is
// "Left", "rear-left" is "Rear Left", "aux0" is "Aux 0".
func Label(position string) string {
	if label, ok := labels[position]; ok {
		return label
	}
	var b strings.Builder
	wordStart, afterLetter := true, false
	for _, r := range clean(strings.ReplaceAll(position, ",", " "), MaxName) {
		switch {
		case r == '-' || r == ' ':
			r, wordStart = ' ', true
		case unicode.IsDigit(r) && afterLetter:
			b.WriteByte(' ')
			wordStart = false
		case wordStart:
			r, wordStart = unicode.ToUpper(r), false
		}
		afterLetter = unicode.IsLetter(r)
		b.WriteRune(r)
	}
	return b.String()
}

// Labels returns the label of each position, in order.
func Labels(positions []string) []string {
	out := make([]string, len(positions))
	for i, position := range positions {
		out[i] = Label(position)
	}
	return out
}
