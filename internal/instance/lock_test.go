package instance

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("INSTANCE_TEST_ROLE"); role != "" {
		os.Exit(playRole(role))
	}
	goleak.VerifyTestMain(m)
}

// privateRuntime gives the test a runtime directory of its own.
func privateRuntime(t *testing.T) (runtime string) {
	t.Helper()
	runtime = t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	return runtime
}

// playRole is the other process of a test: it takes the lock, says so, and
// holds it until its input ends.
func playRole(role string) int {
	if role != "holder" {
		return 1
	}
	lock, err := Acquire()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	lock.Release()
	return 0
}

// holder starts a process that takes the lock; said is its first line.
func holder(t *testing.T, environment ...string) (process *exec.Cmd, said string, end func()) {
	t.Helper()
	process = exec.Command(os.Args[0])
	process.Env = append(append(os.Environ(), "INSTANCE_TEST_ROLE=holder", "GORACE=atexit_sleep_ms=0"), environment...)
	process.Stderr = os.Stderr
	input, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		_ = input.Close()
		if !ended {
			ended = true
			_ = process.Wait()
		}
	}
	t.Cleanup(end)
	said, _ = bufio.NewReader(output).ReadString('\n')
	return process, strings.TrimSuffix(said, "\n"), end
}

func TestASecondBridgeOfOneUserIsRefused(t *testing.T) {
	runtime := privateRuntime(t)
	first, said, end := holder(t)
	if said != "held" {
		t.Fatal(said)
	}
	_, err := Acquire()
	want := regexp.MustCompile(fmt.Sprintf(
		`^another aes67-sink of user \S+ \(pid %d\) is already running: look at it with aes67-sink status, or end it first$`, first.Process.Pid))
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("got %v, want %v", err, want)
	}
	end()
	if entries, _ := os.ReadDir(runtime); len(entries) != 0 {
		t.Errorf("%v is left behind", entries)
	}
	lock, err := Acquire()
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	lock.Release()
}

func TestOfManyStartedAtOnceExactlyOneHasTheLock(t *testing.T) {
	privateRuntime(t)
	const many = 8
	results := make(chan *Lock, many)
	for range many {
		go func() {
			lock, _ := Acquire()
			results <- lock
		}()
	}
	var held []*Lock
	for range many {
		if lock := <-results; lock != nil {
			held = append(held, lock)
		}
	}
	if len(held) != 1 {
		t.Errorf("%d have the lock, want 1", len(held))
	}
	for _, lock := range held {
		lock.Release()
	}
}

func TestAKilledBridgeLeavesNoLock(t *testing.T) {
	privateRuntime(t)
	first, said, end := holder(t)
	if said != "held" {
		t.Fatal(said)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := os.Lstat(filepath.Join(Directory(), lockName)); err != nil {
		t.Fatalf("nothing to take over: %v", err)
	}
	lock, err := Acquire()
	if err != nil {
		t.Fatal(err)
	}
	lock.Release()
}

// What is removed each time it is made is not fought for.
func TestALockThatIsRemovedAgainAndAgain(t *testing.T) {
	privateRuntime(t)
	path := filepath.Join(t.TempDir(), "gone", lockName)
	if file, err := lockFile(path); err == nil || !strings.Contains(err.Error(), "removed again and again by another program") {
		t.Errorf("%v, %v", file, err)
	}
}
