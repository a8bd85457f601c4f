package avahi

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	goavahi "github.com/holoplot/go-avahi"
)

// traps are what keeps go-avahi 1.0.1 behind server.go and out of browser.go
// (docs/adr/0006-go-avahi-publishes.md). Each is shown in a process of its own,
// which says how it went or dies of it. A version without one of them fails here:
// then the wall may come down, and this row with it.
var traps = []struct {
	name, want, why string
	show            func(t *testing.T, b *bus, d *daemon, s *goavahi.Server) string
}{
	{"the loop spins without a connection", "it spins", "server.close need not hurry", spins},
	{"a browser that is freed panics", "closed channel", "browser.go may use go-avahi", panics},
	{"a consumer that calls is locked out", "it is locked out", "browser.go may use go-avahi", locks},
	{"Close waits for an undrained channel", "it waits", "drains are not needed", waits},
	{"a call has no time limit", "it waits", "life.bounded is not needed by server.go", unbounded},
}

func TestTrapsOfGoAvahi(t *testing.T) {
	if address := os.Getenv("AVAHI_TRAP_BUS"); address != "" {
		showTrap(t, address)
	}
	t.Parallel()
	for _, trap := range traps {
		t.Run(trap.name, func(t *testing.T) {
			t.Parallel()
			b := startBus(t)
			child := exec.Command(os.Args[0], "-test.run=^TestTrapsOfGoAvahi$", "-test.timeout=30s")
			child.Env = append(os.Environ(), "AVAHI_TRAP_BUS="+b.address, "AVAHI_TRAP="+trap.name)
			out, _ := child.CombinedOutput()
			if !strings.Contains(string(out), trap.want) {
				t.Errorf("no longer so (%s): want %q in\n%s", trap.why, trap.want, out)
			}
		})
	}
}

// showTrap is what the process does.
func showTrap(t *testing.T, address string) {
	b := &bus{t: t, address: address}
	d := b.newDaemon(serverRunning)
	conn, err := b.connect(dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := goavahi.ServerNew(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, trap := range traps {
		if trap.name == os.Getenv("AVAHI_TRAP") {
			fmt.Println(trap.show(t, b, d, s))
		}
	}
	os.Exit(0)
}

// within reports whether a call returns in time.
func within(length time.Duration, call func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	select {
	case <-done:
		return true
	case <-time.After(length):
		return false
	}
}

func spins(t *testing.T, b *bus, d *daemon, _ *goavahi.Server) string {
	conn, err := b.connect()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := goavahi.ServerNew(conn); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	before := spent(t)
	deadline := time.After(5 * time.Second)
	for {
		select {
		case <-deadline:
			return "it rests"
		case <-time.After(100 * time.Millisecond):
			if spent(t)-before > 250*time.Millisecond {
				return "it spins"
			}
		}
	}
}

func browse(t *testing.T, d *daemon, s *goavahi.Server) (*goavahi.ServiceBrowser, func()) {
	browser, err := s.ServiceBrowserNew(3, protoINET, subtype, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return browser, func() {
		d.tell("/Client0/ServiceBrowser1", browseIface+".ItemNew", int32(3), protoINET, "stage", serviceType, "local", uint32(0))
	}
}

func panics(t *testing.T, _ *bus, d *daemon, s *goavahi.Server) string {
	var item func()
	d.onFree = func() { // what is under way when a browser is freed
		for range 3 {
			item()
		}
		<-time.After(5 * time.Second)
	}
	browser, tell := browse(t, d, s)
	item = tell
	s.ServiceBrowserFree(browser)
	return "it lives"
}

func locks(t *testing.T, _ *bus, d *daemon, s *goavahi.Server) string {
	const items = 100
	browser, item := browse(t, d, s)
	for range items {
		item()
	}
	if within(3*time.Second, func() {
		for range items {
			found := <-browser.AddChannel
			_, _ = s.ServiceResolverNew(3, protoINET, found.Name, found.Type, found.Domain, protoINET, 0)
		}
	}) {
		return "it goes on"
	}
	return "it is locked out"
}

func waits(t *testing.T, _ *bus, d *daemon, s *goavahi.Server) string {
	g, err := s.EntryGroupNew()
	if err != nil {
		t.Fatal(err)
	}
	for range cap(g.StateChangeChannel) + 2 {
		d.tell("/Client0/EntryGroup1", groupInterface+".StateChanged", groupEstablished, "")
	}
	eventually(t, "the channel is full", func() bool { return len(g.StateChangeChannel) == cap(g.StateChangeChannel) })
	if _, err := s.GetState(); err != nil { // its answer comes after the signals
		t.Fatal(err)
	}
	if within(2*time.Second, s.Close) {
		return "it returns"
	}
	return "it waits"
}

func unbounded(_ *testing.T, _ *bus, d *daemon, s *goavahi.Server) string {
	d.mu.Lock() // the daemon does not answer
	if within(callTime+time.Second, func() { _, _ = s.GetState() }) {
		return "it returns"
	}
	return "it waits"
}
