// Package logind hears what systemd-logind knows (org.freedesktop.login1(5)): that
// this computer is about to sleep or to end (sleep.go), and who sits before it
// (ranks.go). Where there is no logind it waits for one and changes nothing.
package logind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
)

const (
	busName = "org.freedesktop.login1"
	path    = "/org/freedesktop/login1"
	manager = "org.freedesktop.login1.Manager"

	// callTime bounds each call, and connecting.
	callTime = 5 * time.Second
	// askAgain is how long a bus or a logind that is not there is left alone.
	askAgain = time.Minute
)

// Connect finds the system bus.
type Connect func(options ...dbus.ConnOption) (*dbus.Conn, error)

// errAway ends a life: logind has forgotten us.
var errAway = errors.New("logind: it was restarted")

// link keeps a connection to logind.
type link struct {
	connect Connect // nil: the system bus in its usual place
	log     zerolog.Logger
	match   [][]dbus.MatchOption
	// live goes through one connection. Its signals end with nil when the bus goes.
	live func(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error
	gone func() // whoever might tell us is gone
}

func (l *link) run(ctx context.Context) error {
	if l.connect == nil {
		l.connect = dbus.ConnectSystemBus
	}
	for ctx.Err() == nil {
		err := l.once(ctx)
		l.gone()
		if ctx.Err() == nil {
			l.log.Debug().Err(err).Msg("logind is away")
			if !errors.Is(err, errAway) {
				wake.Pause(ctx, askAgain)
			}
		}
	}
	return nil
}

func (l *link) once(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	late := time.AfterFunc(callTime, stop)
	conn, err := l.connect(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return fmt.Errorf("logind: system bus: %w", err)
	}
	defer func() { _ = conn.Close() }()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	restarted := []dbus.MatchOption{
		dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, busName),
	}
	for _, match := range append(l.match, restarted) {
		call, done := context.WithTimeout(ctx, callTime)
		err := conn.AddMatchSignalContext(call, match...)
		done()
		if err != nil {
			return fmt.Errorf("logind: %w", err)
		}
	}
	return l.live(ctx, conn, signals)
}

// call asks logind.
func call(ctx context.Context, conn *dbus.Conn, at dbus.ObjectPath, method string, arguments ...any) *dbus.Call {
	ctx, done := context.WithTimeout(ctx, callTime)
	defer done()
	return conn.Object(busName, at).CallWithContext(ctx, method, 0, arguments...)
}

// restarted reports whether a signal says that logind's life, or the bus's, has
// ended.
func restarted(signal *dbus.Signal) bool {
	return signal == nil || signal.Name == "org.freedesktop.DBus.NameOwnerChanged"
}
