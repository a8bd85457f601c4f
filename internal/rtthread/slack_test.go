package rtthread

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const relaxVariable = "RTTHREAD_RELAX"

// The process that it starts starts itself anew once, and then one of its threads has the
// slack: the runtime's monitor.
func TestRelaxGivesTheMonitorTheSlack(t *testing.T) {
	const slack = 7 * time.Millisecond
	if os.Getenv(relaxVariable) != "" {
		err := Relax(slack)
		fmt.Println("error:", err, "process:", os.Getpid())
		tasks, _ := filepath.Glob("/proc/self/task/*")
		for _, task := range tasks {
			if text, err := os.ReadFile(filepath.Join("/proc", filepath.Base(task), "timerslack_ns")); err == nil {
				fmt.Print("slack: ", string(text))
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
	if want := fmt.Sprintf("error: <nil> process: %d\n", c.Process.Pid); strings.Count(text, want) != 1 {
		t.Errorf("printed %q, want %q once", text, want)
	}
	if os.Geteuid() != 0 {
		return // an ordinary user may not look at other threads' (proc(5))
	}
	least := runtime.NumCPU() + spareThreads // others may come later, started by one with the slack
	if !strings.Contains(text, "slack: 7000000\n") || strings.Count(text, "slack: 50000\n") < least {
		t.Errorf("want 7 ms on one thread, 50 us on at least %d others:\n%s", least, text)
	}
}
