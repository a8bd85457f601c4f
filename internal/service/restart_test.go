package service

import (
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"aes67-sink/internal/lab/testbus"
)

// systemd is a user's service manager with one unit.
type systemd struct {
	mu         sync.Mutex
	properties map[string]dbus.Variant
}

func (s *systemd) set(property string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.properties[property] = dbus.MakeVariant(value)
}

func (s *systemd) GetUnitByPID(pid uint32) (dbus.ObjectPath, *dbus.Error) {
	if pid != 7 {
		return "/", dbus.NewError(managerName+".NoUnitForPID", nil)
	}
	return managerPath + "/unit/u", nil
}

func (s *systemd) Get(_, property string) (dbus.Variant, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.properties[property], nil
}

func TestTheJobOfAUnitIsKnown(t *testing.T) {
	bus := testbus.Start(t)
	conn, err := dbus.Connect(bus.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	type reference struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	s := &systemd{properties: map[string]dbus.Variant{}}
	s.set("Job", reference{12, managerPath + "/job/12"})
	s.set("JobType", "restart")
	for path, iface := range map[dbus.ObjectPath]string{
		managerPath: managerName + ".Manager", managerPath + "/unit/u": "org.freedesktop.DBus.Properties", managerPath + "/job/12": "org.freedesktop.DBus.Properties",
	} {
		if err := conn.Export(s, path, iface); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := jobOf(t.Context(), bus.Address(), 7); err == nil {
		t.Error("no service manager is there, and it answered")
	}
	if _, err := conn.RequestName(managerName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	look := func(what string, pid int, want string, good bool) {
		t.Helper()
		if kind, err := jobOf(t.Context(), bus.Address(), pid); kind != want || (err == nil) != good {
			t.Errorf("%s: %q, %v; want %q", what, kind, err, want)
		}
	}
	look("a restart", 7, "restart", true)
	look("of no unit", 8, "", false)
	s.set("JobType", "stop")
	look("an end", 7, "stop", true)
	s.set("Job", reference{0, "/"})
	look("nothing under way", 7, "", true)
	if _, err := jobOf(t.Context(), "", 7); err == nil {
		t.Error("without a bus it is known")
	}
}
