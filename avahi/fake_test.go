package avahi

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	goavahi "github.com/holoplot/go-avahi"
	"go.uber.org/goleak"

	"aes67-sink/internal/lab/testbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bus is a private message bus.
type bus struct {
	*testbus.Bus // nil: of another process
	t            testing.TB
	address      string
}

func startBus(t testing.TB) *bus {
	t.Helper()
	b := testbus.Start(t)
	return &bus{b, t, b.Address()}
}

func (b *bus) start() { b.Again() }
func (b *bus) end()   { b.End() }

// hangs stops the bus, which then takes connections and says nothing, until
// goesOn.
func (b *bus) hangs()  { b.Signal(syscall.SIGSTOP) }
func (b *bus) goesOn() { b.Signal(syscall.SIGCONT) }

func (b *bus) connect(options ...dbus.ConnOption) (*dbus.Conn, error) {
	return dbus.Connect(b.address, options...)
}

const (
	groupInterface         = busName + ".EntryGroup"
	serverRunning    int32 = goavahi.ServerRunning
	groupEstablished int32 = goavahi.EntryGroupEstablished
	groupCollision   int32 = goavahi.EntryGroupCollision
)

// daemon is a fake avahi-daemon: it keeps a diary and answers as it is told.
type daemon struct {
	t    testing.TB
	conn *dbus.Conn

	mu     sync.Mutex
	next   int
	state  int32
	diary  []string
	groups map[dbus.ObjectPath]*fakeGroup
	refuse map[string]string          // the error of AddService and ServiceResolverNew, by name
	owners map[dbus.ObjectPath]string // the connection that made an object
	deaf   bool                       // it does not answer for this computer on any interface
	denied bool                       // the bus lets nobody call it
	onFree func()                     // instead of the freeing of a browser
}

type fakeGroup struct {
	d    *daemon
	path dbus.ObjectPath
	name string
	done bool // committed
}

// newDaemon starts one; like the real one it begins its object paths anew.
func (b *bus) newDaemon(state int32) *daemon {
	b.t.Helper()
	conn, err := b.connect()
	if err != nil {
		b.t.Fatal(err)
	}
	d := &daemon{t: b.t, conn: conn, state: state, groups: map[dbus.ObjectPath]*fakeGroup{}, refuse: map[string]string{}, owners: map[dbus.ObjectPath]string{}}
	if err := conn.Export(d, "/", serverIface); err != nil {
		b.t.Fatal(err)
	}
	if reply, err := conn.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatalf("name: %v %v", reply, err)
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged")); err != nil {
		b.t.Fatal(err)
	}
	go d.misses(signals)
	b.t.Cleanup(d.end)
	return d
}

// misses notes that a client's connection has ended, and what ends with it.
func (d *daemon) misses(signals <-chan *dbus.Signal) {
	for s := range signals {
		var name, before, after string
		if dbus.Store(s.Body, &name, &before, &after) != nil || after != "" {
			continue
		}
		d.mu.Lock()
		left, owned := 0, len(d.owners)
		maps.DeleteFunc(d.owners, func(path dbus.ObjectPath, owner string) bool {
			if owner == name && d.groups[path] != nil {
				delete(d.groups, path)
				left++
			}
			return owner == name
		})
		if len(d.owners) < owned {
			d.note("gone with %d groups", left)
		}
		d.mu.Unlock()
	}
}

// refuses lets AddService and ServiceResolverNew of a name fail; an empty reason ends that.
func (d *daemon) refuses(name, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse[name] = why
}

func (d *daemon) end() { _ = d.conn.Close() }

func (d *daemon) note(format string, args ...any) {
	d.diary = append(d.diary, fmt.Sprintf(format, args...))
}

func (d *daemon) GetState() (int32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied {
		return 0, dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"no"})
	}
	return d.state, nil
}

func (d *daemon) GetHostNameFqdn() (string, *dbus.Error) { return "lab.local", nil }

func (d *daemon) ResolveHostName(index, _ int32, name string, _ int32, _ uint32) (int32, int32, string, int32, string, uint32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deaf || name != "lab.local" {
		return 0, 0, "", 0, "", 0, dbus.NewError("org.freedesktop.Avahi.TimeoutError", []any{"Timeout reached"})
	}
	return index, protoINET, name, protoINET, "10.0.0.1", 0, nil
}

