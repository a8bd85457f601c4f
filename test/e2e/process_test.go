package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/rtthread"
)

// process is a program that runs beside the test, in a process group of its
// own; it is ended with the test.
type process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	output lockedBuffer
	done   chan struct{} // closed when it has ended; then err is set
	err    error

	mu   sync.Mutex
	gone bool // its number may be another's
}

// outputWithin is how long what an ended program printed is waited for: a grandchild may
// keep that open.
const outputWithin = 5 * time.Second

// start runs a program beside the test. What it printed is shown if the test fails.
func start(t testing.TB, name string, env []string, command ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = outputWithin
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		// As long as nobody has waited for it, its number is nobody else's.
		waited := unix.EINTR
		for waited == unix.EINTR {
			waited, _ = unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil).(unix.Errno)
		}
		p.mu.Lock()
		p.gone = true
		if waited == 0 {
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) // what it leaves behind in its group
		}
		p.mu.Unlock()
		ended := rtthread.Now()
		p.err = p.cmd.Wait()
		if rtthread.Now().Sub(ended) >= outputWithin {
			fmt.Fprintln(&p.output, "(the rest was not waited for)")
		}
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s: %s", name, tail(p.output.String(), 40))
		}
	})
	return p
}

// onTheWay says that sound goes through the program: what it waits for a processor
// may explain what is wrong with the sound.
func (p *process) onTheWay() *process {
	watch.observe(p.t, p.cmd.Process.Pid)
	return p
}

// signal is for the whole group, as Ctrl-C in a terminal is, and for nobody when the
// program has ended: its number may be another's by then.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// ended reports whether the program has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits for the program's own end and returns how it ended.
func (p *process) wait(within time.Duration) error {
	p.t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(within):
		missed(p.t, within, "%s: still runs after %v", p.name, within)
		return nil
	}
}

// stop asks the program to end, and ends it if it does not.
func (p *process) stop() {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p.signal(s)
		select {
		case <-p.done:
			return
		case <-time.After(5 * time.Second):
		}
	}
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// output runs a program to its end within a minute.
func output(env []string, command ...string) (string, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = outputWithin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	limit := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	if err := cmd.Wait(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, tail(stderr.String(), 10))
	}
	return stdout.String(), nil
}

// mustOutput is output for what must succeed.
func mustOutput(t testing.TB, env []string, command ...string) string {
	t.Helper()
	out, err := output(env, command...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// needRoot skips a test that makes namespaces.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces and ports 319 and 320: say 'make lab ROOT=sudo'")
	}
}

// need skips a test whose programs are not installed.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s: say 'scripts/install-packages.sh run lab'", p)
		}
	}
}

// exitCode returns a program's exit code: -1 if a signal ended it.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
