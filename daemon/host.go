package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/wake"
)

// hostNameFile can be polled: the kernel reports EPOLLERR when a host name has
// changed (proc_sys_poll in Linux, fs/proc/proc_sysctl.c).
const hostNameFile = "/proc/sys/kernel/hostname"

// renamedEach is how often the name is looked at where it cannot be polled.
const renamedEach = time.Second

// watchHostName signals changed at the beginning and each time that the computer
// is renamed, until ctx is done.
func watchHostName(ctx context.Context, changed chan<- struct{}) error {
	name := ""
	for ctx.Err() == nil {
		if now := hostName(); now != name {
			name = now
			wake.Signal(changed)
		}
		if err := pollUntil(ctx, hostNameFile, func() bool { return hostName() != name }); err != nil {
			wake.Pause(ctx, renamedEach)
		}
	}
	return nil
}

// pollUntil returns when done is true, which is asked at the beginning and
// whenever the kernel reports something of the file. It ends early with ctx.
func pollUntil(ctx context.Context, path string, done func() bool) error {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("polling: %w", err)
	}
	defer func() { _ = file.Close() }()
	defer context.AfterFunc(ctx, func() { _ = file.Close() })()
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("polling %s: %w", path, err)
	}
	if err := raw.Read(func(uintptr) bool { return done() }); err != nil {
		return fmt.Errorf("polling %s: %w", path, err)
	}
	return nil
}

// hostName returns the first label of this machine's name.
func hostName() string {
	host, err := os.Hostname()
	if host, _, _ = strings.Cut(host, "."); err != nil || host == "" {
		return "aes67-sink"
	}
	return host
}

// hostID tells this machine from every other, for as long as it is installed
// (machine-id(5)); without one the host name must do.
func hostID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if id, err := os.ReadFile(path); err == nil && len(id) >= 32 {
			return strings.TrimSpace(string(id))
		}
	}
	return hostName()
}
