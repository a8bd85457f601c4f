package port

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestEachFailureOfThePortsHasItsOwnRemedy(t *testing.T) {
	for _, test := range []struct {
		err      error
		has, not string
	}{
		{os.ErrPermission, "sudo setcap cap_net_bind_service+ep ", "end the program"},
		{fmt.Errorf("ptp: UDP port 319: %w", syscall.EACCES), "sudo setcap", "end the program"},
		{fmt.Errorf("ptp: UDP port 319: %w", syscall.EADDRINUSE), "end the program that holds the port", "setcap"},
		{fmt.Errorf("ptp: eventfd: %w", syscall.EMFILE), "report it", "end the program"},
		{errors.New("no such thing"), "report it", "end the program"},
	} {
		if got := Remedy(test.err, "restart aes67-sink"); !strings.Contains(got, test.has) || strings.Contains(got, test.not) {
			t.Errorf("%v: %q, want %q in it and not %q", test.err, got, test.has, test.not)
		}
	}
}

func TestWhatKeepsAPermissionIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		executable
		want string
	}{
		"it has none":             {executable{"/usr/bin/x", false, false, true}, "run `sudo setcap cap_net_bind_service+ep /usr/bin/x`, then restart it"},
		"a mount without":         {executable{"/mnt/x", true, true, true}, "/mnt/x is on a file system that is mounted nosuid, where its permission does not count: install it elsewhere, such as /usr/local/bin, then restart it"},
		"no new privileges":       {executable{"/usr/bin/x", true, false, false}, "whoever started it forbids new privileges (no_new_privs, as NoNewPrivileges= of systemd or a container does): start it without, then restart it"},
		"none, and none to come":  {executable{"/usr/bin/x", false, false, false}, "run `sudo setcap cap_net_bind_service+ep /usr/bin/x`, then restart it"},
		"of another user's right": {executable{"/usr/bin/x", true, false, true}, "run `sudo setcap cap_net_bind_service+ep /usr/bin/x`, then restart it"},
	} {
		if got := permit(test.executable, "restart it"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
