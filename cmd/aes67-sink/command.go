package main

// This file is what the commands share.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"aes67-sink/config"
	"aes67-sink/daemon"
	"aes67-sink/doctor"
	"aes67-sink/internal/service"
	"aes67-sink/internal/text"
	"aes67-sink/status"
)

// The exit codes.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2 // wrong usage or configuration
	exitNotPermitted = 3
	exitNotRunning   = 3 // of status --check, as the LSB has it for services
)

// verdict is an exit code whose reason has been told.
type verdict int

func (v verdict) Error() string { return fmt.Sprintf("exit %d", int(v)) }

// report prints what went wrong, one line each, and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	var told verdict
	if errors.As(err, &told) {
		return int(told)
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, "aes67-sink: "+text.Printable(line))
	}
	var usage usageError
	var faults config.Faults
	switch {
	case errors.As(err, &usage), errors.As(err, &faults):
		return exitUsage
	case errors.Is(err, os.ErrPermission):
		return exitNotPermitted
	}
	return exitFailed
}

// ourUnit is the service; tests look elsewhere.
var ourUnit = service.Unit{Root: "/"}

// streams are where a command reads and writes.
type streams struct {
	stdout, stderr *os.File
}

// usageError is a wrong command line.
type usageError struct{ why string }

func (e usageError) Error() string { return e.why }

// configFlags are the flags of every command that reads the configuration.
type configFlags struct {
	File string   `name:"config" placeholder:"FILE" help:"Read this file instead of the usual ones."`
	Set  []string `sep:"none" placeholder:"TABLE.KEY=VALUE" help:"Override one setting of the file; may be repeated."`
}

func (f configFlags) load() (config.Loaded, error) {
	return config.Load(config.Request{File: f.File, Set: f.Set})
}

// facts are what doctor looks at on this computer, whatever a bridge tells.
func (f *configFlags) facts(version string) *doctor.Facts {
	loaded, faults := f.load()
	if faults != nil {
		loaded.Config = config.Default()
	}
	return daemon.DoctorFacts(loaded.Config, faults, ourUnit, version)
}

// origin says where a configuration comes from.
func origin(file string, set []string) string {
	from := "defaults"
	if file != "" {
		from = "read from " + file
	}
	if len(set) > 0 {
		from += " and --set " + strings.Join(set, " --set ")
	}
	return from
}

// untilEnded returns a context that ends with the first signal that asks for an end,
// as a hang-up may or may not. Later ones change nothing: the sink must be taken down.
func untilEnded(reloads bool) (ctx context.Context, stop context.CancelFunc) {
	signals := []os.Signal{unix.SIGINT, unix.SIGTERM}
	if !reloads && !signal.Ignored(unix.SIGHUP) { // as under nohup
		signals = append(signals, unix.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), signals...)
}

// unreachable adds the remedy to the error of asking the running bridge. Being
// interrupted is no error.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	switch {
	case errors.Is(err, status.ErrNotRunning):
		return fmt.Errorf("%w; start it with %s", err, ourUnit.StartCommand())
	case errors.Is(err, status.ErrHangs):
		return fmt.Errorf("%w; %s", err, ourUnit.RestartCommand())
	}
	return err
}
