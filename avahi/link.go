package avahi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
)

// Names of the D-Bus interface (avahi-daemon/org.freedesktop.Avahi.*.xml).
const (
	busName     = "org.freedesktop.Avahi"
	serverIface = busName + ".Server"
	browseIface = busName + ".ServiceBrowser"
	lookupIface = busName + ".ServiceResolver"
)

// The service that stands for a RAVENNA session.
const (
	serviceType = "_rtsp._tcp"
	subtype     = "_ravenna_session._sub._rtsp._tcp"
)

// Protocols (avahi-common/address.h): any, IPv4, IPv6.
const (
	protoUnspec int32 = -1
	protoINET   int32 = 0
	protoINET6  int32 = 1
)

const (
	// callTime bounds a call, and the making of a connection.
	callTime = 5 * time.Second
	// reconnectAfter is how often a bus that is away is looked for.
	reconnectAfter = 500 * time.Millisecond
	// activateEach is how often the bus is asked to start the daemon.
	activateEach = time.Minute
	// retryAfter is waited before something that failed is tried again.
	retryAfter = time.Second
)

// State says how far publishing, or browsing, has come.
type State string

// The states.
const (
	StateOff         State = "off"         // nothing is wanted
	StateNoBus       State = "no-bus"      // no system bus
	StateAbsent      State = "absent"      // no avahi-daemon on it
	StateForbidden   State = "forbidden"   // the daemon lets nobody publish
	StateRegistering State = "registering" // under way
	StateEstablished State = "established" // all services can be found
	StateCollision   State = "collision"   // a name belongs to somebody else
	StateFailed      State = "failed"      // tried again each second
	StateBrowsing    State = "browsing"
)

// Config is what a Publisher or a Browser needs to know.
type Config struct {
	// Connect opens a connection of its own; nil: to the system bus.
	Connect func(options ...dbus.ConnOption) (*dbus.Conn, error)
}

// life is one connection with a daemon on it.
type life struct {
	conn    *dbus.Conn
	signals <-chan *dbus.Signal
	late    atomic.Bool // an answer did not come in time
}

var (
	// errGone says that the daemon has ended.
	errGone = errors.New("avahi: the daemon has ended")
	// errBus says that the connection has ended.
	errBus = errors.New("avahi: system bus: the connection ended")
	// errLate says that a life was given up.
	errLate = fmt.Errorf("avahi: the daemon has not answered within %v", callTime)
)

// link keeps finding the daemon.
type link struct {
	cfg  Config
	log  zerolog.Logger
	tell func(State) // what there is no life for: no-bus or absent
	live func(ctx context.Context, l *life) error

	told error // the last reason that was logged
}

// run lives until ctx is done and returns nil.
func (k *link) run(ctx context.Context) error {
	if k.cfg.Connect == nil {
		k.cfg.Connect = dbus.ConnectSystemBus
	}
	for ctx.Err() == nil {
		if err := k.once(ctx); ctx.Err() == nil {
			if k.told == nil || err.Error() != k.told.Error() {
				k.log.Info().Err(err).Msg("Avahi is away, waiting for it")
			}
			k.told = err
			if !errors.Is(err, errGone) { // the bus tells of the next one
				wake.Pause(ctx, reconnectAfter)
			}
		}
	}
	return nil
}

// once goes through one life.
func (k *link) once(ctx context.Context) error {
	connected, stop := context.WithCancel(ctx) // so that its end ends every call
	defer stop()
	late := time.AfterFunc(callTime, stop) // a bus may take a connection and say nothing
	conn, err := k.cfg.Connect(dbus.WithContext(connected), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if !late.Stop() && err == nil {
		_ = conn.Close()
		err = context.DeadlineExceeded
	}
	if ctx.Err() != nil {
		if err == nil {
			_ = conn.Close()
		}
		return nil
	}
	if err != nil {
		k.tell(StateNoBus)
		return fmt.Errorf("avahi: system bus: %w", err)
	}
	signals := make(chan *dbus.Signal, 64)
	defer drain(signals)()
	defer func() { _ = conn.Close() }()
	conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, busName)},
		{dbus.WithMatchSender(busName), dbus.WithMatchInterface(serverIface), dbus.WithMatchMember("StateChanged")},
	} {
		call, stop := context.WithTimeout(ctx, callTime)
		err := conn.AddMatchSignalContext(call, match...)
		stop()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			k.tell(StateNoBus)
			return fmt.Errorf("avahi: system bus: %w", err)
		}
	}
	l := &life{conn: conn, signals: signals}
	if err := k.await(ctx, l); err != nil || ctx.Err() != nil {
		return err
	}
	if k.told != nil {
		k.told = nil
		k.log.Info().Msg("Avahi is back")
	}
	err = k.live(ctx, l)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, errLate):
		k.tell(StateFailed)
	case errors.Is(err, errBus):
		k.tell(StateNoBus)
	default:
		k.tell(StateAbsent)
	}
	return err
}

