// Package logind hears from systemd-logind that this computer is about to sleep
// or to end, and delays that until the sound has ended (org.freedesktop.login1(5),
// "Inhibitor Locks"). Where there is no logind it waits for one and changes
// nothing.
package logind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"aes67-sink/wake"
)

const (
	busName = "org.freedesktop.login1"
	path    = "/org/freedesktop/login1"
	manager = "org.freedesktop.login1.Manager"

	// callTime bounds each call, and connecting.
	callTime = 5 * time.Second
	// quietTime is for how long sleep is delayed at most: logind allows 5 s
	// (logind.conf(5), InhibitDelayMaxSec=), a fade and a farewell take a tenth of
	// a second.
	quietTime = time.Second
	// askAgain is how long a bus or a logind that is not there is left alone.
	askAgain = time.Minute
)

// Config says what is to be done. Both run on the goroutine of Run.
type Config struct {
	// Quiet ends what can be heard; it returns when that has ended, at the latest
	// with its context.
	Quiet func(ctx context.Context)
	// Awake undoes it.
	Awake func()
	// Connect finds the system bus; nil: in the usual place.
	Connect func(options ...dbus.ConnOption) (*dbus.Conn, error)
}

// Sleep delays sleep and shutdown.
type Sleep struct {
	cfg   Config
	log   zerolog.Logger
	quiet bool
}

// New makes one; Run does the work.
func New(cfg Config, log zerolog.Logger) *Sleep {
	if cfg.Connect == nil {
		cfg.Connect = dbus.ConnectSystemBus
	}
	return &Sleep{cfg: cfg, log: log}
}

// Run delays until ctx is done.
func (s *Sleep) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.life(ctx)
		s.wakeUp() // whoever might tell us is gone
		if ctx.Err() == nil {
			s.log.Debug().Err(err).Msg("logind is away: sleep is not noticed")
			wake.Pause(ctx, askAgain)
		}
	}
	return nil
}

// life goes through one connection.
func (s *Sleep) life(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	late := time.AfterFunc(callTime, stop)
	conn, err := s.cfg.Connect(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return fmt.Errorf("logind: system bus: %w", err)
	}
	defer func() { _ = conn.Close() }()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, busName)},
		{dbus.WithMatchSender(busName), dbus.WithMatchInterface(manager), dbus.WithMatchMember("PrepareForSleep")},
		{dbus.WithMatchSender(busName), dbus.WithMatchInterface(manager), dbus.WithMatchMember("PrepareForShutdown")},
	} {
		call, done := context.WithTimeout(ctx, callTime)
		err := conn.AddMatchSignalContext(call, match...)
		done()
		if err != nil {
			return fmt.Errorf("logind: %w", err)
		}
	}
	return s.serve(ctx, conn, signals)
}

// serve holds the inhibitor and acts on what logind says.
func (s *Sleep) serve(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	lock, err := inhibit(ctx, conn)
	defer func() { release(lock) }()
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-conn.Context().Done():
			return errors.New("logind: the bus ended the connection")
		case signal := <-signals:
			if signal == nil { // the library closes the channel with the connection
				return errors.New("logind: the bus ended the connection")
			}
			switch begins, known := prepares(signal); {
			case signal.Name == "org.freedesktop.DBus.NameOwnerChanged":
				return errors.New("logind: it was restarted") // and has forgotten us
			case known && begins:
				s.log.Info().Msg("the computer goes to sleep: the sound ends")
				s.quiet = true
				limited, done := context.WithTimeout(ctx, quietTime)
				s.cfg.Quiet(limited)
				done()
				release(lock)
				lock = nil
			case known:
				s.wakeUp()
				release(lock)
				if lock, err = inhibit(ctx, conn); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Sleep) wakeUp() {
	if s.quiet {
		s.quiet = false
		s.log.Info().Msg("the computer is awake")
		s.cfg.Awake()
	}
}

// prepares reads PrepareForSleep and PrepareForShutdown: true before, false after.
func prepares(signal *dbus.Signal) (begins, known bool) {
	if len(signal.Body) != 1 || signal.Name != manager+".PrepareForSleep" && signal.Name != manager+".PrepareForShutdown" {
		return false, false
	}
	begins, known = signal.Body[0].(bool)
	return begins, known
}

// inhibit takes the lock that delays.
func inhibit(ctx context.Context, conn *dbus.Conn) (*os.File, error) {
	call, done := context.WithTimeout(ctx, callTime)
	defer done()
	var fd dbus.UnixFD
	err := conn.Object(busName, path).CallWithContext(call, manager+".Inhibit", 0,
		"sleep:shutdown", "AES67 Speakers", "the sound is faded out first", "delay").Store(&fd)
	if err != nil {
		return nil, fmt.Errorf("logind: %w", err)
	}
	return os.NewFile(uintptr(fd), "inhibitor"), nil
}

func release(lock *os.File) {
	if lock != nil {
		_ = lock.Close()
	}
}
