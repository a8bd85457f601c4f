package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capable is the command for nobody to run a copy of the program, in dir, that has the
// file capability for the PTP ports.
func capable(t testing.TB, dir string, arguments ...string) []string {
	t.Helper()
	need(t, "setpriv", "setcap")
	mine := filepath.Join(dir, "aes67-sink")
	must(0, os.WriteFile(mine, must(os.ReadFile(program)), 0o755))
	if out, err := output(nil, "setcap", "cap_net_bind_service+ep", mine); err != nil {
		t.Skipf("no file capabilities here: %v: %s", err, out)
	}
	return append([]string{"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--", mine}, arguments...)
}

// With the file capability the PTP ports are opened; after that no thread of
// the bridge has any capability, nor a way to get one, and its user may look
// into it.
func TestNoPrivilegeIsKept(t *testing.T) {
	shared(t)
	w := newWire(t)
	dir := tempDir(t, "privileges")
	for _, path := range []string{dir, filepath.Join(dir, "run"), filepath.Join(dir, "state")} {
		must(0, os.MkdirAll(path, 0o700))
		must(0, os.Chown(path, 65534, 65534))
	}
	env := []string{"HOME=" + dir, "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"), "XDG_STATE_HOME=" + filepath.Join(dir, "state")}
	b := start(t, "bridge", env, w.in(pc, capable(t, dir, "run")...)...)

	process := fmt.Sprintf("/proc/%d", b.cmd.Process.Pid)
	eventually(t, 10*time.Second, "the bridge has started", func() bool { return strings.Contains(b.output.String(), "aes67-sink started") })
	if text := b.output.String(); strings.Contains(text, "no PTP") || strings.Contains(text, "privileges are kept") {
		t.Errorf("the bridge says:\n%s", text)
	}
	for _, thread := range must(filepath.Glob(process + "/task/*/status")) {
		content, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		text := string(content)
		for _, line := range []string{"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
			if !strings.Contains(text, line) {
				t.Errorf("%s has no %q", thread, line)
			}
		}
	}
	info := must(os.Stat(process + "/fd"))
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 65534 {
		t.Errorf("%s/fd belongs to %d: the program is not dumpable", process, owner)
	}
}

// Even as root the bridge writes into its own directories alone: the directory that
// holds its state's cannot be written into, and at the end nothing is left behind.
func TestOnlyItsOwnDirectoriesAreWritten(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	if _, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 {
		t.Skip("no Landlock here")
	}
	w, s := newWire(t), startServer(t, "pipewire")
	b := stationAt(w, s).run()
	b.reaches(30*time.Second, "it sends", func(r report) bool { return r.State == "sending" })
	state := filepath.Join(s.dir, "home/.local/state/aes67-sink")
	s.pactl("set-sink-volume", "aes67", "30%")
	eventually(t, 10*time.Second, "the volume is remembered", func() bool {
		_, err := os.Stat(filepath.Join(state, "volume-aes67.json"))
		return err == nil
	})
	must(0, os.Rename(state, state+"-away")) // at once: the bridge may be writing into it
	s.pactl("set-sink-volume", "aes67", "20%")
	eventually(t, 10*time.Second, "the directory cannot be made anew", func() bool {
		return strings.Contains(b.output.String(), "mkdir "+state+": permission denied")
	})
	runtime := ""
	for _, variable := range s.env {
		if value, ok := strings.CutPrefix(variable, "XDG_RUNTIME_DIR="); ok {
			runtime = value
		}
	}
	must(os.Stat(filepath.Join(runtime, "aes67-sink/control")))
	b.end()
	if _, err := os.Stat(filepath.Join(runtime, "aes67-sink")); err == nil {
		t.Error("the runtime directory is left behind")
	}
}

// A whole life of the bridge, as follower and as grandmaster, makes no system
// call that sets a clock of the computer.
func TestNoClockIsSet(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), startServer(t, "pipewire")
	need(t, "strace")
	trace := filepath.Join(tempDir(t, "strace"), "calls")
	// strace stands aside (-D), so that signals reach the bridge. It also shows
	// bind(2), to be seen to work.
	command := []string{
		"strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace=clock_settime,clock_adjtime,adjtimex,settimeofday,bind",
		program, "run", "--set", "network.interface=eth0",
	}
	b := &bridge{start(t, "bridge", s.env, w.in(pc, s.by(command...)...)...), s}
	b.reaches(30*time.Second, "it serves", func(r report) bool { return r.State == "sending" && r.Clock.Role == "grandmaster" })
	master := startPTP4L(t, w, speaker) // of another epoch: our virtual clock steps
	b.reaches(30*time.Second, "it follows", func(r report) bool {
		return r.Clock.Role == "follower" && r.Clock.State == "locked" && r.Clock.Steps > 0
	})
	master.stop()
	b.reaches(30*time.Second, "it serves again", func(r report) bool { return r.Clock.Role == "grandmaster" })
	b.signal(syscall.SIGTERM)
	if err := b.wait(20 * time.Second); err != nil {
		t.Errorf("ended with %v", err)
	}
	calls := string(must(os.ReadFile(trace)))
	if !strings.Contains(calls, "bind(") {
		t.Fatalf("strace shows nothing:\n%s", calls)
	}
	for line := range strings.Lines(calls) {
		for _, setter := range []string{"settime", "adjtime", "settimeofday"} {
			if strings.Contains(line, setter) {
				t.Errorf("a clock is set: %s", line)
			}
		}
	}
}
