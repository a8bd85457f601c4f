package port

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
)

// TestAParkedSocketTakesNothingFromAnother opens the ports twice, as two users'
// bridges do, and sends to this computer alone.
func TestAParkedSocketTakesNothingFromAnother(t *testing.T) {
	free := anywhere(t) // the kernel takes the number that it chose away from a socket that is no longer parked
	event, general := free.to[0].Port, free.to[1].Port
	first, err := openSockets(event, general, 46)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := openSockets(event, general, 46)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	free.Close()
	conn, err := net.Dial("udp4", netip.AddrPortFrom(loopback, uint16(event)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	heard := func(p *Sockets) bool { // one datagram, at once or not at all
		var buf [16]byte
		n, _, err := unix.Recvfrom(p.event, buf[:], unix.MSG_DONTWAIT)
		return err == nil && n > 0
	}
	for _, step := range []struct {
		parked        *Sockets
		hears, silent *Sockets
	}{{second, first, second}, {first, second, first}, {second, first, second}} {
		first.park(step.parked == first)
		second.park(step.parked == second)
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); !heard(step.hears); {
			if time.Now().After(deadline) {
				t.Fatal("the one that is not parked hears nothing")
			}
			time.Sleep(time.Millisecond)
		}
		if heard(step.silent) {
			t.Error("the parked one hears")
		}
	}
}

func TestAParkedSocketIsNobody(t *testing.T) {
	table := strings.Join([]string{
		"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
		"  100: 00000000:013F 0100007F:0009 07 00000000:00000000 00:00000000 00000000  1001        0 7007 2 0000000000000000 0",
		"  101: 00000000:0140 0100007F:0009 07 00000000:00000000 00:00000000 00000000  1001        0 7008 2 0000000000000000 0", "",
	}, "\n")
	if inode, _ := foreignSocket([]byte(table), [2]uint64{1, 2}); inode != 0 {
		t.Errorf("a bridge that waits for its turn is taken for another PTP program: %d", inode)
	}
	inode, uid := foreignSocket([]byte(strings.ReplaceAll(table, "0100007F:0009", "00000000:0000")), [2]uint64{1, 2})
	if inode != 7007 || uid != 1001 {
		t.Errorf("one that hears is %d of user %d, want 7007 of 1001", inode, uid)
	}
}

// A bridge that waits for its turn from its start, or has given it away, has no socket
// that another user's bridge could take for a PTP program's.
func TestAServiceThatHearsNothingIsParked(t *testing.T) {
	ports := anywhere(t)
	s := New(Config{Now: rtthread.Raw}, ports, &mediaclock.Clock{}, zerolog.Nop())
	is := func(when string, want bool) {
		t.Helper()
		if ports.parked != want {
			t.Errorf("%s: parked %t", when, ports.parked)
		}
	}
	is("at the start", true)
	s.used = 1 // as Use says, of a network that can be had
	_ = s.Listen(nil)
	is("in use", false)
	s.Stop()
	is("given away", true)
}
