package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"aes67-sink/status"
)

type sdpCommand struct {
	Which string `arg:"" name:"left|right|N" optional:"" help:"Which stream: left, right or its number from 1; all if left out."`
	Out   string `placeholder:"DIR" help:"Write files NAME.sdp into this directory and print their paths."`
}

// Run prints or writes the session descriptions.
func (c *sdpCommand) Run(to streams) error {
	choose, err := chosenBy(c.Which)
	if err != nil {
		return err
	}
	ctx, stop := untilEnded(false)
	defer stop()
	client := status.NewClient()
	sessions, err := client.Sessions(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	if len(sessions) == 0 {
		return noSessions(ctx, client)
	}
	chosen, err := choose(sessions)
	if err != nil {
		return err
	}
	if c.Out != "" {
		return writeSessions(to.stdout, c.Out, chosen)
	}
	return printSessions(to.stdout, chosen)
}

// chosenBy reads which sessions are wanted.
func chosenBy(which string) (func([]status.Session) ([]status.Session, error), error) {
	switch which {
	case "":
		return func(all []status.Session) ([]status.Session, error) { return all, nil }, nil
	case "left", "right":
		return func(all []status.Session) ([]status.Session, error) { return withChannel(all, "front-"+which) }, nil
	}
	n, err := strconv.Atoi(which)
	if err != nil || n < 1 {
		return nil, usageError{fmt.Sprintf("sdp %q: must be left, right or a number from 1; see aes67-sink sdp --help", which)}
	}
	return func(all []status.Session) ([]status.Session, error) {
		if n > len(all) {
			return nil, fmt.Errorf("sdp %d: the bridge has %d streams: must be 1 to %d", n, len(all), len(all))
		}
		return all[n-1 : n], nil
	}, nil
}

func withChannel(all []status.Session, channel string) ([]status.Session, error) {
	for _, session := range all {
		if slices.Contains(session.Channels, channel) {
			return []status.Session{session}, nil
		}
	}
	return nil, fmt.Errorf("sdp: no stream carries the channel %s: choose one by its number, 1 to %d", channel, len(all))
}

// noSessions says why there is nothing to describe yet.
func noSessions(ctx context.Context, client *status.Client) error {
	m, err := client.Model(ctx)
	if err != nil {
		return unreachable(ctx, err)
	}
	why, _, _ := strings.Cut(status.Words(m.State), ": ") // without advice to people
	if m.Problem != "" {
		why += ": " + m.Problem
	}
	return fmt.Errorf("sdp: there are no streams yet: the bridge is %s; try again when it sends", why)
}

// printSessions prints the texts as they are announced, an empty line between
// two.
func printSessions(w io.Writer, sessions []status.Session) error {
	var texts []string
	for _, session := range sessions {
		texts = append(texts, session.Text)
	}
	_, err := io.WriteString(w, strings.Join(texts, "\r\n"))
	return err
}

// writeSessions writes one file a session and prints its path.
func writeSessions(w io.Writer, directory string, sessions []status.Session) error {
	// For everybody, as far as the umask allows: nothing in it is secret.
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return unwritable(directory, err)
	}
	used := map[string]bool{}
	for _, session := range sessions {
		name := fileName(session.Name)
		for n := 2; used[name]; n++ {
			name = fileName(session.Name) + "-" + strconv.Itoa(n)
		}
		used[name] = true
		path := filepath.Join(directory, name+".sdp")
		if err := os.WriteFile(path, []byte(session.Text), 0o666); err != nil {
			return unwritable(directory, err)
		}
		if _, err := fmt.Fprintln(w, path); err != nil {
			return err
		}
	}
	return nil
}

func unwritable(directory string, err error) error {
	return fmt.Errorf("sdp --out %s: %w; give a directory that can be written", directory, err)
}

// fileName makes a plain file name of a session's name: "studio-pc AES67
// Speakers Left" is studio-pc-aes67-speakers-left.
func fileName(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "stream"
	}
	return strings.Join(words, "-")
}
