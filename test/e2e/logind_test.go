package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// logind stands in for systemd-logind on a private system bus: it gives locks and
// says that the computer goes to sleep.
type logind struct {
	t    testing.TB
	conn *dbus.Conn
	held chan *os.File // the other ends of the locks it gave

	mu     sync.Mutex
	seated int // the user before the screen
	users  []int
}

const (
	logindPath    = "/org/freedesktop/login1"
	logindManager = "org.freedesktop.login1.Manager"
)

func startLogind(t testing.TB, a *avahiAt) *logind {
	t.Helper()
	conn, err := dbus.Connect("unix:path=" + a.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &logind{t: t, conn: conn, held: make(chan *os.File, 8)}
	if err := conn.Export(l, logindPath, logindManager); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return l
}

// Inhibit gives a lock, as logind does.
func (l *logind) Inhibit(_, _, _, _ string) (dbus.UnixFD, *dbus.Error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.held <- os.NewFile(uintptr(ends[0]), "lock")
	// Ours is closed once the answer is sent: only the lock keeps the pipe open.
	time.AfterFunc(100*time.Millisecond, func() { _ = unix.Close(ends[1]) })
	return dbus.UnixFD(ends[1]), nil
}

// lock waits until somebody holds one.
func (l *logind) lock() *os.File {
	l.t.Helper()
	select {
	case held := <-l.held:
		l.t.Cleanup(func() { _ = held.Close() })
		return held
	case <-time.After(20 * time.Second):
		l.t.Fatal("nobody asks logind for a lock")
		return nil
	}
}

func (l *logind) prepareForSleep(begins bool) {
	l.t.Helper()
	if err := l.conn.Emit(logindPath, logindManager+".PrepareForSleep", begins); err != nil {
		l.t.Fatal(err)
	}
}

// session is a row of ListSessions.
type session struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

// logsIn gives a user a session at the seat, which is not active yet.
func (l *logind) logsIn(user int) {
	l.t.Helper()
	at := sessionPath(user)
	if err := l.conn.Export(userSession{l, user}, at, "org.freedesktop.DBus.Properties"); err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.users = append(l.users, user)
	l.mu.Unlock()
	if err := l.conn.Emit(logindPath, logindManager+".SessionNew", fmt.Sprint(user), at); err != nil {
		l.t.Fatal(err)
	}
}

// switchTo brings a user's session before the screen.
func (l *logind) switchTo(user int) {
	l.t.Helper()
	l.mu.Lock()
	l.seated = user
	l.mu.Unlock()
	err := l.conn.Emit(sessionPath(user), "org.freedesktop.DBus.Properties.PropertiesChanged",
		"org.freedesktop.login1.Session", map[string]dbus.Variant{"Active": dbus.MakeVariant(true)}, []string{})
	if err != nil {
		l.t.Fatal(err)
	}
}

func sessionPath(user int) dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("%s/session/_%d", logindPath, user))
}

// ListSessions lists them, as logind does.
func (l *logind) ListSessions() ([]session, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := []session{}
	for _, user := range l.users {
		all = append(all, session{fmt.Sprint(user), uint32(user), fmt.Sprint(user), "seat0", sessionPath(user)})
	}
	return all, nil
}

type userSession struct {
	logind *logind
	user   int
}

// GetAll gives what is asked of a session.
func (s userSession) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	s.logind.mu.Lock()
	defer s.logind.mu.Unlock()
	return map[string]dbus.Variant{
		"Active": dbus.MakeVariant(s.logind.seated == s.user), "Class": dbus.MakeVariant("user"), "State": dbus.MakeVariant("online"),
	}, nil
}
