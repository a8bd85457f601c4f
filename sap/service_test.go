package sap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link is a network in memory.
type link struct {
	start time.Time

	mu      sync.Mutex
	lines   []string // what was sent, and when
	members []string // what was joined and left
	down    error    // sends fail with it
	refuse  error    // joins fail with it
	opens   int
	deaf    error // nothing can be received
	closed  chan struct{}
	in      chan datagram
}

type datagram struct {
	index  int
	source netip.Addr
	b      []byte
	err    error
}

func newLink() *link { return &link{start: time.Now(), in: make(chan datagram)} }

func (l *link) now() aes67.MonoTime { return aes67.MonoTime(time.Since(l.start)) }

func (l *link) open() (wire, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opens++
	l.closed = make(chan struct{})
	return l, nil
}

func (l *link) hears() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deaf
}

func (l *link) join(index int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return l.refuse
	}
	l.members = append(l.members, fmt.Sprintf("+%d", index))
	return nil
}

func (l *link) leave(index int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, fmt.Sprintf("-%d", index))
	return nil
}

func (l *link) receive(b []byte) (int, netip.Addr, int, error) {
	select {
	case d := <-l.in:
		return copy(b, d.b), d.source, d.index, d.err
	case <-l.closed:
		return 0, netip.Addr{}, 0, net.ErrClosed
	}
}

func (l *link) send(via route, b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return l.down
	}
	p, err := Decode(b)
	if err != nil {
		panic(err)
	}
	d, err := sdp.Parse(p.Payload)
	if err != nil {
		panic(err)
	}
	verb := "announce"
	if p.Delete {
		verb = "delete"
	}
	l.lines = append(l.lines, fmt.Sprintf("%v %d %s %s %d", time.Since(l.start), via.index, verb, d.Name, d.Origin.Version))
	return nil
}

func (l *link) Close() error { close(l.closed); return nil }

func (l *link) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *link) check(t *testing.T, want string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if diff := cmp.Diff(strings.Join(l.lines, "\n"), strings.ReplaceAll(want, ", ", "\n")); diff != "" {
		t.Errorf("sent (-got +want):\n%s", diff)
	}
	l.lines = nil
}

// start runs a service on a link; the returned function ends it and waits.
func start(t *testing.T, l *link, cfg Config) (s *Service, log *bytes.Buffer, stop func()) {
	t.Helper()
	log = &bytes.Buffer{}
	cfg.Now, cfg.Jitter = l.now, func() float64 { return 0.5 }
	if cfg.open == nil {
		cfg.open = l.open
	}
	s = New(cfg, zerolog.New(zerolog.SyncWriter(log)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, log, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestServiceAnnouncesAndSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, _, stop := start(t, l, Config{})
		time.Sleep(time.Second)
		if got := s.State(); got != "listening" {
			t.Errorf("with nothing to announce: %s", got)
		}
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1), named("B", 1, eno1)})
		synctest.Wait()
		if got := s.State(); got != "announcing" {
			t.Errorf("with two sessions: %s", got)
		}
		time.Sleep(32 * time.Second)
		stop()
		l.check(t, "1s 1 announce A 1, 1s 1 announce B 1, 2s 1 announce A 1, 2s 1 announce B 1, 32s 1 announce A 1, 32s 1 announce B 1, "+
			"33s 1 delete A 1, 33s 1 delete B 1, 33.1s 1 delete A 1, 33.1s 1 delete B 1, 33.2s 1 delete A 1, 33.2s 1 delete B 1")
		if got := s.State(); got != "off" {
			t.Errorf("afterwards: %s", got)
		}
		if got := s.Stats(); got.Sent != 12 || got.SendErrors != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestServiceLeavesItsAnnouncementsToTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s := New(Config{Now: l.now, open: l.open, Follows: func() bool { return true }}, zerolog.Nop())
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		began := time.Now()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second/2 {
			t.Errorf("it ended after %v", took)
		}
		l.check(t, "0s 1 announce A 1")
	})
}

