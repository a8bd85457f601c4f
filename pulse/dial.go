package pulse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sendTimeout bounds a write to a server that has stopped reading.
const sendTimeout = 2 * time.Second

// errNoServer says that nobody answers at any address.
var errNoServer = errors.New("no sound server answers")

// dialAny connects to the first of addresses that answers and returns the
// socket, in blocking mode: it is read by a thread of its own, not by Go's
// poller.
func dialAny(ctx context.Context, addresses []address) (int, address, error) {
	if len(addresses) == 0 {
		return -1, address{}, errors.New("PULSE_SERVER or client.conf names no server that can be reached from here: unset it or name one, such as unix:/run/user/1000/pulse/native")
	}
	var first error
	for _, a := range addresses {
		fd, err := dial(ctx, a)
		if err == nil {
			return fd, a, nil
		}
		if first == nil {
			first = fmt.Errorf("%w at %v%s: start pipewire-pulse or pulseaudio", errNoServer, a, reason(err))
		}
	}
	return -1, address{}, first
}

// reason puts into words why a dial failed, unless it is the usual: nobody
// listens. The address is named already.
func reason(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return ""
	case errors.As(err, &errno):
		return " (" + errno.Error() + ")"
	default:
		return " (" + err.Error() + ")"
	}
}

func dial(ctx context.Context, a address) (int, error) {
	dialer := net.Dialer{Timeout: sendTimeout, Control: passCredentials}
	connection, err := dialer.DialContext(ctx, a.network, a.target)
	if err != nil {
		return -1, err
	}
	defer connection.Close()
	raw, err := connection.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if e := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil {
		return -1, e
	}
	if err != nil {
		return -1, err
	}
	timeout := unix.NsecToTimeval(int64(sendTimeout))
	err = errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// passCredentials has the kernel put our credentials on every message, before
// the first is written. PulseAudio knows us by them; without this one connect in
// ten is refused, because it asks for them only after our first bytes were sent.
func passCredentials(network, _ string, raw syscall.RawConn) error {
	if network != "unix" {
		return nil
	}
	var err error
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}); e != nil {
		return e
	}
	return err
}
