// Package text makes words for people: one line of foreign text, counts, lists,
// causes.
package text

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"
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
