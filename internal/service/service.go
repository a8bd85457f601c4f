// Package service knows the bridge as a unit of each user's service manager:
// whether there is one, how it is started, and how it is switched off and on for good.
package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"aes67-sink/internal/text"
)

// Name is the unit's.
const Name = "aes67-sink.service"

// maskTarget is what the file of a masked unit points to (systemd.unit(5)).
const maskTarget = "/dev/null"

// ErrNone says that no service manager here has the unit.
var ErrNone = errors.New("there is no systemd with the unit " + Name + " here: start the bridge with aes67-sink run, and end it with Ctrl-C")

// Unit is the unit below the directory Root, which is "/" outside of tests.
type Unit struct{ Root string }

// find returns the unit's file as the user's manager would choose it (systemd.unit(5),
// "User Unit Search Path"), "" where there is none or no systemd (sd_booted(3)).
// own says that it is one of this user's files.
func (u Unit) find() (path string, own bool) {
	if !there(filepath.Join(u.Root, "run/systemd/system")) {
		return "", false
	}
	if config, err := os.UserConfigDir(); err == nil {
		if path = filepath.Join(config, "systemd/user", Name); there(path) {
			return path, true
		}
	}
	for _, directory := range []string{"etc", "usr/local/lib", "usr/lib"} {
		if path = filepath.Join(u.Root, directory, "systemd/user", Name); there(path) {
			return path, false
		}
	}
	return "", false
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func masked(path string) bool {
	target, err := os.Readlink(path)
	return err == nil && target == maskTarget
}

// StartCommand returns what the user types to start the bridge.
func (u Unit) StartCommand() string {
	switch path, own := u.find(); {
	case path == "", u.Root == "/" && os.Geteuid() == 0: // whom the unit leaves out
		return "aes67-sink run"
	case own && masked(path):
		return "aes67-sink on"
	}
	return "systemctl --user start aes67-sink"
}

// Words say which file the unit is and whether it is switched off, empty: there is none.
func (u Unit) Words() string {
	path, _ := u.find()
	switch {
	case path == "":
		return ""
	case masked(path):
		return "switched off by " + path
	}
	return "installed as " + path
}

// State asks the user's manager whether the unit starts by itself, and whether it runs,
// in its own words, such as "enabled" and "failed" (systemctl(1), is-enabled and
// is-active); empty: it has not answered, or there is no unit.
func (u Unit) State(ctx context.Context) (enabled, active string) {
	if path, _ := u.find(); path == "" {
		return "", ""
	}
	ask := func(what string) string { // whose exit code says the same
		said, _ := exec.CommandContext(ctx, "systemctl", "--user", what, Name).Output()
		return text.Printable(strings.TrimSpace(string(said)))
	}
	return ask("is-enabled"), ask("is-active")
}

// RestartCommand returns what the user types, or does, to start it anew.
func (u Unit) RestartCommand() string {
	if path, _ := u.find(); path == "" {
		return "end it and start it with aes67-sink run"
	}
	return "restart it with systemctl --user restart aes67-sink"
}

// Off ends the bridge and keeps it from being started for this user.
func (u Unit) Off(ctx context.Context) error {
	path, own := u.find()
	if path == "" {
		return ErrNone
	}
	if !own || masked(path) {
		return systemctl(ctx, "mask", "--now", Name)
	}
	// What the user's own file stands for cannot be masked, and may be enabled for everybody.
	if err := systemctl(ctx, "disable", "--now", Name); err != nil {
		return err
	}
	if systemctl(ctx, "is-enabled", Name) == nil {
		return fmt.Errorf("it has ended, and starts again when you log in: %s is a file of yours, and the unit is enabled for everybody; move that file away and say aes67-sink off again", path)
	}
	return nil
}

// On is the inverse of Off. It returns when the bridge is ready.
func (u Unit) On(ctx context.Context) error {
	if path, _ := u.find(); path == "" {
		return ErrNone
	}
	if err := systemctl(ctx, "unmask", Name); err != nil {
		return err
	}
	if systemctl(ctx, "is-enabled", Name) != nil { // else it is, perhaps for everybody
		if err := systemctl(ctx, "enable", Name); err != nil {
			return err
		}
	}
	if err := systemctl(ctx, "start", Name); err != nil {
		return err
	}
	if systemctl(ctx, "is-active", Name) != nil { // as for root, whom the unit leaves out
		return errors.New("switched on, but it does not run; see systemctl --user status aes67-sink")
	}
	return nil
}

// journalLines is how much of the log is read: as much as a bridge keeps.
const journalLines = "500"

// Journal returns the last lines that the unit of this user has written.
func Journal(ctx context.Context) ([]byte, error) {
	said, err := exec.CommandContext(ctx, "journalctl", "--user", "--unit", Name, "--lines", journalLines, "--output", "short-iso-precise", "--no-pager").Output()
	if err != nil {
		return said, fmt.Errorf("journalctl --user: %w", err)
	}
	return said, nil
}

// systemctl asks the user's manager.
func systemctl(ctx context.Context, arguments ...string) error {
	said, err := exec.CommandContext(ctx, "systemctl", append([]string{"--user"}, arguments...)...).CombinedOutput()
	if err == nil {
		return nil
	}
	why := text.Printable(strings.TrimSpace(string(said)))
	if why == "" {
		why = err.Error()
	}
	return fmt.Errorf("systemctl --user %s: %s", strings.Join(arguments, " "), why)
}
