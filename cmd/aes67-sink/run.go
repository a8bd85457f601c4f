package main

import (
	"os/signal"

	"golang.org/x/sys/unix"

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
	log, err := newLogger(loaded.Config.Log.Level, to.stderr)
	if err != nil {
		return err
	}
	ctx, stop := untilEnded()
	defer stop()
	defer dumpOnQuit(to.stderr)()
	// Whoever reads the log may end first; that must not end the sound.
	signal.Ignore(unix.SIGPIPE)
	if notRelaxed != nil {
		log.Debug().Err(notRelaxed).Msg("the runtime wakes up more often than it need")
	}
	if loaded.File != "" {
		log.Info().Str("file", loaded.File).Msg("configuration read")
	}
	return daemon.Run(ctx, loaded.Config, version, log)
}
