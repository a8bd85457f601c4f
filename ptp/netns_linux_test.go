package ptp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
)

// The tests of this file use real sockets in two network namespaces that a
// veth pair joins:
//
//	ptpt-pc-N  10.68.0.1 eth0 ======== eth0 10.68.0.2  ptpt-gm-N
//	  the service                         a grandmaster
//
// Both ends are on one machine, so the true error of the clock is known.

const (
	pcAddr = "10.68.0.1"
	gmAddr = "10.68.0.2"
)

// wire is a pair of namespaces.
type wire struct{ pc, gm string }

func newWire(t *testing.T, name string) wire {
	t.Helper()
	if testing.Short() {
		t.Skip("real time: left out with -short")
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need iproute2:", err)
	}
	w := wire{fmt.Sprintf("ptpt-pc-%s-%d", name, os.Getpid()), fmt.Sprintf("ptpt-gm-%s-%d", name, os.Getpid())}
	t.Cleanup(func() {
		for _, ns := range []string{w.pc, w.gm} {
			_ = exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	for _, args := range [][]string{
		{"netns", "add", w.pc},
		{"netns", "add", w.gm},
		{"-n", w.pc, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.gm},
		{"-n", w.pc, "addr", "add", pcAddr + "/24", "dev", "eth0"},
		{"-n", w.gm, "addr", "add", gmAddr + "/24", "dev", "eth0"},
		{"-n", w.pc, "link", "set", "eth0", "up", "multicast", "on"},
		{"-n", w.gm, "link", "set", "eth0", "up", "multicast", "on"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("ip %v: %v: %s", args, err, bytes.TrimSpace(out))
		}
	}
	return w
}

// inside runs f in a namespace. Sockets that it opens stay there; its thread
// ends with it.
func inside(t *testing.T, ns string, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is spoilt
		fd, err := os.Open(filepath.Join("/run/netns", ns))
		if err == nil {
			err = unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET)
			fd.Close()
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("in namespace %s: %v", ns, err)
	}
}

func openIn(t *testing.T, ns string) (ports *ptp.Ports, iface net.Interface) {
	t.Helper()
	inside(t, ns, func() error {
		var err error
		if ports, err = ptp.OpenPorts(46); err != nil {
			return err
		}
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		iface = *i
		return nil
	})
	t.Cleanup(ports.Close)
	return ports, iface
}

func monotonic() aes67.MonoTime {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return aes67.MonoTime(t.Nano())
}

// realtimeAt returns CLOCK_REALTIME at an instant of CLOCK_MONOTONIC: the
// difference of the two is constant while nobody sets the date.
func realtimeAt() func(aes67.MonoTime) aes67.PTPTime {
	best, offset := int64(math.MaxInt64), int64(0)
	for range 1000 {
		before, real := monotonic(), time.Now().UnixNano()
		if after := monotonic(); int64(after-before) < best {
			best, offset = int64(after-before), real-int64(before+after)/2
		}
	}
	return func(t aes67.MonoTime) aes67.PTPTime { return aes67.PTPTime(int64(t) + offset) }
}

// start runs a service in the namespace of the PC until the test ends.
func (w wire) start(t *testing.T, mode aes67.ClockMode) (*ptp.Service, *mediaclock.Clock) {
	t.Helper()
	ports, iface := openIn(t, w.pc)
	clock := &mediaclock.Clock{}
	s := ptp.New(ptp.Config{Mode: mode, Priority1: 250, Priority2: 250, Now: monotonic}, ports, clock, zerolog.New(zerolog.NewTestWriter(t)))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	if err := s.Use(iface, netip.MustParseAddr(pcAddr), monotonic()); err != nil {
		t.Fatal(err)
	}
	return s, clock
}

// serve runs a lab grandmaster at the other end until the test ends.
func (w wire) serve(t *testing.T, cfg lab.GrandmasterConfig) *lab.Grandmaster {
	t.Helper()
	ports, iface := openIn(t, w.gm)
	gm := lab.NewGrandmaster(cfg)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := gm.Serve(ctx, ports, iface, netip.MustParseAddr(gmAddr), monotonic); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	return gm
}

// errors of the virtual clock against the truth.
type figures struct {
	rms, worst float64 // ns
	rate       float64 // ppb, over the whole time
	rate10     float64 // ppb, rms over 10 s
}

func (f figures) String() string {
	return fmt.Sprintf("error rms %.0f ns, max %.0f ns; rate error %.1f ppb overall, %.1f ppb rms over 10 s", f.rms, f.worst, f.rate, f.rate10)
}

// compare samples the clock's true error, about 20 times a second.
func compare(clock *mediaclock.Clock, truth func(aes67.MonoTime) aes67.PTPTime, d time.Duration) (f figures) {
	var errs, times []float64
	start := monotonic()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for monotonic().Sub(start) < d {
		<-tick.C
		now := monotonic()
		m, ok := clock.Load()
		if !ok {
			continue
		}
		errs = append(errs, float64(m.PTPAt(now).Sub(truth(now))))
		times = append(times, now.Sub(start).Seconds())
	}
	var sum float64
	for _, e := range errs {
		sum += e * e
		f.worst = max(f.worst, math.Abs(e))
	}
	f.rms = math.Sqrt(sum / float64(len(errs)))
	last := len(errs) - 1
	f.rate = (errs[last] - errs[0]) / (times[last] - times[0])
	sum = 0
	var n int
	for i, j := 0, 0; i < len(errs); i++ {
		for j < len(errs) && times[j] < times[i]+10 {
			j++
		}
		if j < len(errs) {
			r := (errs[j] - errs[i]) / (times[j] - times[i])
			sum += r * r
			n++
		}
	}
	f.rate10 = math.Sqrt(sum / float64(max(n, 1)))
	return f
}

// waitLocked waits until the service says so.
func waitLocked(t *testing.T, s *ptp.Service, within time.Duration) ptp.Status {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		if st := s.Snapshot(); st.State == ptp.Locked {
			return st
		}
		select {
		case <-s.Changed():
		case <-deadline.C:
			t.Fatalf("not locked within %v: %+v", within, s.Snapshot())
		}
	}
}

// settle and judge are how long the clock is left alone, and then compared.
// AES67_SINK_CLOCK_SECONDS in the environment makes the comparison longer.
const settle = 12 * time.Second

func judge() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("AES67_SINK_CLOCK_TIME")); err == nil {
		return d
	}
	return 15 * time.Second
}

