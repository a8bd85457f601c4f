package instance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	lockName = "lock"
	// lockTries bounds how often a lock file may vanish while it is being locked.
	lockTries = 10
)

// Lock is the right to be the only bridge of this user. It ends with the process.
type Lock struct{ file *os.File }

// Acquire takes the lock. The error names the process that has it.
func Acquire() (*Lock, error) {
	directory, err := MakeDirectory()
	if err != nil {
		return nil, err
	}
	file, err := lockFile(filepath.Join(directory, lockName))
	if err != nil {
		return nil, err
	}
	return &Lock{file}, nil
}

// Release gives the lock back and leaves no file behind.
func (l *Lock) Release() {
	_ = os.Remove(l.file.Name()) // before the lock ends: nobody else has locked it yet
	_ = l.file.Close()
	_ = os.Remove(filepath.Dir(l.file.Name())) // stays while it holds anything else
}

// lockFile makes and locks a file that says which process has it.
func lockFile(path string) (*os.File, error) {
	for range lockTries {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if errors.Is(err, os.ErrNotExist) { // its directory was removed by one that ended
			if _, err := MakeDirectory(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			owner := person(os.Geteuid(), writtenPID(file))
			_ = file.Close()
			return nil, fmt.Errorf("another aes67-sink of %s is already running: look at it with aes67-sink status, or end it first", owner)
		}
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !stillThere(file, path) { // removed by one that ended meanwhile
			_ = file.Close()
			continue
		}
		if err := writePID(file); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return file, nil
	}
	return nil, fmt.Errorf("lock %s: removed again and again by another program", path)
}

func stillThere(file *os.File, path string) bool {
	locked, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(locked, named)
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// writtenPID returns 0 when the file does not say.
func writtenPID(file *os.File) int {
	written, err := io.ReadAll(io.LimitReader(file, 32))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(written)))
	return pid
}

// person names a user and a process, as far as they are known.
func person(uid, pid int) string {
	if uid < 0 {
		return "another user"
	}
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if pid <= 0 {
		return "user " + name
	}
	return fmt.Sprintf("user %s (pid %d)", name, pid)
}
