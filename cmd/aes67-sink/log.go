package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/journald"
	"golang.org/x/sys/unix"
)

// Forms of the time of an entry, in milliseconds: with the date for machines,
// without for people.
const (
	logTime        = "2006-01-02T15:04:05.000Z07:00"
	logTimeConsole = "15:04:05.000"
)

// newLogger writes readable lines to a terminal, entries to the journal where
// stderr is connected to it, and JSON anywhere else. Each entry goes to copies as well.
func newLogger(level string, stderr *os.File, copies ...io.Writer) (zerolog.Logger, error) {
	least, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log.level %q: %w", level, err)
	}
	zerolog.SetGlobalLevel(least) // of all, since it can be changed while the program runs
	zerolog.TimeFieldFormat = logTime
	var w io.Writer = stderr
	switch {
	case isJournal(stderr, os.Getenv("JOURNAL_STREAM")):
		w = zerolog.MultiLevelWriter(append([]io.Writer{journald.NewJournalDWriter()}, copies...)...)
		return zerolog.New(w), nil // the journal knows the time
	case isTerminal(stderr):
		w = zerolog.SyncWriter(zerolog.ConsoleWriter{Out: stderr, TimeFormat: logTimeConsole, NoColor: os.Getenv("NO_COLOR") != ""})
	}
	return zerolog.New(zerolog.MultiLevelWriter(append([]io.Writer{w}, copies...)...)).With().Timestamp().Logger(), nil
}

// isJournal reports whether file is the journal's stream, which systemd names
// as "device:inode" (systemd.exec(5), JOURNAL_STREAM): the variable alone may
// have been inherited by a program whose output goes elsewhere.
func isJournal(file *os.File, stream string) bool {
	var stat unix.Stat_t
	if stream == "" || unix.Fstat(int(file.Fd()), &stat) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

func isTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// width is the columns of a terminal as it is now, 0 of what is none.
func width(file *os.File) int {
	if file == nil {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// maxStack bounds what a stack dump may take, in bytes.
const maxStack = 8 << 20

// dumpOnQuit writes the stacks of all goroutines at each SIGQUIT and goes on:
// the Go runtime keeps them back in a program with file capabilities. stop ends
// it.
func dumpOnQuit(w io.Writer) (stop func()) {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, unix.SIGQUIT)
	ended := make(chan struct{})
	var dumper sync.WaitGroup
	dumper.Go(func() {
		for {
			select {
			case <-ended:
				return
			case <-quit:
				_, _ = w.Write(stacks())
			}
		}
	})
	return func() {
		signal.Stop(quit)
		close(ended)
		dumper.Wait()
	}
}

func stacks() []byte {
	for size := 64 << 10; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, true); n < size || size >= maxStack {
			return text[:n]
		}
	}
}
