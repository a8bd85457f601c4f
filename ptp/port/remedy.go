package port

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Remedy says what to do about an error of Open; restart is the command for that.
func Remedy(err error, restart string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the program that holds the port, then " + restart
	case errors.Is(err, os.ErrPermission):
		return permit(ourself(), restart)
	default:
		return restart + "; if it stays, please report it with the log"
	}
}

// executable is the program's file, and what keeps a capability that it has from being
// granted (capabilities(7), "Safety checking for capability-dumb binaries" and
// "Transformation of capabilities during execve()").
type executable struct {
	path       string
	capable    bool // it has file capabilities
	nosuid     bool // its file system grants none (mount(8))
	privileged bool // this process may get new ones (PR_SET_NO_NEW_PRIVS)
}

// permit is the remedy for a missing permission.
func permit(b executable, restart string) string {
	switch {
	case b.nosuid:
		return fmt.Sprintf("%s is on a file system that is mounted nosuid, where its permission does not count: install it elsewhere, such as /usr/local/bin, then %s", b.path, restart)
	case b.capable && !b.privileged:
		return "whoever started it forbids new privileges (no_new_privs, as NoNewPrivileges= of systemd or a container does): start it without, then " + restart
	}
	return fmt.Sprintf("run `sudo setcap cap_net_bind_service+ep %s`, then %s", b.path, restart)
}

func ourself() executable {
	path, err := os.Executable()
	if err != nil {
		return executable{path: "/usr/bin/aes67-sink", privileged: true}
	}
	b := executable{path: path, privileged: true}
	var fs unix.Statfs_t
	b.nosuid = unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_NOSUID != 0
	size, err := unix.Getxattr(path, "security.capability", nil)
	b.capable = err == nil && size > 0
	if none, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil {
		b.privileged = none == 0
	}
	return b
}
