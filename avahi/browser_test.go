package avahi

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

func TestBrowserFindsAndForgets(t *testing.T) {
	bus := startBus(t)
	d := bus.newDaemon(serverRunning)
	b := NewBrowser(Config{Connect: bus.connect}, zerolog.Nop())
	running(t, b.Run)
	b.Browse([]int{3})
	d.expect(t, "browse "+subtype+" on 3/0")
	browser := dbus.ObjectPath("/Client0/ServiceBrowser1")

	item := func(member, name string, flags uint32) {
		d.tell(browser, browseIface+"."+member, int32(3), int32(0), name, serviceType, "local", flags)
	}
	item("ItemNew", "Stage 1", 0)
	item("ItemNew", "ours", flagOwn)
	item("ItemNew", "Stage 1", 0) // again
	d.expect(t, "resolve Stage 1 _rtsp._tcp", "resolve ours _rtsp._tcp")
	if len(b.Found()) != 0 {
		t.Error("found before it is known where")
	}
	resolved := func(path dbus.ObjectPath, name, address string, port uint16) {
		d.tell(path, lookupIface+".Found", int32(3), int32(0), name, serviceType, "local", "stage.local", int32(0), address, port, [][]byte{}, uint32(0))
	}
	resolved("/Client0/ServiceResolver2", "Stage 1", "10.0.0.2", 554)
	resolved("/Client0/ServiceResolver3", "ours", "10.0.0.1", 8554)
	resolved("/Client0/ServiceResolver9", "Stage 1", "10.0.0.9", 1) // not asked for
	want := []Found{
		{Name: "Stage 1", Index: 3, Host: "stage.local", Address: netip.MustParseAddr("10.0.0.2"), Port: 554},
		{Name: "ours", Index: 3, Host: "stage.local", Address: netip.MustParseAddr("10.0.0.1"), Port: 8554, Local: true},
	}
	eventually(t, "both are found", func() bool { return slices.Equal(b.Found(), want) })

	resolved("/Client0/ServiceResolver2", "Stage 1", "fe80::1", 555)  // IPv4 alone counts
	resolved("/Client0/ServiceResolver2", "Stage 1", "10.0.0.3", 555) // moved
	eventually(t, "a move is followed", func() bool { f := b.Found(); return len(f) == 2 && f[0].Port == 555 })
	item("ItemRemove", "Stage 1", 0)
	eventually(t, "what is gone is forgotten", func() bool { return slices.Equal(b.Found(), want[1:]) })
	d.expect(t, "free resolver of Stage 1")

	b.Browse(nil)
	eventually(t, "nothing is left", func() bool { return len(b.Found()) == 0 && b.Snapshot().State == StateOff })
	d.expect(t, "free browser", "free resolver of ours")

	b.Browse([]int{4})
	d.expect(t, "browse "+subtype+" on 4/0")
	d.end()
	eventually(t, "the daemon is missed", func() bool { s := b.Snapshot(); return s.State == StateAbsent && s.Problem != "" })
	again := bus.newDaemon(serverRunning)
	again.expect(t, "browse "+subtype+" on 4/0")
	eventually(t, "it goes on", func() bool { s := b.Snapshot(); return s.State == StateBrowsing && s.Problem == "" })
}

// TestWhatIsRefusedOnceIsResolvedLater: as when the daemon has no room for one more object
// at that moment. What goes away meanwhile is forgotten.
func TestWhatIsRefusedOnceIsResolvedLater(t *testing.T) {
	bus := startBus(t)
	d := bus.newDaemon(serverRunning)
	d.refuses("Stage 1", "org.freedesktop.Avahi.TooManyObjectsError")
	d.refuses("Stage 2", "org.freedesktop.Avahi.TooManyObjectsError")
	b := NewBrowser(Config{Connect: bus.connect}, zerolog.Nop())
	running(t, b.Run)
	b.Browse([]int{3})
	d.expect(t, "browse "+subtype+" on 3/0")
	item := func(member, name string) {
		d.tell("/Client0/ServiceBrowser1", browseIface+"."+member, int32(3), int32(0), name, serviceType, "local", uint32(0))
	}
	item("ItemNew", "Stage 2")
	eventually(t, "one is refused", func() bool { return slices.Contains(d.lines(), "refuse Stage 2") })
	item("ItemRemove", "Stage 2")
	item("ItemNew", "Stage 1")
	eventually(t, "the other is refused", func() bool { return slices.Contains(d.lines(), "refuse Stage 1") })
	d.refuses("Stage 1", "")
	eventually(t, "it is asked again where it is", func() bool { return slices.Contains(d.lines(), "resolve Stage 1 _rtsp._tcp") })
	d.tell("/Client0/ServiceResolver2", lookupIface+".Found", int32(3), int32(0), "Stage 1", serviceType, "local", "stage.local", int32(0), "10.0.0.2", uint16(554), [][]byte{}, uint32(0))
	eventually(t, "it is found", func() bool { return len(b.Found()) == 1 })
	if lines := d.lines(); slices.Contains(lines, "free resolver of Stage 2") || slices.Contains(lines, "resolve Stage 2 _rtsp._tcp") {
		t.Errorf("the diary is %q", lines)
	}
}

func TestSpeakersAreFoundByLinkLocalAddress(t *testing.T) {
	bus := startBus(t)
	d := bus.newDaemon(serverRunning)
	b := NewSpeakerBrowser(Config{Connect: bus.connect}, zerolog.Nop())
	running(t, b.Run)
	b.Browse([]int{3})
	d.expect(t, "browse _ssc._tcp on 3/-1")
	for _, protocol := range []int32{0, 1} {
		d.tell("/Client0/ServiceBrowser1", browseIface+".ItemNew", int32(3), protocol, "Left", "_ssc._tcp", "local", uint32(0))
	}
	d.expect(t, "resolve Left _ssc._tcp", "resolve Left _ssc._tcp")
	resolved := func(resolver string, protocol int32, address string) {
		d.tell(dbus.ObjectPath("/Client0/ServiceResolver"+resolver), lookupIface+".Found", int32(3), protocol, "Left", "_ssc._tcp", "local", "left.local", int32(1), address, uint16(45), [][]byte{}, uint32(0))
	}
	resolved("2", 0, "10.0.0.2") // IPv6 alone counts
	resolved("2", 0, "2001:db8::2")
	resolved("2", 0, "fe80::2")
	resolved("2", 0, "2001:db8::2") // less lasting
	resolved("3", 1, "fe80::2")
	want := []Found{{Name: "Left", Index: 3, Host: "left.local", Address: netip.MustParseAddr("fe80::2%3"), Port: 45}}
	eventually(t, "one is found at its link-local address", func() bool { return slices.Equal(b.Found(), want) })
	d.end()
	eventually(t, "the loss is named", func() bool {
		return b.Snapshot().Problem == "speakers are not found by mDNS: Avahi does not run; install or start avahi-daemon"
	})
}
