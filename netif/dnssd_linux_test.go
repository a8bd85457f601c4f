package netif

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	a, b := namespaces(t)
	for _, line := range []string{
		"-n " + a + " addr add 10.84.0.1/24 dev eth0", "-n " + b + " addr add 10.84.0.2/24 dev eth0",
		"-n " + a + " link set eth0 up", "-n " + b + " link set eth0 up",
	} {
		ipCommand(t, line)
	}
	index := map[string]int{}
	for _, ns := range []string{a, b} {
		if err := <-inside(ns, func() error {
			eth0, err := net.InterfaceByName("eth0")
			if err == nil {
				index[ns] = eth0.Index
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	var device groupConn
	if err := <-inside(b, func() (err error) { device, err = openMDNS(); return err }); err != nil {
		t.Fatal(err)
	}
	if err := device.Join(index[b]); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		buf := make([]byte, maxMessage)
		n, from, at, err := device.Receive(buf)
		if err == nil && (from.String() != "10.84.0.1" || at != index[b] || !bytes.Equal(buf[:n], query())) {
			err = fmt.Errorf("asked by %v on %d: %x", from, at, buf[:n])
		}
		if err == nil {
			err = device.Send(at, mdnsGroup(), mdns(true, ptr("_ssc._tcp.local.", "Left._ssc._tcp.local.", 4500)))
		}
		answered <- err
	}()
	d := NewDNSSD(func() aes67.MonoTime { return 1 }, zerolog.New(zerolog.NewTestWriter(t)))
	d.open = func() (conn groupConn, err error) {
		err = <-inside(a, func() (err error) { conn, err = openMDNS(); return err })
		return conn, err
	}
	if err := d.Listen([]int{index[a]}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	for end := time.Now().Add(10 * time.Second); len(d.Signs()) == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if got := d.Signs(); len(got) != 1 || got[0].Detail != "service _ssc announced by 10.84.0.2" {
		t.Errorf("got %+v", got)
	}
	cancel()
	err := errors.Join(<-done, device.Close())
	if err = errors.Join(err, <-answered); err != nil {
		t.Error(err)
	}
}
