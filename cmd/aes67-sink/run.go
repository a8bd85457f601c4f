package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"aes67-sink/config"
	"aes67-sink/rtthread"
)

// configFlags are the flags of every command that reads the configuration.
type configFlags struct {
	File string   `name:"config" placeholder:"FILE" help:"Read this file instead of the usual ones."`
	Set  []string `sep:"none" placeholder:"TABLE.KEY=VALUE" help:"Override one setting of the file; may be repeated."`
}

func (f configFlags) load() (config.Loaded, error) {
	return config.Load(config.Request{File: f.File, Set: f.Set})
}

type runCommand struct {
	configFlags
}

// Run runs the bridge until a signal ends it.
func (c *runCommand) Run(to streams) error {
	// Before the files are read, which may be pipes, and the ports opened.
	notRelaxed := rtthread.Relax(runtimeSlack)
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
	return runBridge(ctx, loaded.Config, log)
}

// untilEnded returns a context that ends with the first signal that asks for an
// end. Later ones change nothing: the sink must be taken down in any case.
func untilEnded() (ctx context.Context, stop context.CancelFunc) {
	signals := []os.Signal{unix.SIGINT, unix.SIGTERM}
	if !signal.Ignored(unix.SIGHUP) { // as under nohup
		signals = append(signals, unix.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), signals...)
}
