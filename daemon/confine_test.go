package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// TestConfinement lets a process of its own be confined and say what it can still do.
func TestConfinement(t *testing.T) {
	if home := os.Getenv("CONFINED_HOME"); home != "" {
		confined(home)
		return
	}
	if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 || abi < 3 {
		t.Skipf("needs Landlock 3: %d, %v", abi, errno)
	}
	home, err := os.MkdirTemp("", "d") // short: socket paths have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	for _, directory := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(home, directory), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	server, err := net.Listen("unix", filepath.Join(home, "server"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	process := exec.Command(os.Args[0], "-test.run=^TestConfinement$")
	process.Env = append(os.Environ(), "CONFINED_HOME="+home)
	out, err := process.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		if what, how, ok := strings.Cut(lines.Text(), ": "); ok {
			got[what] = how
		}
	}
	for what, want := range map[string]string{
		"write into the home directory":  "permission denied",
		"write on a thread of before":    "permission denied",
		"start a program":                "permission denied",
		"make another state directory":   "permission denied",
		"change what is there":           "permission denied",
		"write into the state directory": "done",
		"replace a file there":           "done",
		"listen on a socket":             "done",
		"connect to a socket":            "done",
		"read the system's files":        "done",
		"remove the runtime directory":   "done",
	} {
		if got[what] != want {
			t.Errorf("%s: %q, want %q", what, got[what], want)
		}
	}
}

// confined tries all that a bridge needs, and what it must not.
func confined(home string) {
	try := func(what string, err error) {
		switch {
		case err == nil:
			fmt.Println(what + ": done")
		case errors.Is(err, os.ErrPermission):
			fmt.Println(what + ": permission denied")
		default:
			fmt.Println(what+":", err)
		}
	}
	write := func(path ...string) error {
		return os.WriteFile(filepath.Join(append([]string{home}, path...)...), []byte("x"), 0o600)
	}
	if err := write("diary"); err != nil {
		fmt.Println(err)
		return
	}
	ready, begin, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread is not one of those made later
		close(ready)
		<-begin
		ended <- write("other")
	}()
	<-ready
	confine(zerolog.New(os.Stdout), filepath.Join(home, "state", "aes67-sink"), filepath.Join(home, "run", "aes67-sink"), "/proc/none")
	close(begin)
	try("write on a thread of before", <-ended)
	try("write into the home directory", write("new"))
	try("change what is there", write("diary"))
	try("make another state directory", os.Mkdir(filepath.Join(home, "state", "other"), 0o700))
	try("start a program", exec.Command("/bin/true").Run())
	try("write into the state directory", write("state", "aes67-sink", "volume.new"))
	try("replace a file there", os.Rename(filepath.Join(home, "state", "aes67-sink", "volume.new"), filepath.Join(home, "state", "aes67-sink", "volume")))
	l, err := net.Listen("unix", filepath.Join(home, "run", "aes67-sink", "control"))
	try("listen on a socket", err)
	if err == nil {
		_ = l.Close()
	}
	conn, err := net.Dial("unix", filepath.Join(home, "server"))
	try("connect to a socket", err)
	if err == nil {
		_ = conn.Close()
	}
	_, err = os.ReadFile("/etc/passwd")
	try("read the system's files", err)
	try("remove the runtime directory", os.Remove(filepath.Join(home, "run", "aes67-sink")))
}
