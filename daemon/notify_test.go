package daemon

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
	"aes67-sink/status"
)

func TestManagerIsToldWhatItWaitsFor(t *testing.T) {
	for name, test := range map[string]struct {
		sinkAfter time.Duration // 0: never
		ready     time.Duration
	}{
		"the sink is there at once":          {time.Nanosecond, time.Nanosecond},
		"the sink comes after a while":       {5500 * time.Millisecond, 5500 * time.Millisecond},
		"there is no sound server, and that": {0, readyAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", "/somewhere")
			t.Setenv("WATCHDOG_USEC", "")
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var readyAt time.Duration
				var states []string
				models, changed := 0, make(chan struct{}, 1)
				if test.sinkAfter > 0 {
					time.AfterFunc(test.sinkAfter, func() { wake.Signal(changed) })
				}
				n := notifier{log: zerolog.Nop(), changed: changed, model: func() status.Model {
					models++
					model := status.Model{State: status.WaitingSoundServer, Problem: "no sound\x1bserver"}
					if test.sinkAfter > 0 && time.Since(began) >= test.sinkAfter {
						model = status.Model{State: status.Sending, Sink: status.Sink{State: "running"}}
					}
					return model
				}, send: func(state string) error {
					if strings.HasPrefix(state, "READY=1\n") {
						readyAt = time.Since(began)
					}
					states = append(states, state)
					return nil
				}}
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				if err := n.Run(ctx); err != nil {
					t.Error(err)
				}
				if readyAt != test.ready {
					t.Errorf("ready after %v, want %v", readyAt, test.ready)
				}
				if first := states[0]; first != "STATUS=waiting for the sound server: no sound server\n" {
					t.Errorf("first it was told %q", first)
				}
				if models > 5 {
					t.Errorf("asked %d times in a minute how the bridge is", models)
				}
				if last := states[len(states)-1]; last != "STOPPING=1" || len(states) > 4 {
					t.Errorf("told %q", states)
				}
			})
		})
	}
}

func TestTheWatchdogIsFed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "60000")
	t.Setenv("WATCHDOG_PID", "")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	n := notifier{log: zerolog.Nop(), model: func() status.Model { return status.Model{State: status.Sending} }}
	go func() { done <- n.Run(ctx) }()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 1024)
	for fed := 0; fed < 5; {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		fed += strings.Count(string(buf[:n]), "WATCHDOG=1")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
