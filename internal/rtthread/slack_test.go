package rtthread

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const relaxVariable = "RTTHREAD_RELAX"

// The process that it starts starts itself anew once, and then all its threads have the slack.
func TestRelaxGivesAllThreadsTheSlack(t *testing.T) {
	const slack = 7 * time.Millisecond
	if os.Getenv(relaxVariable) != "" {
		err := Relax(slack)
		fmt.Println("error:", err, "slack:", timerSlack(), "process:", os.Getpid())
		tasks, _ := filepath.Glob("/proc/self/task/*")
		for _, task := range tasks {
			if text, err := os.ReadFile(filepath.Join("/proc", filepath.Base(task), "timerslack_ns")); err == nil {
				fmt.Println("thread:", strings.TrimSpace(string(text)))
			}
		}
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), relaxVariable+"=1")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	if want := fmt.Sprintf("error: <nil> slack: %v process: %d\n", slack, c.Process.Pid); strings.Count(text, want) != 1 {
		t.Errorf("printed %q, want %q once", text, want)
	}
	if os.Geteuid() != 0 {
		return // an ordinary user may not look at other threads' (proc(5))
	}
	if threads := strings.Count(text, "thread:"); threads < 2 || strings.Count(text, "thread: 7000000\n") != threads {
		t.Errorf("want 7 ms on all threads:\n%s", text)
	}
}
