package port_test

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
)

// ptp4l on the same computer and interface, as master and as hybrid follower.
func TestPtp4lOnTheSameComputer(t *testing.T) {
	t.Parallel()
	w := newVeth(t, "n")
	runPtp4l(t, w.pc, "priority1 100\n")
	ports, iface := openIn(t, w.pc)
	s, _ := runIn(t, w.pc, ports, aes67.ClockAuto)
	if err := s.Use(iface, netip.MustParseAddr(pcAddr), 6*time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ptp4l is named, and we keep quiet", s, func() bool {
		got := s.Snapshot()
		return strings.Contains(got.Problem, "ptp4l (process ") && got.Role == ptp.RoleNone
	})
	// At the other end only one master is heard, of ptp4l's identity.
	otherPorts, otherIface := openIn(t, w.gm)
	other, _ := run(t, otherPorts, aes67.ClockFollower)
	if err := other.Use(otherIface, netip.MustParseAddr(gmAddr), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other end locks to ptp4l", other, func() bool { return other.Snapshot().State == ptp.Locked })
	if heard := other.Heard(); len(heard) != 1 || heard[0].Identity != aes67.ClockIdentityFromMAC(iface.HardwareAddr) {
		t.Errorf("heard %+v, want ptp4l alone", heard)
	}
}

// runIn is run with the goroutine of the service in a namespace, where it finds
// the sockets of others.
func runIn(t *testing.T, ns string, ports *port.Sockets, mode aes67.ClockMode) (*port.Service, *mediaclock.Clock) {
	t.Helper()
	return runBy(t, ports, mode, func(serve func() error) error { return enter(ns, serve) })
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(phrase string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), phrase)
}

// More interfaces than a socket may be a member of groups on: the chosen one is
// heard whatever its number, and the log says once what to do.
func TestMoreInterfacesThanMemberships(t *testing.T) {
	t.Parallel()
	w := newVeth(t, "i")
	const many = 24
	var script strings.Builder
	for i := range many / 2 {
		fmt.Fprintf(&script, "link add d%d type veth peer name e%d\nlink set d%d up multicast on\nlink set e%d up multicast on\n", i, i, i, i)
	}
	cmd := exec.Command("ip", "-n", w.pc, "-b", "-")
	cmd.Stdin = strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("ip: %v: %s", err, out)
	}
	ports, eth0 := openIn(t, w.pc)
	var indexes []int
	inside(t, w.pc, func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagUp != 0 && i.Name != "eth0" {
				indexes = append(indexes, i.Index)
			}
		}
		return err
	})
	if len(indexes) < many {
		t.Fatalf("%d interfaces in the namespace, want at least %d", len(indexes), many)
	}
	log := &lines{}
	s := port.New(port.Config{Mode: aes67.ClockFollower, Now: nowRaw}, ports, &mediaclock.Clock{}, zerolog.New(log))
	for range 5 {
		if err := s.Listen(indexes); err != nil {
			t.Errorf("Listen: %v", err)
		}
	}
	if err := s.Use(eth0, netip.MustParseAddr(pcAddr), 0); err != nil {
		t.Errorf("the chosen interface: %v", err)
	}
	joined := ports.Joined()
	if len(joined) < 20 || !slices.Contains(joined, eth0.Index) {
		t.Errorf("heard on %v, want on 20 with %d among them", joined, eth0.Index)
	}
	if n := log.count("igmp_max_memberships"); n < 1 || n > 2 {
		t.Errorf("%d warnings, want one each time that more cannot be heard", n)
	}
}