func labConfig(skew aes67.PPB) lab.GrandmasterConfig {
	cfg := gmConfig(9, skew)
	cfg.Clock.Start = monotonic()
	return cfg
}

func TestFollowsLabGrandmasterOnVeth(t *testing.T) {
	for _, c := range []struct {
		name string
		ns   string
		edit func(*lab.GrandmasterConfig)
		rms  float64
	}{
		{"+100 ppm", "p", func(c *lab.GrandmasterConfig) { c.Clock.Skew = 100_000 }, 2000},
		{"-100 ppm, one-step, ARB", "m", func(c *lab.GrandmasterConfig) {
			c.Clock.Skew, c.OneStep, c.ARB, c.Clock.Epoch = -100_000, true, true, 0
		}, 20_000}, // a one-step clock in software must guess when a Sync leaves
		{"+50 ppm, 0-50 µs each way", "j", func(c *lab.GrandmasterConfig) { c.Noise = lab.Uniform(50 * time.Microsecond) }, 4000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, c.ns)
			cfg := labConfig(50_000)
			c.edit(&cfg)
			gm := w.serve(t, cfg)
			s, clock := w.start(t, aes67.ClockFollower)
			started := monotonic()
			st := waitLocked(t, s, 10*time.Second)
			t.Logf("locked after %.1f s", monotonic().Sub(started).Seconds())
			if st.Grandmaster != cfg.Identity || st.Role != ptp.RoleFollower {
				t.Errorf("follows %v as %v, want %v as follower", st.Grandmaster, st.Role, cfg.Identity)
			}
			time.Sleep(settle) // the estimator's windows must fill; nothing can be waited for
			f := compare(clock, gm.TimeAt, judge())
			t.Log(f)
			if f.rms > c.rms {
				t.Errorf("error rms %.0f ns, want at most %.0f ns", f.rms, c.rms)
			}
			st = s.Snapshot()
			if got := float64(st.FrequencyPPB - cfg.Clock.Skew); math.Abs(got) > 500 {
				t.Errorf("frequency off by %.0f ppb, want within 500 ppb", got)
			}
			if st.Steps != 0 {
				t.Errorf("%d steps, want none", st.Steps)
			}
			t.Logf("%+v", st)
		})
	}
}

func TestFollowsPtp4lOnVeth(t *testing.T) {
	t.Parallel()
	w := newWire(t, "l")
	runPtp4l(t, w.gm, "")
	s, clock := w.start(t, aes67.ClockFollower)
	waitLocked(t, s, 20*time.Second)
	time.Sleep(settle / 2)
	// A free-running ptp4l serves CLOCK_REALTIME.
	f := compare(clock, realtimeAt(), judge()/2)
	t.Log(f)
	if f.rms > 2000 {
		t.Errorf("error rms %.0f ns, want at most 2000 ns", f.rms)
	}
	t.Logf("%+v", s.Snapshot())
}

// runPtp4l runs linuxptp until the test ends. It must not touch the machine's
// clock: it runs free, and without the capability to.
func runPtp4l(t *testing.T, ns string, more string) *bytes.Buffer {
	t.Helper()
	for _, tool := range []string{"ptp4l", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("not installed:", err)
		}
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "ptp.conf")
	text := "[global]\npriority1 100\ntwoStepFlag 1\nnetwork_transport UDPv4\ndelay_mechanism E2E\ntime_stamping software\n" +
		"logSyncInterval -3\nlogMinDelayReqInterval -3\nlogAnnounceInterval 0\nannounceReceiptTimeout 2\nfree_running 1\n" +
		"uds_address " + filepath.Join(dir, "uds") + "\n" + more + "[eth0]\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	cmd := exec.Command("setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time",
		"ip", "netns", "exec", ns, "ptp4l", "-m", "-q", "-f", conf)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return out
}
