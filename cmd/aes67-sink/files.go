package main

import (
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// stateDirectory is where the volume is remembered: aes67-sink in
// XDG_STATE_HOME, usually ~/.local/state (XDG Base Directory Specification
// 0.8). Without a home directory it is beside the temporary files.
func stateDirectory() string {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return filepath.Join(os.TempDir(), "aes67-sink-state")
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "aes67-sink")
}

// printable makes one line of s that does nothing to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimRight(s, "\r\n"))
}

// joined lists words for people.
func joined(words []string) string { return strings.Join(words, ", ") }
