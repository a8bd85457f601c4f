// Package testbus gives a test a message bus of its own.
package testbus

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Bus is a dbus-daemon that can be ended and started again at the same address.
type Bus struct {
	t    testing.TB
	path string
	cmd  *exec.Cmd
}

// Start starts one, which ends with the test; without dbus-daemon the test is skipped.
func Start(t testing.TB) *Bus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon: say 'scripts/install-packages.sh run'")
	}
	dir, err := os.MkdirTemp("", "bus") // a short path: sockets have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &Bus{t: t, path: filepath.Join(dir, "s")}
	b.Again()
	t.Cleanup(b.End)
	return b
}

// Address is where it is found.
func (b *Bus) Address() string { return "unix:path=" + b.path }

// Again starts it once more, after End.
func (b *Bus) Again() {
	b.t.Helper()
	_ = os.Remove(b.path)
	b.cmd = exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", "--address="+b.Address())
	out, err := b.cmd.StdoutPipe()
	if err == nil {
		err = b.cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n') // it is there
	}
	if err != nil {
		b.t.Fatalf("dbus-daemon: %v", err)
	}
}

// End ends it as a crash does.
func (b *Bus) End() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}

// Signal sends it a signal, such as SIGSTOP: then it takes connections and says nothing.
func (b *Bus) Signal(s os.Signal) { _ = b.cmd.Process.Signal(s) }