func (d *daemon) path(kind string, owner dbus.Sender) dbus.ObjectPath {
	d.next++
	path := dbus.ObjectPath(fmt.Sprintf("/Client0/%s%d", kind, d.next))
	d.owners[path] = string(owner)
	return path
}

func (d *daemon) EntryGroupNew(sender dbus.Sender) (dbus.ObjectPath, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied {
		return "", dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"no"})
	}
	g := &fakeGroup{d: d, path: d.path("EntryGroup", sender)}
	d.groups[g.path] = g
	_ = d.conn.Export(g, g.path, groupInterface)
	return g.path, nil
}

func (g *fakeGroup) AddService(index, protocol int32, _ uint32, name, kind, _, _ string, port uint16, text [][]byte) *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	if why := g.d.refuse[name]; why != "" {
		g.d.note("refuse %s", name)
		return dbus.NewError(why, []any{"no"})
	}
	g.name = name
	g.d.note("add %s %s:%d on %d/%d txt %d", name, kind, port, index, protocol, len(text))
	return nil
}

func (g *fakeGroup) AddServiceSubtype(_, _ int32, _ uint32, name, kind, _, sub string) *dbus.Error {
	if name != g.name || kind != serviceType || sub != subtype {
		return dbus.NewError("org.freedesktop.Avahi.InvalidArgumentError", nil)
	}
	return nil
}

func (g *fakeGroup) Commit() *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.d.note("commit %s", g.name)
	g.done = true
	return nil
}

func (g *fakeGroup) Free() *dbus.Error {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	if g.name != "" { // one that was refused is of no interest
		g.d.note("free %s", g.name)
	}
	delete(g.d.groups, g.path)
	return nil
}

func (d *daemon) ServiceBrowserNew(index, protocol int32, kind, _ string, _ uint32, sender dbus.Sender) (dbus.ObjectPath, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied {
		return "", dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"no"})
	}
	d.note("browse %s on %d/%d", kind, index, protocol)
	path := d.path("ServiceBrowser", sender)
	_ = d.conn.Export(freed{d, "browser"}, path, browseIface)
	return path, nil
}

func (d *daemon) ServiceResolverNew(_, _ int32, name, kind, _ string, _ int32, _ uint32, sender dbus.Sender) (dbus.ObjectPath, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if why := d.refuse[name]; why != "" {
		d.note("refuse %s", name)
		return "", dbus.NewError(why, []any{"no"})
	}
	d.note("resolve %s %s", name, kind)
	path := d.path("ServiceResolver", sender)
	_ = d.conn.Export(freed{d, "resolver of " + name}, path, lookupIface)
	return path, nil
}

type freed struct {
	d    *daemon
	what string
}

func (f freed) Free() *dbus.Error {
	if f.d.onFree != nil {
		f.d.onFree()
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.note("free %s", f.what)
	return nil
}

// tell sends a signal to the client that made an object, and to it alone, as
// avahi-daemon does.
func (d *daemon) tell(path dbus.ObjectPath, member string, body ...any) {
	d.t.Helper()
	d.mu.Lock()
	client, known := d.owners[path]
	for _, owner := range d.owners {
		if !known { // an object that nobody made: somebody is told
			client = owner
		}
	}
	d.mu.Unlock()
	at := strings.LastIndexByte(member, '.')
	message := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(path), dbus.FieldInterface: dbus.MakeVariant(member[:at]),
		dbus.FieldMember: dbus.MakeVariant(member[at+1:]), dbus.FieldDestination: dbus.MakeVariant(client),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}, Body: body}
	d.conn.Send(message, nil)
}

// group tells a state of the group of a service.
func (d *daemon) group(name string, state int32) {
	d.t.Helper()
	var path dbus.ObjectPath
	eventually(d.t, "there is a group of "+name, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, g := range d.groups {
			if g.name == name && g.done {
				path = g.path
			}
		}
		return path != ""
	})
	d.tell(path, groupInterface+".StateChanged", state, "")
}

// becomes changes the daemon's own state.
func (d *daemon) becomes(state int32) {
	d.mu.Lock()
	d.state = state
	d.mu.Unlock()
	_ = d.conn.Emit("/", serverIface+".StateChanged", state, "")
}

func (d *daemon) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.diary...)
}

// running runs a part until the test ends, or until it is told.
func running(t testing.TB, run func(context.Context) error) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	end = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(end)
	return end
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in 30 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
