package rtthread

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"aes67-sink/internal/lab/testbus"
)

// fakeKit is a RealtimeKit that gives nothing but notes what it is asked for.
type fakeKit struct {
	asked  chan [2]int64 // thread, priority
	refuse atomic.Bool
}

func (f *fakeKit) MakeThreadRealtime(tid uint64, priority uint32) *dbus.Error {
	if f.refuse.Load() {
		return dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"not allowed"})
	}
	f.asked <- [2]int64{int64(tid), int64(priority)}
	return nil
}

// Get is that of org.freedesktop.DBus.Properties.
func (f *fakeKit) Get(_, name string) (dbus.Variant, *dbus.Error) {
	switch name {
	case "RTTimeUSecMax":
		return dbus.MakeVariant(int64(200_000)), nil
	case "MaxRealtimePriority":
		return dbus.MakeVariant(int32(20)), nil
	}
	return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
}

// startKit puts a fake on a private bus that counts as the system's.
func startKit(t *testing.T) *fakeKit {
	t.Helper()
	address := testbus.Start(t).Address()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f := &fakeKit{asked: make(chan [2]int64, 100)}
	for _, iface := range []string{kitName, "org.freedesktop.DBus.Properties"} {
		if err := conn.Export(f, kitPath, iface); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName(kitName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	return f
}

func TestKitIsAskedWithinItsBounds(t *testing.T) {
	f := startKit(t)
	k, err := openKit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &limit); err != nil || limit.Max > 200_000 || limit.Cur >= limit.Max {
		t.Errorf("RLIMIT_RTTIME %+v, %v: want at most 200 ms, and a warning before", limit, err)
	}
	for asked, want := range map[int]int{10: 10, 20: 20, 99: 20} {
		if granted, err := k.realtime(1234, asked); err != nil || granted != want {
			t.Errorf("asked for %d: %d, %v; want %d", asked, granted, err, want)
		}
		if got := <-f.asked; got != [2]int64{1234, int64(want)} {
			t.Errorf("RealtimeKit was asked for %v, want thread 1234 and %d", got, want)
		}
	}
	f.refuse.Store(true)
	if _, err := k.realtime(1234, 10); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("refused: %v", err)
	}
}

func TestWithoutKitOneIsTold(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	if _, err := openKit(t.Context()); err == nil || !strings.Contains(err.Error(), "RealtimeKit: system bus") {
		t.Errorf("got %v", err)
	}
}