func TestServiceTakesWhatWasAskedBeforeItRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		cfg := Config{Now: l.now, open: l.open, Former: []string{named("A", 1, eno1).Text()}}
		s := New(cfg, zerolog.Nop())
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 2, eno1)})
		if err := s.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		if got := s.State(); got != "off" {
			t.Errorf("before it runs: %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		l.check(t, "0s 1 delete A 1, 0s 1 announce A 2, "+
			"500ms 1 delete A 1, 500ms 1 delete A 2, 600ms 1 delete A 1, 600ms 1 delete A 2, 700ms 1 delete A 1, 700ms 1 delete A 2")
	})
}

func TestServiceWithoutAnAddressAnnouncesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, _, stop := start(t, l, Config{})
		s.Announce(net.Interface{Index: 1}, netip.Addr{}, []sdp.Session{named("A", 1, eno1)})
		s.Announce(net.Interface{Index: 1}, ip("fe80::1"), []sdp.Session{named("A", 1, eno1)})
		time.Sleep(time.Minute)
		stop()
		l.check(t, "")
	})
}

func TestServiceSurvivesALinkThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, log, stop := start(t, l, Config{})
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		time.Sleep(10500 * time.Millisecond)
		l.set(func() { l.down = errors.New("network is down") })
		time.Sleep(time.Minute)
		if got := s.State(); got != "listening" {
			t.Errorf("while it is down: %s", got)
		}
		l.set(func() { l.down = nil })
		time.Sleep(10 * time.Second)
		if got := s.State(); got != "announcing" {
			t.Errorf("when it is back: %s", got)
		}
		stop()
		l.check(t, "0s 1 announce A 1, 1s 1 announce A 1, 1m11s 1 announce A 1, 1m12s 1 announce A 1, "+
			"1m20.5s 1 delete A 1, 1m20.6s 1 delete A 1, 1m20.7s 1 delete A 1")
		if got := s.Stats().SendErrors; got < 35 || got > 45 {
			t.Errorf("%d send errors, want one a second from 31 s to 70 s", got)
		}
		if got := strings.Count(log.String(), "cannot be sent from"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
	})
}

func TestServiceHearsOthersAndNotItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, _, stop := start(t, l, Config{})
		defer stop()
		if err := s.Listen([]int{1, 2}); err != nil {
			t.Fatal(err)
		}
		hear := func(index int, source netip.Addr, p Packet) {
			l.in <- datagram{index: index, source: source, b: p.Append(nil)}
			synctest.Wait()
		}
		names := func() string {
			var out []string
			for _, h := range s.Heard() {
				out = append(out, fmt.Sprintf("%d:%s", h.Index, h.Description.Name))
			}
			return strings.Join(out, " ")
		}
		former := named("A", 1, eno1)
		hear(1, eno1.addr, announcement(former)) // a former run's, before we know our own
		hear(1, ip("192.168.10.7"), announcement(named("X", 1, route{addr: ip("192.168.10.7")})))
		hear(2, ip("192.168.10.7"), announcement(named("X", 1, route{addr: ip("192.168.10.7")})))
		hear(3, ip("192.168.10.7"), announcement(named("Y", 1, route{addr: ip("192.168.10.7")}))) // not listened to
		if got, want := names(), "1:X 1:A 2:X"; got != want && got != "1:A 1:X 2:X" {
			t.Errorf("before we announce: %s, want %s", got, want)
		}
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 5, eno1)})
		synctest.Wait()
		hear(1, eno1.addr, announcement(named("A", 5, eno1))) // looped back
		hear(1, eno1.addr, announcement(former))
		if got, want := names(), "1:X 2:X"; got != want {
			t.Errorf("once we announce: %s, want %s", got, want)
		}
		// The same id from another machine is somebody else's.
		hear(1, ip("192.168.10.8"), announcement(named("A", 5, route{addr: ip("192.168.10.8")})))
		if got, want := names(), "1:X 1:A 2:X"; got != want {
			t.Errorf("a twin: %s, want %s", got, want)
		}
		hear(1, ip("192.168.10.7"), deletion(named("X", 1, route{addr: ip("192.168.10.7")})))
		if got, want := names(), "1:A 2:X"; got != want {
			t.Errorf("after a deletion: %s, want %s", got, want)
		}
		if err := s.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		if got, want := names(), "1:A"; got != want {
			t.Errorf("after listening ended on 2: %s, want %s", got, want)
		}
		time.Sleep(11 * time.Minute)
		if got := names(); got != "" {
			t.Errorf("after 11 minutes: %s, want none", got)
		}
	})
}

func TestServiceTellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, _, stop := start(t, l, Config{})
		defer stop()
		if err := s.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		told := func() bool {
			synctest.Wait()
			select {
			case <-s.Changed():
				return true
			default:
				return false
			}
		}
		x := route{addr: ip("192.168.10.7")}
		for i, step := range []struct {
			packet Packet
			want   bool
		}{
			{announcement(named("X", 1, x)), true},
			{announcement(named("X", 1, x)), false},
			{announcement(named("X", 2, x)), true},
			{deletion(named("X", 1, x)), false},
			{deletion(named("X", 2, x)), true},
		} {
			l.in <- datagram{index: 1, source: x.addr, b: step.packet.Append(nil)}
			if got := told(); got != step.want {
				t.Errorf("step %d: told %v, want %v", i, got, step.want)
			}
		}
		l.in <- datagram{index: 1, source: x.addr, b: announcement(named("X", 3, x)).Append(nil)}
		told()
		time.Sleep(12 * time.Minute)
		if !told() {
			t.Error("its end by age was not told")
		}

		l.in <- datagram{index: 1, source: x.addr, b: announcement(named("X", 4, x)).Append(nil)}
		told()
		s.Announce(net.Interface{Index: 1}, x.addr, []sdp.Session{named("X", 4, x)})
		if !told() || len(s.Heard()) != 0 {
			t.Errorf("%d foreign sessions: that one is our own was not told", len(s.Heard()))
		}
	})
}

func TestServiceIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, _, stop := start(t, l, Config{})
		defer stop()
		if err := s.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i := range 3000 {
			x := named("X", 1, route{addr: ip("192.168.10.7")})
			x.ID = uint64(i)
			l.in <- datagram{index: 1, source: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), b: announcement(x).Append(nil)}
		}
		l.in <- datagram{index: 1, source: ip("10.0.0.1"), b: []byte("rubbish")}
		synctest.Wait()
		if got := len(s.Heard()); got != maxSessions {
			t.Errorf("%d sessions, want %d", got, maxSessions)
		}
		if got := s.Stats(); got.Received != 3001 || got.Dropped != 3001-maxRate {
			t.Errorf("got %+v", got)
		}
		time.Sleep(time.Second)
		l.in <- datagram{index: 1, source: ip("10.0.0.1"), b: []byte("rubbish")}
		synctest.Wait()
		if got := s.Stats().Malformed; got != 1 {
			t.Errorf("%d malformed, want 1: the next second is a new one", got)
		}
	})
}

func TestServiceKeepsItsMemberships(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		s, log, stop := start(t, l, Config{})
		defer stop()
		check := func(want string) {
			t.Helper()
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			if got := strings.Join(l.members, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			l.members = nil
		}
		listen := func(indexes ...int) {
			t.Helper()
			if err := s.Listen(indexes); err != nil {
				t.Error(err)
			}
		}
		listen(1, 2)
		check("+1 +2")
		listen(2, 1)
		check("")
		listen(2, 3)
		check("-1 +3")
		s.Rejoin()
		check("-2 -3 +2 +3")
		l.set(func() { l.refuse = errors.New("no such device") })
		listen(4)
		check("-2 -3")
		time.Sleep(3500 * time.Millisecond)
		check("")
		l.set(func() { l.refuse = nil })
		time.Sleep(time.Second)
		check("+4")
		if got := strings.Count(log.String(), "cannot listen"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
		if err := s.Listen([]int{0}); err == nil {
			t.Error("index 0: want an error")
		}
	})
}

func TestServiceWaitsForItsPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, tries := newLink(), 0
		s, log, stop := start(t, l, Config{open: func() (wire, error) {
			if tries++; tries < 4 {
				return nil, errors.New("address already in use")
			}
			return l.open()
		}})
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		time.Sleep(10 * time.Second)
		if got := s.State(); got != StateFailed {
			t.Errorf("meanwhile: %s", got)
		}
		if got := s.Problem(); !strings.Contains(got, "address already in use, so receivers that need it do not see the streams") {
			t.Errorf("meanwhile the problem is %q", got)
		}
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		l.check(t, "15s 1 announce A 1")
		if got := strings.Count(log.String(), "address already in use"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
		// A socket that fails while it is in use is opened again.
		l.in <- datagram{err: errors.New("bad file descriptor")}
		synctest.Wait()
		if got := s.State(); got != StateFailed {
			t.Errorf("when it fails: %s", got)
		}
		time.Sleep(6 * time.Second)
		if got := s.State(); got != StateAnnouncing {
			t.Errorf("when it is back: %s", got)
		}
		stop()
		if l.opens != 2 {
			t.Errorf("opened %d times, want 2", l.opens)
		}
	})
}

func TestServiceSendsWhereItCannotHear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		l.deaf = errors.New("UDP port 9875: address already in use")
		s, log, stop := start(t, l, Config{})
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		l.check(t, "0s 1 announce A 1, 1s 1 announce A 1")
		if got := s.State(); got != "announcing" {
			t.Errorf("state %s", got)
		}
		if got := s.Problem(); !strings.Contains(got, "others are not heard") || !strings.Contains(got, "end the program that holds UDP port 9875") {
			t.Errorf("problem %q", got)
		}
		for range 600 {
			time.Sleep(time.Second)
			if got := s.State(); got != "announcing" {
				t.Fatalf("state %s while it tries to hear again", got)
			}
		}
		l.set(func() { l.deaf = nil })
		time.Sleep(2 * time.Minute)
		if got := s.Problem(); got != "" {
			t.Errorf("all is well, and the problem is %q", got)
		}
		stop()
		if got := strings.Count(log.String(), "others are not heard"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
	})
}

func TestTroubleWithSendingEndsWithTheSessionsAndThatWithHearingDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		l.deaf, l.down = errors.New("UDP port 9875: address already in use"), errors.New("operation not permitted")
		s, _, stop := start(t, l, Config{})
		says := func(phrase string) {
			t.Helper()
			time.Sleep(5 * time.Second)
			if got := s.Problem(); !strings.Contains(got, phrase) {
				t.Errorf("problem %q, want %q", got, phrase)
			}
		}
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		says("operation not permitted")
		l.set(func() { l.down = nil })
		says("others are not heard")
		l.set(func() { l.down = errors.New("operation not permitted") })
		time.Sleep(time.Minute)
		for range 30 {
			says("operation not permitted")
		}
		s.Announce(net.Interface{}, netip.Addr{}, nil)
		says("others are not heard")
		stop()
	})
}

func TestServiceTellsThatItCannotSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		l.down = errors.New("operation not permitted")
		s, log, stop := start(t, l, Config{})
		s.Announce(net.Interface{Index: 1}, eno1.addr, []sdp.Session{named("A", 1, eno1)})
		time.Sleep(time.Minute)
		if got := s.Problem(); !strings.Contains(got, "operation not permitted") || !strings.Contains(got, "firewall") {
			t.Errorf("problem %q", got)
		}
		l.set(func() { l.down = nil })
		time.Sleep(2 * time.Second)
		if got := s.Problem(); got != "" {
			t.Errorf("all is well, and the problem is %q", got)
		}
		stop()
		if got := strings.Count(log.String(), "operation not permitted"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
	})
}

func TestServiceEndsWhileItWaitsForItsPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, stop := start(t, newLink(), Config{open: func() (wire, error) { return nil, errors.New("address already in use") }})
		time.Sleep(time.Second)
		stop()
	})
}

// brokenWire breaks an invariant when a message is read.
type brokenWire struct{ wire }

func (brokenWire) receive([]byte) (int, netip.Addr, int, error) { panic("index 7") }

func TestAPanicInReadingIsAnError(t *testing.T) {
	if err := New(Config{Now: func() aes67.MonoTime { return 0 }}, zerolog.Nop()).read(brokenWire{}); err == nil || !strings.Contains(err.Error(), "index 7") {
		t.Errorf("read = %v, want the panic's text", err)
	}
}
