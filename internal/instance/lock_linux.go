package instance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/text"
)

const (
	lockName = "lock"
	// networkName is the abstract socket whose owner has the network side. Such
	// names live in a network namespace and end with their process (unix(7)).
	networkName = "@aes67-sink-network"
	// lockTries bounds how often a lock file may vanish while it is being locked.
	lockTries = 10
)

// Lock is the right to be the only bridge of this user, and of this machine
// (or network namespace) to own the network side. It ends with the process.
type Lock struct {
	file    *os.File
	network net.Listener
}

// ErrOwned says that a bridge of another user sends already.
var ErrOwned = errors.New("owns the network side")

// Acquire takes the lock. The error names the process that has it.
func Acquire() (*Lock, error) { return acquire(networkName) }

func acquire(networkName string) (*Lock, error) {
	directory, err := MakeDirectory()
	if err != nil {
		return nil, err
	}
	file, err := lockFile(filepath.Join(directory, lockName))
	if err != nil {
		return nil, err
	}
	l := &Lock{file: file}
	l.network, err = net.Listen("unix", networkName)
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("the aes67-sink of %s %w: only one may send; end that one first", networkOwner(networkName), ErrOwned)
	} else if err != nil {
		err = fmt.Errorf("network lock %s: %w", networkName, text.Cause(err))
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// Release gives the lock back and leaves no file behind.
func (l *Lock) Release() {
	if l.network != nil {
		_ = l.network.Close()
	}
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

// networkOwner names the process that listens on a name: the kernel tells
// who connected peers are (unix(7), SO_PEERCRED).
func networkOwner(networkName string) string {
	const unknown = "another user"
	conn, err := net.Dial("unix", networkName)
	if err != nil {
		return unknown
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return unknown
	}
	owner := unknown
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			owner = person(int(peer.Uid), int(peer.Pid))
		}
	})
	return owner
}

// person names a user and a process, as far as they are known.
func person(uid, pid int) string {
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if pid <= 0 {
		return "user " + name
	}
	return fmt.Sprintf("user %s (pid %d)", name, pid)
}
