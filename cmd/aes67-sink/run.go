package main

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/bundle"
	"aes67-sink/config"
	"aes67-sink/daemon"
)

type runCommand struct {
	configFlags
}

// Run runs the bridge until a signal ends it.
func (c *runCommand) Run(to streams) error {
	notRelaxed := daemon.Relax()
	loaded, err := c.load()
	if err != nil {
		return err
	}
	lines := bundle.NewLines(time.Now)
	log, err := newLogger(loaded.Config.Log.Level, to.stderr, lines)
	if err != nil {
		return err
	}
	reloads := !hasTerminal()
	ctx, stop := untilEnded(reloads)
	defer stop()
	hangUps := make(chan os.Signal, 1)
	if reloads && !signal.Ignored(unix.SIGHUP) {
		signal.Notify(hangUps, unix.SIGHUP)
		defer signal.Stop(hangUps)
	}
	defer dumpOnQuit(to.stderr)()
	// Whoever reads the log may end first; that must not end the sound.
	signal.Ignore(unix.SIGPIPE)
	if notRelaxed != nil {
		log.Debug().Err(notRelaxed).Msg("the runtime's threads sleep for longer or shorter than they should")
	}
	if loaded.File != "" {
		log.Info().Str("file", loaded.File).Msg("configuration read")
	}
	read := func() (config.Config, error) {
		loaded, err := c.load()
		return loaded.Config, err
	}
	return daemon.Run(ctx, loaded.Config, daemon.Source{Read: read, HangUps: hangUps}, version, lines, log)
}

// hasTerminal reports whether there is a terminal that can hang up; where there is
// none, as in a service, SIGHUP asks for the configuration to be read anew.
func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty") // tty(4): ENXIO without one
	return err == nil && terminal.Close() == nil
}
