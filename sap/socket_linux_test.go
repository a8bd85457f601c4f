package sap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// wirePair makes two namespaces joined by a cable, each with its end "eth0" up:
//
//	a: eth0 10.83.0.1/24 ---- eth0 10.83.0.2/24 :b
func wirePair(t *testing.T) (a, b string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	a, b = fmt.Sprintf("sap-a-%d", os.Getpid()), fmt.Sprintf("sap-b-%d", os.Getpid())
	for _, ns := range []string{a, b} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	for _, line := range []string{
		"-n " + a + " link add eth0 type veth peer name eth0 netns " + b,
		"-n " + a + " addr add 10.83.0.1/24 dev eth0", "-n " + b + " addr add 10.83.0.2/24 dev eth0",
		"-n " + a + " link set eth0 up", "-n " + b + " link set eth0 up",
	} {
		ipCommand(t, line)
	}
	return a, b
}

func ipCommand(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

// inside calls f on a thread that is in a namespace and ends with it.
func inside(ns string, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread is not to be used again
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

// runIn runs a service whose sockets are in a namespace, on its eth0.
func runIn(t *testing.T, ns string) (s *Service, eth0 net.Interface, stop func()) {
	t.Helper()
	if err := inside(ns, func() error {
		found, err := net.InterfaceByName("eth0")
		if err == nil {
			eth0 = *found
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s = New(Config{
		Now: func() aes67.MonoTime { return aes67.MonoTime(time.Since(began)) },
		open: func() (w wire, err error) {
			err = inside(ns, func() (err error) { w, err = openSockets(); return err })
			return w, err
		},
	}, zerolog.Nop())
	if err := s.Listen([]int{eth0.Index}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, eth0, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// await waits for a state.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestServicesHearEachOtherOverARealNetwork(t *testing.T) {
	a, b := wirePair(t)
	witness := openWitness(t, b)
	sender, eth0, stopSender := runIn(t, a)
	receiver, _, stopReceiver := runIn(t, b)
	defer stopReceiver()

	one := named("A", 1, route{addr: ip("10.83.0.1")})
	two := named("B", 1, route{addr: ip("10.83.0.1")})
	await(t, "both listen", func() bool { return sender.State() == "listening" && receiver.State() == "listening" })
	sender.Announce(eth0, ip("10.83.0.1"), []sdp.Session{one, two})
	await(t, "two sessions heard", func() bool { return len(receiver.Heard()) == 2 })
	h := receiver.Heard()[0]
	if h.Source != ip("10.83.0.1") || h.Origin != ip("10.83.0.1") || h.Description.Name != "A" {
		t.Errorf("got %+v", h)
	}
	if got := sender.Heard(); len(got) != 0 {
		t.Errorf("the sender hears itself: %+v", got)
	}
	if got := sender.State(); got != "announcing" {
		t.Errorf("the sender is %s", got)
	}
	await(t, "its own packets come back to the sender", func() bool { return sender.Stats().Received >= 2 })
	witness.check(t, 255)

	one.Version = 2
	sender.Announce(eth0, ip("10.83.0.1"), []sdp.Session{one})
	await(t, "version 2 alone", func() bool {
		heard := receiver.Heard()
		return len(heard) == 1 && heard[0].Description.Origin.Version == 2
	})

	ipCommand(t, "-n "+a+" addr del 10.83.0.1/24 dev eth0")
	one.Version, one.Stream.Name = 3, "A changed"
	sender.Announce(eth0, ip("10.83.0.1"), []sdp.Session{one})
	await(t, "sends fail without the address", func() bool { return sender.Stats().SendErrors > 0 })
	ipCommand(t, "-n "+a+" addr add 10.83.0.3/24 dev eth0")
	one.Version, one.Origin = 4, ip("10.83.0.3")
	sender.Announce(eth0, ip("10.83.0.3"), []sdp.Session{one})
	await(t, "the new address", func() bool {
		for _, h := range receiver.Heard() {
			if h.Source == ip("10.83.0.3") && h.Description.Origin.Version == 4 {
				return true
			}
		}
		return false
	})
	stopSender()
	await(t, "the end of what was announced last", func() bool {
		for _, h := range receiver.Heard() {
			if h.Source == ip("10.83.0.3") {
				return false
			}
		}
		return true
	})
}

// witness is another program on SAP's port of the same machine.
type witness struct{ conn *net.UDPConn }

func openWitness(t *testing.T, ns string) *witness {
	t.Helper()
	w := &witness{}
	if err := inside(ns, func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var set error
			err := c.Control(func(fd uintptr) {
				set = errors.Join(
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
					unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTTL, 1),
					unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1),
					unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
						&unix.IPMreqn{Multiaddr: groups[0].As4(), Ifindex: int32(eth0.Index)}),
				)
			})
			return errors.Join(err, set)
		}}
		conn, err := lc.ListenPacket(t.Context(), "udp4", fmt.Sprintf(":%d", Port))
		if err == nil {
			w.conn = conn.(*net.UDPConn)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close() })
	return w
}

// check looks at what IP carries of the next packet.
func (w *witness) check(t *testing.T, ttl int) {
	t.Helper()
	b, oob := make([]byte, MaxPacket), make([]byte, 256)
	_ = w.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, oobn, _, from, err := w.conn.ReadMsgUDPAddrPort(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	if from.Addr().Unmap() != ip("10.83.0.1") {
		t.Errorf("source %v", from)
	}
	if _, err = Decode(b[:n]); err != nil {
		t.Error(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	got := map[int32]int{}
	for _, m := range messages {
		if m.Header.Level != unix.IPPROTO_IP {
			continue
		}
		if len(m.Data) >= 4 {
			got[m.Header.Type] = int(binary.NativeEndian.Uint32(m.Data))
		} else {
			got[m.Header.Type] = int(m.Data[0])
		}
	}
	if got[unix.IP_TTL] != ttl || got[unix.IP_TOS] != 0 {
		t.Errorf("TTL %d, TOS %d; want %d, 0", got[unix.IP_TTL], got[unix.IP_TOS], ttl)
	}
}
