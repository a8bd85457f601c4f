package daemon

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/config"
)

// TestTheSecondLegsRTSPIsToldToo: who judges is woken when the port is had there.
func TestTheSecondLegsRTSPIsToldToo(t *testing.T) {
	at := freeAddress(t)
	cfg := config.Default()
	cfg.Network.Secondary, cfg.Announce.MDNS, cfg.Announce.RTSPPort = "eno2", false, at.Port()
	a := newAnnouncer(cfg, nil, func() bool { return false }, func(string) zerolog.Logger { return zerolog.Nop() })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{a.Run, a.mirror.rtsp.Run} {
		go func() { ended <- run(ctx) }()
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	a.mirror.rtsp.Serve(*lo, at.Addr(), nil)
	select {
	case <-a.changed:
	case <-time.After(time.Minute):
		t.Error("nobody is woken")
	}
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// freeAddress is one where nobody listens.
func freeAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().(*net.TCPAddr).AddrPort()
}