// drain lets a connection that is being closed deliver what it still has.
func drain(signals <-chan *dbus.Signal) func() {
	return func() {
		for {
			select {
			case _, open := <-signals:
				if !open {
					return
				}
			default:
				return
			}
		}
	}
}

// await returns when the daemon is on the bus.
func (k *link) await(ctx context.Context, l *life) error {
	activate := time.NewTimer(0)
	defer activate.Stop()
	for {
		var has bool
		if err := l.call(ctx, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", busName).Store(&has); err != nil {
			return fmt.Errorf("avahi: system bus: %w", err)
		}
		if has {
			return nil
		}
		k.tell(StateAbsent)
		if k.told == nil {
			k.told = errors.New("avahi: no avahi-daemon on the system bus")
			k.log.Info().Err(k.told).Msg("Avahi is away, waiting for it")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.conn.Context().Done():
			if ctx.Err() == nil {
				k.tell(StateNoBus)
			}
			return errBus
		case <-l.signals: // its owner has changed
		case <-activate.C:
			activate.Reset(activateEach)
			l.conn.BusObject().Call("org.freedesktop.DBus.StartServiceByName", dbus.FlagNoReplyExpected, busName, uint32(0))
		}
	}
}

// call calls a method within a bounded time, and gives the life up if that is
// not enough.
func (l *life) call(ctx context.Context, destination string, path dbus.ObjectPath, method string, arguments ...any) (done *dbus.Call) {
	_ = l.bounded(callTime, func() error {
		done = l.conn.Object(destination, path).CallWithContext(ctx, method, 0, arguments...)
		return done.Err
	})
	return done
}

// bounded gives a call, which may know no limit, some time: then the connection is
// closed, with which every call on it fails.
func (l *life) bounded(limit time.Duration, call func() error) error {
	late := time.AfterFunc(limit, func() {
		l.late.Store(true)
		_ = l.conn.Close()
	})
	defer late.Stop()
	return call()
}

// reason tells why a life is over, if the connection is.
func (l *life) reason(err error) error {
	switch {
	case l.late.Load():
		return errLate
	case l.conn.Context().Err() != nil:
		return errBus
	}
	return err
}

// server calls a method of the daemon itself.
func (l *life) server(ctx context.Context, method string, arguments ...any) *dbus.Call {
	return l.call(ctx, busName, "/", serverIface+"."+method, arguments...)
}

// free gives an object of the daemon back.
func (l *life) free(ctx context.Context, path dbus.ObjectPath, iface string) {
	_ = l.call(ctx, busName, path, iface+".Free").Err // if it fails it is gone already
}

// ended reports whether a signal says that the daemon has ended.
func ended(s *dbus.Signal) bool {
	if s.Name != "org.freedesktop.DBus.NameOwnerChanged" {
		return false
	}
	var name, before, after string
	return dbus.Store(s.Body, &name, &before, &after) == nil && name == busName && before != ""
}

// latest holds what is told to others.
type latest[T any] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{}
}

func newLatest[T any](first T) latest[T] {
	return latest[T]{value: first, changed: make(chan struct{}, 1)}
}

func (l *latest[T]) get() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value
}

// set reports whether the value is another one; same tells.
func (l *latest[T]) set(value T, same func(a, b T) bool) bool {
	l.mu.Lock()
	changed := !same(l.value, value)
	l.value = value
	l.mu.Unlock()
	if changed {
		wake.Signal(l.changed)
	}
	return changed
}
