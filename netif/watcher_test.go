package netif

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
)

// watched is a watcher that runs in a namespace.
type watched struct {
	*Watcher
	t *testing.T
}

func watchIn(t *testing.T, ns string) (w watched, stop func()) {
	t.Helper()
	w = watched{NewWatcher(zerolog.New(zerolog.NewTestWriter(t))), t}
	ctx, cancel := context.WithCancel(t.Context())
	done := inside(ns, func() error { return w.Run(ctx) })
	return w, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// await waits, as its caller is woken, until an interface is as it should be.
func (w watched) await(what, name string, ok func(e *Candidate) bool) Candidate {
	w.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		candidates := w.Candidates()
		if e := find(candidates, func(e *Candidate) bool { return e.Name == name }); ok(e) {
			if e == nil {
				return Candidate{}
			}
			return *e
		}
		select {
		case <-w.Changed():
		case <-timeout:
			w.t.Fatalf("not within 10 s: %s; there are %+v", what, candidates)
		}
	}
}

func TestWatcherSeesChanges(t *testing.T) {
	a, b := namespaces(t)
	w, stop := watchIn(t, a)
	defer stop()

	e := w.await("eth0 without carrier", "eth0", func(e *Candidate) bool { return e != nil && !e.Carrier })
	if len(e.Addrs) > 0 || !e.Wired || e.Wireless || e.Loopback || e.DefaultRoute || len(e.MAC) != 6 || e.MTU != 1500 || e.Index <= 0 {
		t.Errorf("got %+v", e)
	}
	lo := w.await("lo", "lo", func(e *Candidate) bool { return e != nil })
	if !lo.Loopback || lo.Wired {
		t.Errorf("got %+v", lo)
	}

	ipCommand(t, "-n "+a+" link set eth0 up")
	ipCommand(t, "-n "+b+" link set eth0 up")
	w.await("carrier", "eth0", func(e *Candidate) bool { return e != nil && e.Carrier })
	ipCommand(t, "-n "+b+" link set eth0 down")
	w.await("no carrier when the other end is down", "eth0", func(e *Candidate) bool { return e != nil && !e.Carrier })
	ipCommand(t, "-n "+b+" link set eth0 up")
	w.await("carrier again", "eth0", func(e *Candidate) bool { return e != nil && e.Carrier })

	addr := func(want string) func(e *Candidate) bool {
		return func(e *Candidate) bool { return e != nil && e.addresses() == want }
	}
	ipCommand(t, "-n "+a+" addr add 169.254.7.7/16 dev eth0 scope link")
	w.await("a link-local address", "eth0", addr("169.254.7.7"))
	ipCommand(t, "-n "+a+" addr add 10.84.0.1/24 dev eth0")
	w.await("a better address", "eth0", addr("10.84.0.1, 169.254.7.7"))
	ipCommand(t, "-n "+a+" addr add 10.84.0.2/24 dev eth0")
	ipCommand(t, "-n "+a+" addr del 169.254.7.7/16 dev eth0")
	ipCommand(t, "-n "+a+" route add default via 10.84.0.254 dev eth0 metric 77")
	e = w.await("a default route", "eth0", func(e *Candidate) bool {
		return e != nil && e.DefaultRoute && e.addresses() == "10.84.0.1, 10.84.0.2"
	})
	if e.Metric != 77 {
		t.Errorf("got %+v, want metric 77", e)
	}
	ipCommand(t, "-n "+a+" route del default")
	w.await("no default route", "eth0", func(e *Candidate) bool { return e != nil && !e.DefaultRoute })
	ipCommand(t, "-n "+a+" addr flush dev eth0")
	w.await("no address", "eth0", func(e *Candidate) bool { return e != nil && len(e.Addrs) == 0 })

	ipCommand(t, "-n "+a+" link add br0 type bridge")
	if e := w.await("a bridge", "br0", func(e *Candidate) bool { return e != nil }); e.Wired {
		t.Errorf("a bridge without ports counts as wired: %+v", e)
	}
	ipCommand(t, "-n "+a+" link set eth0 master br0")
	ipCommand(t, "-n "+a+" link add ve-c1 type veth peer name ve-c2")
	ipCommand(t, "-n "+a+" link set ve-c1 master br0")
	ipCommand(t, "-n "+a+" link set br0 up")
	ipCommand(t, "-n "+a+" addr add 169.254.7.7/16 dev br0 scope link")
	e = w.await("a bridge with a card and a container", "br0", func(e *Candidate) bool { return e != nil && e.eligible() })
	if e.Kind != "bridge" || e.addresses() != "169.254.7.7" {
		t.Errorf("got %+v", e)
	}
	e = w.await("a port", "eth0", func(e *Candidate) bool { return e != nil && e.Master != "" })
	if e.Master != "br0" || e.eligible() {
		t.Errorf("got %+v, want a port of br0", e)
	}
	ipCommand(t, "-n "+a+" link property add dev eth0 altname enp-with-a-long-name")
	e = w.await("another name", "eth0", func(e *Candidate) bool { return e != nil && len(e.AltNames) > 0 })
	if !e.called("enp-with-a-long-name") {
		t.Errorf("got %+v", e)
	}
	was := e
	ipCommand(t, "-n "+a+" link set eth0 down")
	ipCommand(t, "-n "+a+" link set eth0 name lan0")
	if e = w.await("a new name", "lan0", func(e *Candidate) bool { return e != nil }); !e.is(&was) {
		t.Errorf("got %+v, want it to be %+v", e, was)
	}
	ipCommand(t, "-n "+a+" link del lan0")
	w.await("no lan0", "lan0", func(e *Candidate) bool { return e == nil })
}

