package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"
)

// presence asks the system bus for a service (D-Bus Specification, "Message Bus
// Messages").
func presence(ctx context.Context, name string) (Presence, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return Absent, fmt.Errorf("system bus: %w", err)
	}
	defer func() { _ = conn.Close() }()
	for _, list := range []struct {
		method string
		means  Presence
	}{{"ListNames", Running}, {"ListActivatableNames", Startable}} {
		var names []string
		if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+list.method, 0).Store(&names); err != nil {
			return Absent, fmt.Errorf("system bus: %w", err)
		}
		if slices.Contains(names, name) {
			return list.means, nil
		}
	}
	return Absent, nil
}
