package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// asked reports whether a test is asked for by its name.
func asked(test string) bool { return strings.Contains(flag.Lookup("test.run").Value.String(), test) }

// full asks for the long measurements.
var full = os.Getenv("LAB_FULL") == "1"

// project is the root of the tree, programs what `make build` made of it.
var (
	project = must(filepath.Abs("../.."))
	program = filepath.Join(project, "build", "aes67-sink")
	labtool = filepath.Join(project, "build", "labtool")
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func script(name string) string { return filepath.Join(project, "test", "lab", name) }

func TestMain(m *testing.M) {
	// As when it was started by hand: nohup lets programs, and those that they start,
	// ignore hang-ups.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	// The first thread stands for the process: it must not be one of those that
	// enter a namespace (wire.inside), or the end of that would end us.
	runtime.LockOSThread()
	if cpu, ok := os.LookupEnv(watchmanVariable); ok {
		_ = rtthread.Relax(runtimeSlack) // without it he takes half as much again
		stand(cpu)
	}
	for _, built := range []string{program, labtool} {
		if _, err := os.Stat(built); err != nil {
			fmt.Fprintf(os.Stderr, "e2e: %v: say 'make build' first\n", err)
			os.Exit(1)
		}
	}
	if os.Geteuid() == 0 {
		sweep()
		furnish()
		watch.begin()
	}
	code := m.Run()
	_ = os.RemoveAll(filepath.Join("/tmp", uniqueName("gst")))
	figures.print(os.Stdout)
	os.Exit(code)
}

// workingSet is more than the tests ever hold at once, in bytes.
const workingSet = 512 << 20

// furnish fetches the memory that the tests will use. A virtual machine gets its
// memory when it is first touched, and its processor stands still for 5 to 45 ms
// each time (seen): that shall not happen under a measurement. scripts/e2e.sh sees
// to it that what is freed stays with the process.
func furnish() {
	memory := make([]byte, workingSet)
	for at := 0; at < len(memory); at += os.Getpagesize() {
		memory[at] = 1
	}
	runtime.KeepAlive(memory) // the last use: it is free from here on
	runtime.GC()
}

// Names of namespaces and temporary folders carry the process that made them.
func uniqueName(purpose string) string {
	return fmt.Sprintf("e2e-%d-%s", os.Getpid(), purpose)
}

var madeBy = regexp.MustCompile(`e2e-(\d+)-`)

// sweep removes what test programs that no longer run left behind.
func sweep() {
	dead := func(name string) bool {
		match := madeBy.FindStringSubmatch(name)
		if match == nil {
			return false
		}
		pid := must(strconv.Atoi(match[1]))
		return pid != os.Getpid() && !alive(pid)
	}
	for _, dir := range must(filepath.Glob("/tmp/e2e-*")) {
		if dead(dir) {
			_ = exec.Command(script("sound-server.sh"), "stop", dir).Run()
			_ = os.RemoveAll(dir)
		}
	}
	for _, path := range must(filepath.Glob("/run/netns/e2e-*")) {
		if name := filepath.Base(path); dead(path) { // PREFIX-pc, PREFIX-switch …
			_ = exec.Command(script("net.sh"), "down", name[:strings.LastIndex(name, "-")]).Run()
		}
	}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// eventually waits for a state and fails the test when it does not come.
func eventually(t testing.TB, within time.Duration, what string, reached func() bool) {
	t.Helper()
	if !soon(within, reached) {
		missed(t, within, "not within %v: %s", within, what)
	}
}

// missed ends a test whose deadline has passed.
func missed(t testing.TB, within time.Duration, format string, arguments ...any) {
	t.Helper()
	now := rtthread.Now()
	delayed := watch.delays(now, within)
	a := attemptOf(t)
	if !delayed && (a == nil || watch.stood(now, within) <= standstill) {
		t.Fatalf(format, arguments...)
	}
	if !delayed { // a shorter standstill may come at a wrong moment, but not in every try
		a.certain = true
	}
	figures.so(t, "a deadline", false, fmt.Sprintf(format, arguments...), "in time")
	t.FailNow()
}

// soon polls for a state.
func soon(within time.Duration, reached func() bool) bool {
	deadline := time.Now().Add(within)
	for !reached() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pollInterval)
	}
	return true
}

// pollInterval is short against every deadline here and long against what a
// look costs.
const pollInterval = 50 * time.Millisecond
