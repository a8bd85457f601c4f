package mcast

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

var group, other = netip.MustParseAddr("239.255.71.1"), netip.MustParseAddr("239.255.71.2")

// TestConn sends on the loopback what is for the socket between what is not: to
// another group, to this computer alone, and while nothing is joined.
func TestConn(t *testing.T) {
	for _, at := range []netip.Addr{group, netip.IPv4Unspecified()} {
		t.Run(at.String(), func(t *testing.T) {
			c, err := Listen(netip.AddrPortFrom(at, 0), group)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			port := c.udp.LocalAddr().(*net.UDPAddr).Port
			lo, err := net.InterfaceByName("lo")
			if err != nil {
				t.Fatal(err)
			}
			send := sender(t, lo, port)
			send(group, "before")
			for range 2 { // whoever is a member already stays one
				if err := c.Join(lo.Index); err != nil {
					t.Fatal(err)
				}
			}
			send(other, "another group")
			send(netip.MustParseAddr("127.0.0.1"), "unicast")
			send(group, "hears")
			buf := make([]byte, 100)
			_ = c.udp.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, from, index, err := c.Receive(buf)
			if string(buf[:n]) != "hears" || from.String() != "127.0.0.1" || index != lo.Index || err != nil {
				t.Errorf("%q from %v on %d: %v", buf[:n], from, index, err)
			}
			if err := c.Leave(lo.Index); err != nil {
				t.Error(err)
			}
			send(group, "left")
			_ = c.udp.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if n, _, _, err = c.Receive(buf); err == nil {
				t.Errorf("after leaving: %q", buf[:n])
			}
		})
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	c, err := Listen(netip.AddrPortFrom(group, 0), group)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Join(lo.Index), c.packet.SetMulticastInterface(lo)); err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(group, uint16(c.udp.LocalAddr().(*net.UDPAddr).Port))
	buf := make([]byte, 100)
	_ = c.udp.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.udp.WriteToUDPAddrPort(buf[:50], to); err != nil {
			t.Fatal(err)
		}
		if n, _, index, err := c.Receive(buf); n != 50 || index != lo.Index || err != nil {
			t.Fatal(n, index, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a datagram", n)
	}
}

// sender sends from the loopback.
func sender(t *testing.T, lo *net.Interface, port int) func(to netip.Addr, what string) {
	t.Helper()
	out, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	if err := ipv4.NewPacketConn(out).SetMulticastInterface(lo); err != nil {
		t.Fatal(err)
	}
	return func(to netip.Addr, what string) {
		if _, err := out.WriteTo([]byte(what), &net.UDPAddr{IP: to.AsSlice(), Port: port}); err != nil {
			t.Log(to, err) // nobody is there to take it
		}
	}
}

func TestWhatCannotBeHeardIsNamed(t *testing.T) {
	c, err := Listen(netip.AddrPortFrom(group, 0), group)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(1 << 20); err == nil || err.Error() != "joining 239.255.71.1 on interface 1048576: no such device" {
		t.Errorf("an interface that is not there: %v", err)
	}
	taken, err := net.ListenPacket("udp4", ":0") // and not shared
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.LocalAddr().(*net.UDPAddr).Port
	want := fmt.Sprintf("UDP port %d: address already in use", port)
	if _, err := Listen(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), group); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
