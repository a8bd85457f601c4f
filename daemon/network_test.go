package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
	"aes67-sink/netif"
)

// interfaces are those of this computer, once they are known.
func interfaces(t *testing.T) *netif.Watcher {
	t.Helper()
	watcher := netif.NewWatcher(zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watcher.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-watcher.Changed():
	case <-time.After(10 * time.Second):
		t.Fatal("not even the loopback is there")
	}
	return watcher
}

// TestAClockThatIsRefusedIsTriedEverMoreSeldomAndTold goes through a minute in which
// something else changes ten times a second.
func TestAClockThatIsRefusedIsTriedEverMoreSeldomAndTold(t *testing.T) {
	const began = aes67.MonoTime(time.Hour)
	now, refuses := began, fmt.Errorf("ptp: joining 224.0.1.129 on interface 1: %w", syscall.ENOBUFS)
	var log bytes.Buffer
	var tries []time.Duration
	n := &network{
		chooser: netif.NewChooser(netif.ChooserConfig{Interface: "lo"}), watcher: interfaces(t),
		services: netif.NewDNSSD(rtthread.Now, zerolog.Nop()), ears: earsOff{}, playing: func() bool { return false },
		withdraw: func(bool) bool { return false }, allowed: func() (bool, string) { return true, "" }, now: func() aes67.MonoTime { return now },
		log: zerolog.New(&log), changed: make(chan struct{}, 1), carriers: map[int]bool{},
		useClock: func(net.Interface, netip.Addr, time.Duration) error {
			tries = append(tries, now.Sub(began))
			return refuses
		},
	}
	for ; now < began.Add(time.Minute); now = now.Add(100 * time.Millisecond) {
		if again := n.choose(now); again <= now || again > now.Add(retryNetworkMost) {
			t.Fatalf("after %v: to be tried again at %v", now.Sub(began), again.Sub(began))
		}
	}
	var want []time.Duration
	for _, ms := range []int{0, 200, 600, 1400, 3000, 6200, 12600, 22600, 32600, 42600, 52600} {
		want = append(want, time.Duration(ms)*time.Millisecond)
	}
	if !slices.Equal(tries, want) {
		t.Errorf("tried after %v, want %v", tries, want)
	}
	told := func() string {
		state := n.state()
		return strings.Join(state.oneLeg(), "")
	}
	if got := told(); health.Find(got).Code != "clock-awaited" || !strings.Contains(got, "which cannot use lo: ptp: joining") || !strings.Contains(got, "igmp_max_memberships") {
		t.Errorf("told: %q", got)
	}
	logged := func() int { return strings.Count(log.String(), "clock cannot use") }
	if logged() != 1 {
		t.Errorf("logged %d times, want once:\n%s", logged(), &log)
	}
	refuses = errors.New("ptp: sending on interface lo: cannot assign requested address")
	now = now.Add(retryNetworkMost)
	n.choose(now)
	if got := told(); logged() != 2 || !strings.Contains(got, "cannot assign") || strings.Contains(got, "igmp") {
		t.Errorf("another reason is logged %d times, and told: %q", logged()-1, got)
	}
	<-n.changed
	refuses = nil
	now = now.Add(retryNetworkMost)
	if again := n.choose(now); again != 0 || told() != "" || !n.inUse || len(n.changed) != 1 {
		t.Errorf("it is used now, and yet to be tried again at %v, and told: %q", again, told())
	}
	refuses = errors.New("no such device")
	for i, address := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.3"} {
		before := len(tries)
		other := networkState{NetworkInput: bridge.NetworkInput{Usable: true, Chosen: bridge.Network{Address: netip.MustParseAddr(address)}}}
		if n.tell(other, now); (len(tries) > before) != (i != 1) {
			t.Errorf("%s, number %d: tried %d times, want each choice at once", address, i, len(tries)-before)
		}
	}
	n.tell(networkState{}, now)
	if n.refused.due != 0 || told() != "" {
		t.Errorf("there is no network, and yet it is told: %q", told())
	}
}
