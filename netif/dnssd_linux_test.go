package netif

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

func TestDNSSDHearsOverARealNetwork(t *testing.T) {
	a, b := namespaces(t)
	for _, line := range []string{
		"-n " + a + " addr add 10.84.0.1/24 dev eth0", "-n " + b + " addr add 10.84.0.2/24 dev eth0",
		"-n " + a + " link set eth0 up", "-n " + b + " link set eth0 up",
	} {
		ipCommand(t, line)
	}
	index := 0
	d := NewDNSSD(func() aes67.MonoTime { return 1 }, zerolog.New(zerolog.NewTestWriter(t)))
	d.local = func(netip.Addr) bool { return false }
	d.open = func() (conn groupConn, err error) {
		err = <-inside(a, func() (err error) { conn, err = openMDNS(); return err })
		return conn, err
	}
	if err := <-inside(a, func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err == nil {
			index = eth0.Index
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Listen([]int{index}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()

	// Another responder has the port already, in its usual way.
	var device net.PacketConn
	if err := <-inside(b, func() (err error) {
		device, err = net.ListenPacket("udp4", "10.84.0.2:5353")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	message := mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", 4500))
	for end := time.Now().Add(10 * time.Second); len(d.Signs()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing heard within 10 s")
		}
		if err := <-inside(b, func() error { return sendVia(device, message) }); err != nil {
			t.Fatal(err)
		}
	}
	want := Sign{Index: index, Kind: SignDNSSD, Detail: "service _netaudio-arc announced by 10.84.0.2", At: 1}
	if got := d.Signs(); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// sendVia multicasts by eth0, for which no route exists.
func sendVia(conn net.PacketConn, message []byte) error {
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return err
	}
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(eth0.Index)})
	})
	if err = errors.Join(err, set); err != nil {
		return err
	}
	_, err = conn.WriteTo(message, net.UDPAddrFromAddrPort(mdnsGroup()))
	return err
}
