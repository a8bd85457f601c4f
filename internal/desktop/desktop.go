// Package desktop shows notifications to the user (Desktop Notifications
// Specification 1.2).
package desktop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	busName = "org.freedesktop.Notifications"
	path    = "/org/freedesktop/Notifications"

	// callTime bounds connecting and all calls of one notification.
	callTime = 5 * time.Second
	// everlasting: a notification stays until it is read.
	everlasting int32 = 0
)

// ErrNone says that this user has no session bus: there is no desktop here.
var ErrNone = errors.New("desktop: there is no session bus")

// Desktop is the user's own. The zero value is found by the session bus.
type Desktop struct {
	Program string // that speaks
	Icon    string // its name in the desktop's theme
	Bus     string // address of the session bus; empty: the usual one
}

// Notification is a title and a text of some lines, both plain. It stays until it is
// read.
type Notification struct {
	Title, Text string
	Replaces    uint32 // the number of an older one, if it is still there; 0: none
}

// Show shows n and returns by which number it can be taken back.
func (d Desktop) Show(ctx context.Context, n Notification) (number uint32, err error) {
	err = d.ask(ctx, func(ctx context.Context, server dbus.BusObject) error {
		var can []string
		if err := server.CallWithContext(ctx, busName+".GetCapabilities", 0).Store(&can); err != nil {
			return err
		}
		text := n.Text
		if slices.Contains(can, "body-markup") {
			// GNOME's server knows no entity of a quote that has a number; a quote needs none.
			text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
		}
		return server.CallWithContext(ctx, busName+".Notify", 0, d.Program, n.Replaces, d.Icon, n.Title, text,
			[]string{}, map[string]dbus.Variant{}, everlasting).Store(&number)
	})
	return number, err
}

// TakeBack closes a notification, if it is still there.
func (d Desktop) TakeBack(ctx context.Context, number uint32) error {
	return d.ask(ctx, func(ctx context.Context, server dbus.BusObject) error {
		return server.CallWithContext(ctx, busName+".CloseNotification", 0, number).Err
	})
}

// ask connects for as long as one question takes: there are few.
func (d Desktop) ask(ctx context.Context, question func(context.Context, dbus.BusObject) error) error {
	bus := d.Bus
	if bus == "" {
		bus = SessionBus()
	}
	if bus == "" {
		return ErrNone
	}
	ctx, stop := context.WithTimeout(ctx, callTime)
	defer stop()
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("desktop: session bus: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := question(ctx, conn.Object(busName, path)); err != nil {
		return fmt.Errorf("desktop: notification: %w", err)
	}
	return nil
}

// SessionBus finds the user's bus as sd_bus_open_user(3) does, and starts none; empty:
// there is none.
func SessionBus() string {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address
	}
	socket := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	if info, err := os.Stat(socket); err != nil || info.Mode().Type() != os.ModeSocket || !filepath.IsAbs(socket) {
		return ""
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(socket)
}
