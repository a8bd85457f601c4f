package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMakeRun runs the demonstration of `make run` until both channels are
// heard and ends it in every way there is: nothing may be left.
func TestMakeRun(t *testing.T) {
	shared(t)
	endings := []struct {
		name string
		as   []string
		end  func(*process)
		code int
	}{
		{"Ctrl-C, pressed again and again", nil, func(p *process) { signals(p, syscall.SIGINT) }, 0},
		{"SIGTERM", nil, func(p *process) { signals(p, syscall.SIGTERM) }, 143},
		{"hang-up", nil, func(p *process) { p.signal(syscall.SIGHUP) }, 129},
		{"the bridge is killed", nil, func(p *process) { killPart(p, "aes67-sink run") }, 1},
		{"without root, over loopback, Ctrl-C", asNobody, func(p *process) { p.signal(syscall.SIGINT) }, 0},
	}
	for i, ending := range endings {
		if !full && i > 0 && i < len(endings)-1 && i != 3 {
			continue // one signal shows the others' way
		}
		t.Run(ending.name, func(t *testing.T) {
			needRoot(t)
			need(t, serverPrograms["pipewire"]...)
			// Whoever runs the tests in the background has SIGINT ignored, and a
			// shell that is started so cannot trap it.
			command := append([]string{"env", "--default-signal=INT", "--default-signal=QUIT"}, ending.as...)
			home := t.TempDir()
			p := start(t, "run.sh", []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home},
				append(command, filepath.Join(project, "scripts/run.sh"), "--demo")...)
			pid := p.cmd.Process.Pid
			eventually(t, 40*time.Second, "the speaker hears both channels", func() bool {
				if p.ended() {
					t.Fatalf("it ended by itself: %v", p.err)
				}
				return heardBoth(p.output.String())
			})
			dir := regexp.MustCompile(`/tmp/aes67run\.\w+`).FindString(p.output.String())
			if dir == "" {
				t.Fatal("it does not tell its folder")
			}
			ending.end(p)
			if err := p.wait(15 * time.Second); exitCode(err) != ending.code {
				t.Errorf("ended with %v, want exit code %d", err, ending.code)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("the folder %s was left", dir)
			}
			if left := must(os.ReadDir(home)); len(left) != 0 {
				t.Errorf("%q was left in the home folder", left)
			}
			if left, _ := filepath.Glob(fmt.Sprintf("/run/netns/aes67run-%d-*", pid)); len(left) != 0 {
				t.Errorf("the namespaces %q were left", left)
			}
			eventually(t, 3*time.Second, "no process is left", func() bool { return len(processesOf(dir)) == 0 })
		})
	}
}

// signals sends a signal again and again, as make and timeout(1) do.
func signals(p *process, signal syscall.Signal) {
	for range 100 {
		p.signal(signal)
		pass(50 * time.Microsecond)
	}
}

// liveLevel is the speaker's live line: the stream's name and its level.
var liveLevel = regexp.MustCompile(`(Left|Right)\s+packets\s+\d+ .*?(-?\d+\.\d) dBFS`)

// heardBoth looks for a tone on each channel in the live lines.
func heardBoth(text string) bool {
	heard := map[string]bool{}
	for _, match := range liveLevel.FindAllStringSubmatch(text, -1) {
		if level, err := strconv.ParseFloat(match[2], 64); err == nil && level > -40 {
			heard[match[1]] = true
		}
	}
	return heard["Left"] && heard["Right"]
}

// processesOf lists what runs with the folder in its command line or variables.
func processesOf(dir string) map[int]string {
	found := map[int]string{}
	for _, proc := range must(filepath.Glob("/proc/[0-9]*")) {
		pid := must(strconv.Atoi(filepath.Base(proc)))
		line, _ := os.ReadFile(proc + "/cmdline")
		environment, _ := os.ReadFile(proc + "/environ")
		if alive(pid) && (bytes.Contains(line, []byte(dir)) || bytes.Contains(environment, []byte(dir))) {
			found[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		}
	}
	return found
}

// killPart kills the part of a demonstration whose command line ends so.
func killPart(p *process, command string) {
	dir := regexp.MustCompile(`/tmp/aes67run\.\w+`).FindString(p.output.String())
	if dir == "" {
		return // all processes would be of it
	}
	for pid, line := range processesOf(dir) {
		if strings.Contains(line, command) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
