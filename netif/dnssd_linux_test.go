package netif

import (
	"bytes"
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

// onACable runs a listener at one end of a cable; the other end's namespace and the
// index of eth0 there are returned, and that of the listener's.
func onACable(t *testing.T) (d *DNSSD, index int, other string, otherIndex int) {
	t.Helper()
	a, other := namespaces(t)
	for ns, address := range map[string]string{a: "10.84.0.1/24", other: "10.84.0.2/24"} {
		ipCommand(t, "-n "+ns+" addr add "+address+" dev eth0")
		ipCommand(t, "-n "+ns+" link set eth0 up")
	}
	index, otherIndex = eth0In(t, a), eth0In(t, other)
	d = NewDNSSD(func() aes67.MonoTime { return 1 }, zerolog.New(zerolog.NewTestWriter(t)))
	d.local = func(netip.Addr) bool { return false }
	d.open = func() (conn groupConn, err error) {
		err = <-inside(a, func() (err error) { conn, err = openMDNS(); return err })
		return conn, err
	}
	if err := d.Listen([]int{index}); err != nil {
		t.Fatal(err)
	}
	return d, index, other, otherIndex
}

// eth0In returns the index of eth0 in a namespace.
func eth0In(t *testing.T, ns string) (index int) {
	t.Helper()
	if err := <-inside(ns, func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err == nil {
			index = eth0.Index
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return index
}

// runs runs a listener until the test ends.
func (d *DNSSD) runs(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestDNSSDHearsOverARealNetwork(t *testing.T) {
	d, index, b, _ := onACable(t)
	d.runs(t)

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
	want := Sign{Index: index, Kind: SignDNSSD, Source: netip.MustParseAddr("10.84.0.2"), Detail: "service _netaudio-arc announced by 10.84.0.2", At: 1}
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

// TestADeviceThatAnswersIsHeard has one that says nothing by itself.
func TestADeviceThatAnswersIsHeard(t *testing.T) {
	d, _, b, index := onACable(t)
	var device groupConn
	if err := <-inside(b, func() (err error) { device, err = openMDNS(); return err }); err != nil {
		t.Fatal(err)
	}
	if err := device.Join(index); err != nil {
		t.Fatal(err)
	}
	d.runs(t)
	defer time.AfterFunc(10*time.Second, func() { _ = device.Close() }).Stop() // nobody asks
	buf := make([]byte, maxMessage)
	n, from, at, err := device.Receive(buf)
	if err != nil || from.String() != "10.84.0.1" || at != index || !bytes.Equal(buf[:n], query()) {
		t.Errorf("asked by %v on %d: %x, %v", from, at, buf[:n], err)
	}
	for range 20 { // a computer that is flooded elsewhere may lose one
		if err := device.Send(index, mdnsGroup(), mdns(true, ptr("_ssc._tcp.local.", "Left._ssc._tcp.local.", 4500))); err != nil {
			t.Fatal(err)
		}
		select {
		case <-d.Changed():
		case <-time.After(500 * time.Millisecond):
			continue
		}
		break
	}
	if got := d.Signs(); len(got) != 1 || got[0].Detail != "service _ssc announced by 10.84.0.2" {
		t.Errorf("got %+v", got)
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}