func TestWatcherIsNotWokenWithoutAChange(t *testing.T) {
	a, _ := namespaces(t)
	w := NewWatcher(zerolog.Nop())
	if err := <-inside(a, func() error {
		for i, want := range []bool{true, false, true} {
			if i == 2 {
				if err := runIP("-n " + a + " link set eth0 mtu 1400"); err != nil {
					return err
				}
			}
			if err := w.look(); err != nil {
				return err
			}
			woken := false
			select {
			case <-w.Changed():
				woken = true
			default:
			}
			if woken != want {
				t.Errorf("look %d: woken %v, want %v", i, woken, want)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestSubscriptionsEndWithTheirGoroutines(t *testing.T) {
	a, _ := namespaces(t)
	for range 5 { // TestMain looks for what is left
		_, stop := watchIn(t, a)
		stop()
	}
	// Many messages that nobody reads: the library's goroutine waits in vain.
	if err := <-inside(a, func() error {
		s, err := subscribe()
		if err != nil {
			s.close()
			return err
		}
		for i := range 3 * queueLength {
			if err := runIP(fmt.Sprintf("-n %s link set eth0 mtu %d", a, 1000+i%2)); err != nil {
				return err
			}
		}
		s.close()
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestOverrunsEndASubscription shows what Run relies on: when more messages
// came than the kernel keeps, the channel is closed and the reason is known.
func TestOverrunsEndASubscription(t *testing.T) {
	a, _ := namespaces(t)
	if err := <-inside(a, func() error {
		s, err := subscribe()
		defer s.close()
		if err != nil {
			return err
		}
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		for i := range 3000 { // nobody reads meanwhile
			if err := netlink.LinkSetMTU(eth0, 1000+i%2); err != nil {
				return err
			}
		}
		timeout := time.After(10 * time.Second)
		for alive := true; alive; {
			select {
			case _, alive = <-s.links:
			case <-timeout:
				return fmt.Errorf("the subscription outlived the overrun")
			}
		}
		if err := s.lost(); !strings.Contains(err.Error(), "no buffer space") {
			return fmt.Errorf("lost for another reason: %w", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestWatcherRecoversFromALostSubscription(t *testing.T) {
	a, _ := namespaces(t)
	w := watched{NewWatcher(zerolog.Nop()), t}
	tries := 0
	w.connect = func() (*subscription, error) {
		s, err := subscribe()
		if tries++; tries == 1 && err == nil { // over at once, as after an overrun
			close(s.done)
			s.done = make(chan struct{})
		}
		return s, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := inside(a, func() error { return w.Run(ctx) })
	w.await("eth0", "eth0", func(e *Candidate) bool { return e != nil })
	ipCommand(t, "-n "+a+" link set eth0 mtu 1400")
	w.await("a change from before it subscribed again", "eth0", func(e *Candidate) bool { return e != nil && e.MTU == 1400 })
	ipCommand(t, "-n "+a+" link set eth0 mtu 1300")
	w.await("a change after it subscribed again", "eth0", func(e *Candidate) bool { return e != nil && e.MTU == 1300 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if tries != 2 {
		t.Errorf("subscribed %d times, want 2", tries)
	}
}
