package logind

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"aes67-sink/internal/lab/testbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// bus is a private message bus.
type bus struct {
	t       *testing.T
	address string
}

func newBus(t *testing.T) bus {
	t.Helper()
	return bus{t, testbus.Start(t).Address()}
}

func (b bus) connect(options ...dbus.ConnOption) (*dbus.Conn, error) {
	return dbus.Connect(b.address, options...)
}

// manager1 is a logind that knows inhibitors alone.
type manager1 struct {
	t    *testing.T
	conn *dbus.Conn
	held chan *grant // the locks that it gave

	denies atomic.Bool // whoever has no session
	asked  chan struct{}
}

// grant is the other end of a lock.
type grant struct {
	*os.File
	arrived func() // once who asked has the lock: it alone keeps the pipe open from then on
}

func (b bus) logind() *manager1 {
	b.t.Helper()
	conn, err := b.connect()
	if err != nil {
		b.t.Fatal(err)
	}
	m := &manager1{t: b.t, conn: conn, held: make(chan *grant, 8), asked: make(chan struct{}, 8)}
	if err := conn.Export(m, path, manager); err != nil {
		b.t.Fatal(err)
	}
	if reply, err := conn.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatal(reply, err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return m
}

// Inhibit gives a lock, as logind does.
func (m *manager1) Inhibit(what, _, _, mode string) (dbus.UnixFD, *dbus.Error) {
	if m.denies.Load() {
		m.asked <- struct{}{}
		return 0, dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Permission denied"})
	}
	var ends [2]int
	err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil || what != "sleep:shutdown" || mode != "delay" {
		return 0, dbus.MakeFailedError(errors.Join(err, errors.New(what+" "+mode)))
	}
	m.held <- &grant{os.NewFile(uintptr(ends[0]), "lock"), sync.OnceFunc(func() { _ = unix.Close(ends[1]) })}
	return dbus.UnixFD(ends[1]), nil
}

func (m *manager1) lock() *grant {
	m.t.Helper()
	select {
	case held := <-m.held:
		m.t.Cleanup(func() { held.arrived(); _ = held.Close() })
		return held
	case <-time.After(patience):
		m.t.Fatal("nobody asks for a lock")
		return nil
	}
}

func (m *manager1) says(member string, begins bool) {
	m.t.Helper()
	if err := m.conn.Emit(path, manager+"."+member, begins); err != nil {
		m.t.Fatal(err)
	}
}

// chatters tells something again and again until the test ends, far more often than
// settleTime.
func (m *manager1) chatters(member string, body ...any) {
	m.t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(settleTime / 10):
				_ = m.conn.Emit(path, manager+"."+member, body...)
			}
		}
	}()
	m.t.Cleanup(func() { close(stop); <-ended })
}

// allowed is what logind waits for (logind.conf(5), InhibitDelayMaxSec).
const allowed = 5 * time.Second

// released waits until a lock that has arrived is given back.
func released(t *testing.T, lock *grant) {
	t.Helper()
	lock.arrived()
	if err := lock.SetReadDeadline(time.Now().Add(allowed)); err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the lock is not given back within %v", allowed)
	}
}

// watched runs a Sleep whose life is noted.
func watched(t *testing.T, connect func(...dbus.ConnOption) (*dbus.Conn, error), quiet func(context.Context)) (notes chan string) {
	t.Helper()
	notes = make(chan string, 16)
	s := NewSleep(SleepConfig{
		Connect: connect, Awake: func() { notes <- "awake" },
		Quiet: func(ctx context.Context) { notes <- "quiet"; quiet(ctx) },
	}, zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
	return notes
}

func next(t *testing.T, notes <-chan string, want string) {
	t.Helper()
	select {
	case got := <-notes:
		if got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("waiting for %s", want)
	}
}

func TestSleepIsDelayedUntilItIsQuiet(t *testing.T) {
	b := newBus(t)
	l := b.logind()
	silent := make(chan struct{})
	notes := watched(t, b.connect, func(context.Context) { <-silent })
	for range 2 { // one night after the other
		lock := l.lock()
		l.says("PrepareForSleep", true)
		next(t, notes, "quiet") // so the answer has come that the lock was in
		lock.arrived()
		if err := lock.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the lock is given back while something sounds: %v", err)
		}
		silent <- struct{}{}
		released(t, lock)
		l.says("PrepareForSleep", false)
		next(t, notes, "awake")
	}
	l.lock() // for the next night
}

func TestWhatDoesNotGetQuietDoesNotKeepTheComputerAwake(t *testing.T) {
	b := newBus(t)
	l := b.logind()
	limits := make(chan time.Duration, 1)
	notes := watched(t, b.connect, func(ctx context.Context) {
		limit := time.Hour
		if deadline, limited := ctx.Deadline(); limited {
			limit = time.Until(deadline)
		}
		limits <- limit
		<-ctx.Done()
	})
	lock := l.lock()
	l.says("PrepareForShutdown", true)
	next(t, notes, "quiet")
	released(t, lock)
	if limit := <-limits; limit > quietTime {
		t.Errorf("the sound may take %v to end, want %v", limit, quietTime)
	}
}

func TestALogindThatGoesWhileAsleepLeavesNobodyQuiet(t *testing.T) {
	b := newBus(t)
	l := b.logind()
	notes := watched(t, b.connect, func(context.Context) {})
	l.lock()
	l.says("PrepareForSleep", true)
	next(t, notes, "quiet")
	_ = l.conn.Close()
	next(t, notes, "awake")
}

func TestABusThatHangsIsLeft(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	s := NewSleep(SleepConfig{Connect: bus{t, "unix:path=" + listener.Addr().String()}.connect}, zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	conn, err := listener.Accept() // and nothing is said
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(callTime):
		t.Error("it waits for the bus after its end")
	}
}

func TestOnlyWhatIsMeantIsHeard(t *testing.T) {
	for name, signal := range map[string]*dbus.Signal{
		"another member": {Name: manager + ".SessionNew", Body: []any{true}},
		"no body":        {Name: manager + ".PrepareForSleep"},
		"another type":   {Name: manager + ".PrepareForSleep", Body: []any{"true"}},
		"too much":       {Name: manager + ".PrepareForSleep", Body: []any{true, false}},
	} {
		if _, known := prepares(signal); known {
			t.Errorf("%s is heard", name)
		}
	}
}

func TestSessionsThatComeAllTheTimeDoNotPutTheInhibitorOff(t *testing.T) {
	b := newBus(t)
	m := b.logind()
	m.denies.Store(true)
	watched(t, b.connect, func(context.Context) {})
	<-m.asked
	m.denies.Store(false)
	m.chatters("SessionNew", "2", dbus.ObjectPath(path+"/session/_32"))
	m.lock() // long before a minute has passed
}

func TestSleepIsHeardWithoutAnInhibitor(t *testing.T) {
	b := newBus(t)
	m := b.logind()
	m.denies.Store(true)
	notes := watched(t, b.connect, func(context.Context) {})
	<-m.asked
	m.says("PrepareForSleep", true)
	next(t, notes, "quiet")
	m.says("PrepareForSleep", false)
	next(t, notes, "awake")
	<-m.asked // a session may be there now
	m.denies.Store(false)
	if err := m.conn.Emit(path, manager+".SessionNew", "2", dbus.ObjectPath(path+"/session/_32")); err != nil {
		t.Fatal(err)
	}
	lock := m.lock() // long before a minute has passed
	m.says("PrepareForSleep", true)
	next(t, notes, "quiet")
	released(t, lock)
}
