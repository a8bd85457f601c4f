package rtsp

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keepAlive finds clients that are gone without a word: receivers are switched
// off by their plug.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}

// listen opens the port on one interface. An address alone would not do: Linux
// takes packets for it from every interface. Programs of this machine come by
// the loopback interface, so the port is opened there too where that is allowed.
func listen(iface net.Interface, at netip.AddrPort) ([]net.Listener, error) {
	l, err := listenOn(iface.Name, at)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{l}
	if !at.Addr().IsLoopback() {
		if local, err := listenOn("lo", at); err == nil {
			listeners = append(listeners, local)
		}
	}
	return listeners, nil
}

func listenOn(device string, at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive, Control: func(_, _ string, c syscall.RawConn) error {
		var bound error
		if err := c.Control(func(fd uintptr) {
			bound = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
		}); err != nil {
			return err
		}
		if bound == unix.EPERM { // before Linux 5.7 it took a privilege
			return nil
		}
		return bound
	}}
	return lc.Listen(context.Background(), "tcp4", at.String())
}
