package port_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
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

// veth is a pair of namespaces.
type veth struct{ pc, gm string }

func newVeth(t *testing.T, name string) veth {
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
	w := veth{fmt.Sprintf("ptpt-pc-%s-%d", name, os.Getpid()), fmt.Sprintf("ptpt-gm-%s-%d", name, os.Getpid())}
	t.Cleanup(func() {
		for _, ns := range []string{w.pc, w.gm} {
			_ = exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	for i, args := range [][]string{
		{"netns", "add", w.pc},
		{"netns", "add", w.gm},
		{"-n", w.pc, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", w.gm},
		{"-n", w.pc, "addr", "add", pcAddr + "/24", "dev", "eth0"},
		{"-n", w.gm, "addr", "add", gmAddr + "/24", "dev", "eth0"},
		{"-n", w.pc, "link", "set", "eth0", "up", "multicast", "on"},
		{"-n", w.gm, "link", "set", "eth0", "up", "multicast", "on"},
	} {
		out, err := exec.Command("ip", args...).CombinedOutput()
		switch {
		case err == nil:
		case i == 0 && (bytes.Contains(out, []byte("not permitted")) || bytes.Contains(out, []byte("denied"))): // EPERM, EACCES
			t.Skipf("no network namespace can be made: %s", bytes.TrimSpace(out))
		default:
			t.Fatalf("ip %v: %v: %s", args, err, bytes.TrimSpace(out))
		}
	}
	return w
}

// inside runs f in a namespace. Sockets that it opens stay there; its thread
// ends with it.
func inside(t *testing.T, ns string, f func() error) {
	t.Helper()
	if err := enter(ns, f); err != nil {
		t.Fatalf("in namespace %s: %v", ns, err)
	}
}

// enter is inside for any goroutine.
func enter(ns string, f func() error) error {
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
	return <-done
}

func openIn(t *testing.T, ns string) (ports *port.Sockets, iface net.Interface) {
	t.Helper()
	inside(t, ns, func() error {
		var err error
		if ports, err = port.Open(46); err != nil {
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

func nowRaw() aes67.RawTime {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &t)
	return aes67.RawTime(t.Nano())
}

// realtimeAt returns CLOCK_REALTIME at an instant of a moment ago.
func realtimeAt(t aes67.RawTime) aes67.PTPTime {
	best, offset := int64(math.MaxInt64), int64(0)
	for range 20 {
		before, real := nowRaw(), time.Now().UnixNano()
		if after := nowRaw(); int64(after-before) < best {
			best, offset = int64(after-before), real-int64(before+after)/2
		}
	}
	return aes67.PTPTime(int64(t) + offset)
}

// start runs a service in the namespace of the PC until the test ends.
func (w veth) start(t *testing.T, mode aes67.ClockMode) (*port.Service, *mediaclock.Clock) {
	t.Helper()
	ports, iface := openIn(t, w.pc)
	s, clock := run(t, ports, mode)
	if err := s.Use(iface, netip.MustParseAddr(pcAddr), 0); err != nil {
		t.Fatal(err)
	}
	return s, clock
}

// run runs a service on no interface yet until the test ends.
func run(t *testing.T, ports *port.Sockets, mode aes67.ClockMode) (*port.Service, *mediaclock.Clock) {
	t.Helper()
	return runBy(t, ports, mode, func(serve func() error) error { return serve() })
}

// runBy is run with what its goroutine does around the service.
func runBy(t *testing.T, ports *port.Sockets, mode aes67.ClockMode, around func(serve func() error) error) (*port.Service, *mediaclock.Clock) {
	t.Helper()
	clock := &mediaclock.Clock{}
	s := port.New(port.Config{Mode: mode, Priority1: 250, Priority2: 250, Now: nowRaw}, ports, clock, zerolog.New(zerolog.NewTestWriter(t)))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := around(func() error { return s.Run(ctx) }); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	return s, clock
}

// serve runs a lab grandmaster at the other end until the test ends.
func (w veth) serve(t *testing.T, cfg lab.GrandmasterConfig) *lab.Grandmaster {
	t.Helper()
	ports, iface := openIn(t, w.gm)
	gm := lab.NewGrandmaster(cfg)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := gm.Serve(ctx, ports, iface, netip.MustParseAddr(gmAddr), nowRaw); err != nil {
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
	rate1      float64 // ppb, rms of the believed frequency over 1 s
	worst1     float64 // ppb, at most
}

func (f figures) String() string {
	return fmt.Sprintf("error rms %.0f ns, max %.0f ns; rate error %.1f ppb overall, %.1f ppb rms over 10 s; believed frequency over 1 s %.1f ppb rms, at most %.1f ppb off",
		f.rms, f.worst, f.rate, f.rate10, f.rate1, f.worst1)
}

// compare samples the clock's true error, about 20 times a second.
func compare(clock *mediaclock.Clock, truth func(aes67.RawTime) aes67.PTPTime, d time.Duration) (f figures) {
	var errs, times, believed, shown []float64
	start := nowRaw()
	begun := truth(start)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for nowRaw().Sub(start) < d {
		<-tick.C
		now := nowRaw()
		m, ok := clock.Load()
		if !ok {
			continue
		}
		is := truth(now)
		errs = append(errs, float64(m.PTPAt(now).Sub(is)))
		times = append(times, now.Sub(start).Seconds())
		believed = append(believed, float64(m.Frequency))
		shown = append(shown, float64(is.Sub(begun))*1e-9)
	}
	f.rms, f.worst = lab.RMS(errs), lab.Peak(errs)
	last := len(errs) - 1
	f.rate = (errs[last] - errs[0]) / (times[last] - times[0])
	var rates []float64
	for i, j := 0, 0; i < len(errs); i++ {
		for j < len(errs) && times[j] < times[i]+10 {
			j++
		}
		if j < len(errs) {
			rates = append(rates, (errs[j]-errs[i])/(times[j]-times[i]))
		}
	}
	f.rate10 = lab.RMS(rates)
	off := believedErrors(times, believed, shown)
	f.rate1, f.worst1 = lab.RMS(off), lab.Peak(off)
	return f
}

// believedErrors compares a frequency with what a clock showed, over 1 s each, in
// ppb.
func believedErrors(times, believed, shown []float64) (off []float64) {
	var gained float64
	for i, from := 1, 0; i < len(times); i++ {
		gained += (times[i] - times[i-1]) * (believed[i] + believed[i-1]) / 2
		if took := times[i] - times[from]; took >= 1 {
			off = append(off, gained/took-1e9*((shown[i]-shown[from])/took-1))
			from, gained = i, 0
		}
	}
	return off
}

// How long the clock is left alone before it is compared with the truth, and
// how long it is compared: short for every day, 60 s each for true figures.
var (
	settleTime = flag.Duration("settle", 12*time.Second, "time from the start of a clock to its comparison")
	judgeTime  = flag.Duration("judge", 12*time.Second, "time over which a clock is compared")
)

// labConfig is a master of the media profile with a clock that is skew fast.
func labConfig(skew aes67.PPB) lab.GrandmasterConfig {
	cfg := lab.GrandmasterConfig{
		Identity: aes67.ClockIdentity{0, 0x1D, 0xC1, 0xFF, 0xFE, 0, 0, 9},
		Clock:    lab.Oscillator{Start: nowRaw(), Epoch: 1_790_000_000e9, Skew: skew},
	}
	cfg.MediaProfile()
	return cfg
}

// liveMaster is a clock's time, and by how much its messages are off that.
type liveMaster struct {
	truth func(aes67.RawTime) aes67.PTPTime
	wrong func() time.Duration // nil: not at all
}

// liveCase is a master at the other end, and how true the clock must be.
type liveCase struct {
	name, ns string
	serve    func(t *testing.T, w veth) liveMaster
	lock     time.Duration
	rms      float64 // ns
}

// All cases run at once: the test is mostly waiting.
func TestFollowsMastersOnVeth(t *testing.T) {
	t.Parallel()
	withLab := func(edit func(*lab.GrandmasterConfig)) func(*testing.T, veth) liveMaster {
		return func(t *testing.T, w veth) liveMaster {
			cfg := labConfig(50_000)
			edit(&cfg)
			gm := w.serve(t, cfg)
			return liveMaster{gm.TimeAt, gm.GuessError}
		}
	}
	cases := []liveCase{
		{"lab, +100 ppm", "p", withLab(func(c *lab.GrandmasterConfig) { c.Clock.Skew = 100_000 }), 8 * time.Second, 2000},
		{"lab, -100 ppm", "m", withLab(func(c *lab.GrandmasterConfig) { c.Clock.Skew = -100_000 }), 8 * time.Second, 2000},
		// A one-step clock in software must guess when a Sync will leave.
		{"lab, one-step, ARB, epoch 0", "o", withLab(func(c *lab.GrandmasterConfig) { c.OneStep, c.ARB, c.Clock.Epoch = true, true, 0 }), 12 * time.Second, 10_000},
		{"lab, 0-50 µs each way", "j", withLab(func(c *lab.GrandmasterConfig) { c.Noise = lab.Uniform(50 * time.Microsecond) }), 12 * time.Second, 10_000},
		{"lab, in 30 years", "y", withLab(func(c *lab.GrandmasterConfig) { c.Clock.Epoch += aes67.PTPTime(30 * 365 * 24 * time.Hour) }), 8 * time.Second, 2000},
		// Free-running, both serve CLOCK_REALTIME.
		{"ptpd", "d", func(t *testing.T, w veth) liveMaster {
			runPtpd(t, w.gm, "--masteronly", "--ptpengine:log_sync_interval=-3", "--ptpengine:log_delayreq_interval=-3")
			return liveMaster{truth: realtimeAt}
		}, 20 * time.Second, 5000},
		{"ptp4l", "l", func(t *testing.T, w veth) liveMaster {
			runPtp4l(t, w.gm, "priority1 100\n")
			return liveMaster{truth: realtimeAt}
		}, 15 * time.Second, 2000},
	}
	type run struct {
		service *port.Service
		clock   *mediaclock.Clock
		master  liveMaster
		took    time.Duration // until it was locked
		f       figures
		status  ptp.Status
	}
	cases = slices.DeleteFunc(cases, func(c liveCase) bool {
		tool := ""
		if c.name == "ptpd" || c.name == "ptp4l" {
			tool = missing(c.name, "setpriv")
		}
		if tool != "" {
			t.Logf("%s is left out: %s is not installed", c.name, tool)
		}
		return tool != ""
	})
	runs := make([]run, len(cases))
	var wg sync.WaitGroup
	for i, c := range cases {
		w := newVeth(t, c.ns)
		r := &runs[i]
		r.master = c.serve(t, w)
		r.service, r.clock = w.start(t, aes67.ClockFollower)
		wg.Go(func() {
			started := nowRaw()
			for deadline := started.Add(*settleTime); r.service.Snapshot().State != ptp.Locked && nowRaw() < deadline; {
				select {
				case <-r.service.Changed():
				case <-time.After(100 * time.Millisecond):
				}
			}
			r.took = nowRaw().Sub(started)
			time.Sleep(*settleTime - r.took) // for the windows to fill
			r.f = compare(r.clock, r.master.truth, *judgeTime)
			// A computer that stood still at this moment may have lost the clock for one.
			for deadline := nowRaw().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
				if r.status = r.service.Snapshot(); r.status.State == ptp.Locked && r.status.Problem == "" || nowRaw() > deadline {
					return
				}
			}
		})
	}
	wg.Wait()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := &runs[i]
			t.Logf("locked after %.1f s; %v", r.took.Seconds(), r.f)
			s := &r.status
			t.Logf("%v %v of %v: offset rms %.0f ns, delay %.0f ns, %.1f ppb, bound %.0f ns", s.State, s.Role, s.Grandmaster,
				s.OffsetRMSNS, s.PathDelayNS, s.FrequencyPPB, s.ErrorBoundNS)
			if s.State != ptp.Locked || s.Role != ptp.RoleFollower || s.Steps != 0 || s.Problem != "" {
				t.Errorf("ends as %+v, want locked, follower, without a step or a problem", *s)
			}
			if r.took > c.lock {
				t.Errorf("locked after %v, want within %v", r.took, c.lock)
			}
			limit := c.rms
			if r.master.wrong != nil {
				limit += float64(r.master.wrong()) // no follower can know better
			}
			if !(r.f.rms <= limit) {
				t.Errorf("error rms %.0f ns, want at most %.0f ns", r.f.rms, limit)
			}
		})
	}
}

func eventually(t *testing.T, what string, s *port.Service, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for !done() {
		select {
		case <-s.Changed():
		case <-time.After(100 * time.Millisecond):
		case <-deadline.C:
			t.Fatalf("not within a minute: %s; %+v", what, s.Snapshot())
		}
	}
}
