package daemon

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/netif"
	"aes67-sink/rtsp"
)

// What others announce may name any address: only such as are on the network on which it was
// heard are asked.
func TestOnlyNeighboursAreAskedForDescriptions(t *testing.T) {
	prefixes := func(all ...string) (addrs []netip.Prefix) {
		for _, p := range all {
			addrs = append(addrs, netip.MustParsePrefix(p))
		}
		return addrs
	}
	candidates := []netif.Candidate{
		{Index: 1, Name: "lo", Loopback: true, Addrs: prefixes("127.0.0.1/8")},
		{Index: 2, Name: "eno1", Addrs: prefixes("192.168.10.1/24", "10.1.0.1/16")},
		{Index: 3, Name: "eno2", Addrs: prefixes("172.16.0.1/12", "169.254.7.7/16")},
		{Index: 4, Name: "eno3"},
		{Index: 5, Name: "odd", Addrs: prefixes("0.0.0.0/0")},
	}
	for _, test := range []struct {
		name, address string
		index         int
		near          bool
	}{
		{"on the network", "192.168.10.77", 2, true},
		{"on the interface's other network", "10.1.255.1", 2, true},
		{"another program here", "192.168.10.1", 2, true},
		{"anywhere in the world", "8.8.8.8", 2, false},
		{"next to the network", "192.168.11.77", 2, false},
		{"on the network of another interface", "192.168.10.77", 3, false},
		{"link-local, as we are", "169.254.1.2", 3, true},
		{"link-local, as we are not", "169.254.169.254", 2, false},
		{"the loopback, heard on a network", "127.0.0.1", 2, false},
		{"the loopback, heard there", "127.0.0.1", 1, false},
		{"an interface without an address", "192.168.10.77", 4, false},
		{"an interface that has gone", "192.168.10.77", 9, false},
		{"a group", "239.69.1.1", 5, false},
		{"no address at all", "0.0.0.0", 5, false},
		{"everybody", "255.255.255.255", 5, false},
		{"by IPv6", "2001:db8::1", 2, false},
	} {
		target := rtsp.Target{Name: "x", Index: test.index, Address: netip.AddrPortFrom(netip.MustParseAddr(test.address), 554)}
		if got := near(candidates, target); got != test.near {
			t.Errorf("%s: %s on %d is near: %v, want %v", test.name, test.address, test.index, got, test.near)
		}
	}
}

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) have(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func TestTheEarsAskNeighboursAlone(t *testing.T) {
	log := &lines{}
	e := newEars(nil, nil, nil, func(string) zerolog.Logger { return zerolog.New(log) })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.ravenna.Run(ctx) }()
	e.ravenna.Watch([]rtsp.Target{{Name: "x", Index: 1, Address: netip.MustParseAddrPort("127.0.0.1:1")}})
	for deadline := time.Now().Add(5 * time.Second); !log.have("not described"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not even refused in 5 s")
		}
	}
	if !log.have("not on the interface's network") {
		t.Error("anybody is asked")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
