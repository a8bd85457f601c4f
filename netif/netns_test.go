package netif

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaces makes two namespaces joined by a cable that is unplugged:
//
//	a: eth0 (down) ---- eth0 (down) :b
func namespaces(t *testing.T) (a, b string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	a, b = fmt.Sprintf("netif-a-%d", os.Getpid()), fmt.Sprintf("netif-b-%d", os.Getpid())
	for _, ns := range []string{a, b} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	ipCommand(t, "-n "+a+" link add eth0 type veth peer name eth0 netns "+b)
	return a, b
}

func ipCommand(t *testing.T, line string) {
	t.Helper()
	if err := runIP(line); err != nil {
		t.Fatal(err)
	}
}

func runIP(line string) error {
	out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", line, err, out)
	}
	return nil
}

// inside calls f on a thread that is in a namespace and ends with it.
func inside(ns string, f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread is not to be used again
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return result
}
