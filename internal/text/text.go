// Package text makes words for people: one line of foreign text, counts, lists,
// causes.
package text

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Printable makes one line of s that does nothing to a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimRight(s, "\r\n"))
}

// Count writes a number and what it counts: "1 step", "2 steps".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Wrap breaks s between words so that no line is wider than width columns, longer
// words aside; 0: not at all. The first line begins behind indent columns, which
// all others leave free.
func Wrap(s string, indent, width int) string {
	if width == 0 {
		return s
	}
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(s) {
		wide := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+wide > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += wide
	}
	return b.String()
}

// List joins words for people.
func List(words []string) string { return strings.Join(words, ", ") }

// Cause drops the operation and address of a system's error, which the message
// around it has already.
func Cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// UTF8 reports whether the locale of an environment writes UTF-8 (locale(7)).
func UTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}
