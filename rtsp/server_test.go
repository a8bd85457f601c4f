package rtsp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"aes67-sink/aes67"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback = net.Interface{Index: 1, Name: "lo"}
	home     = netip.MustParseAddr("127.0.0.1")
)

// host is a running server on a port of the kernel's choice.
type host struct {
	*Server
	t      testing.TB
	mu     sync.Mutex
	addr   string
	refuse error  // opening fails
	taken  uint16 // up to this port
	end    func()
}

func serve(t testing.TB) *host {
	t.Helper()
	h := &host{t: t}
	h.Server = NewServer(Config{Port: 8554, open: func(iface net.Interface, at netip.AddrPort) ([]net.Listener, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.refuse != nil && (h.taken == 0 || at.Port() <= h.taken) {
			return nil, h.refuse
		}
		l, err := listen(iface, netip.AddrPortFrom(at.Addr(), 0))
		if err == nil {
			h.addr = l[0].Addr().String()
		}
		return l, err
	}}, zerolog.Nop())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.end = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(h.end)
	return h
}

// serves waits until sessions are served and returns the address.
func (h *host) serves(sessions []Session) string {
	h.t.Helper()
	h.Serve(loopback, home, sessions)
	eventually(h.t, "it listens", func() bool { return h.Snapshot().State == StateListening })
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addr
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in 15 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// caller is a client that says what it is told.
type caller struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func call(t testing.TB, addr string) *caller {
	t.Helper()
	return callFrom(t, home, addr)
}

// callFrom calls from an address of this computer.
func callFrom(t testing.TB, from netip.Addr, addr string) *caller {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &caller{nc, t, bufio.NewReader(nc)}
}

func (c *caller) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// hears reads one message: its first line and its body.
func (c *caller) hears() (line, body string) {
	c.t.Helper()
	h, err := readHead(c.r)
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	b, err := h.readBody(c.r, 1<<20)
	if err != nil {
		c.t.Fatal(err)
	}
	return h.line, string(b)
}

// closed reports whether the server has ended the connection.
func (c *caller) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := c.r.ReadByte()
	return err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err)
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

const describeOne = "DESCRIBE rtsp://h/by-id/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"

func TestRequestsInPiecesAndTogether(t *testing.T) {
	c := call(t, serve(t).serves(two()))
	for _, b := range []byte(describeOne) {
		c.say(string(b))
	}
	if line, body := c.hears(); line != "RTSP/1.0 200 OK" || body != two()[0].Text {
		t.Errorf("in pieces: %q, %q", line, body)
	}
	c.say(describeOne + "SET_PARAMETER / RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nabcd" + strings.ReplaceAll(describeOne, "by-id/1", "by-id/2"))
	for _, want := range []string{"RTSP/1.0 200 OK", "RTSP/1.0 405 Method Not Allowed", "RTSP/1.0 200 OK"} {
		if line, _ := c.hears(); line != want {
			t.Errorf("together: %q, want %q", line, want)
		}
	}
}

func TestChangesArePushedToThoseWhoAsked(t *testing.T) {
	h := serve(t)
	addr := h.serves(two())
	left, early, other := call(t, addr), call(t, addr), call(t, addr)
	left.say(describeOne)
	left.hears()
	early.say(strings.ReplaceAll(describeOne, "by-id/1", "by-id/3"))
	if line, _ := early.hears(); line != "RTSP/1.0 404 Not Found" {
		t.Errorf("answered %q", line)
	}
	other.say("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
	other.hears()

	changed := two()
	changed[0].Text = "v=0\r\ns=changed\r\n"
	changed = append(changed, Session{Name: "third", Number: 3, Text: "v=0\r\ns=third\r\n"})
	h.Serve(loopback, home, changed)
	for c, want := range map[*caller][2]string{
		left:  {"ANNOUNCE rtsp://h/by-id/1 RTSP/1.0", changed[0].Text},
		early: {"ANNOUNCE rtsp://h/by-id/3 RTSP/1.0", changed[2].Text},
	} {
		if line, body := c.hears(); line != want[0] || body != want[1] {
			t.Errorf("pushed %q %q, want %q", line, body, want)
		}
		c.say("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" + describeOne) // the connection goes on
		if line, _ := c.hears(); line != "RTSP/1.0 200 OK" {
			t.Errorf("after the push: %q", line)
		}
	}
	other.say("OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n")
	if line, _ := other.hears(); line != "RTSP/1.0 200 OK" {
		t.Errorf("one who asked for nothing got %q", line)
	}
	// Withdrawn and back with another text: the connection is still there.
	h.Serve(loopback, home, nil)
	other.say(describeOne)
	if line, _ := other.hears(); line != "RTSP/1.0 404 Not Found" {
		t.Errorf("withdrawn: %q", line)
	}
	h.Serve(loopback, home, two())
	if line, _ := left.hears(); line != "ANNOUNCE rtsp://h/by-id/1 RTSP/1.0" {
		t.Errorf("back: %q", line)
	}
}

func TestWhatCannotBeReadIsRefusedAndEnds(t *testing.T) {
	addr := serve(t).serves(two())
	for text, want := range map[string]string{
		"nonsense\r\n\r\n": "RTSP/1.0 400 Bad Request",
		"OPTIONS " + strings.Repeat("x", 2*maxHead) + " RTSP/1.0\r\n": "RTSP/1.0 414 Request-URI Too Large",
		"OPTIONS * RTSP/1.0\r\nContent-Length: 9999999\r\n\r\n":       "RTSP/1.0 413 Request Entity Too Large",
		"$\x00\x00\x01x\r\n": "RTSP/1.0 400 Bad Request",
	} {
		c := call(t, addr)
		c.say(text)
		if line, _ := c.hears(); line != want {
			t.Errorf("%.20q: %q, want %q", text, line, want)
		}
		if !c.closed() {
			t.Errorf("%.20q: the connection goes on", text)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	h := serve(t)
	addr := h.serves(two())
	useful := call(t, addr)
	useful.say(describeOne)
	useful.hears()
	var idle []*caller
	for range 3 * maxPerClient {
		idle = append(idle, call(t, addr))
	}
	eventually(t, "those that ask for nothing make room", func() bool { return h.Snapshot().Evicted == 2*maxPerClient+1 })
	if n := h.Snapshot().Connections; n != maxPerClient {
		t.Errorf("%d connections from one address, want %d", n, maxPerClient)
	}
	if !idle[0].closed() {
		t.Error("the oldest was not ended")
	}
	useful.say(describeOne)
	if line, _ := useful.hears(); line != "RTSP/1.0 200 OK" {
		t.Errorf("one that had asked got %q", line)
	}
	late := call(t, addr)
	late.say(describeOne)
	if line, _ := late.hears(); line != "RTSP/1.0 200 OK" {
		t.Errorf("a new one got %q", line)
	}
}

func TestWhenAllHaveAskedTheLongestIdleMakesRoom(t *testing.T) {
	h := serve(t)
	addr := h.serves(two())
	var all []*caller
	for range maxPerClient {
		c := call(t, addr)
		c.say(describeOne)
		c.hears()
		all = append(all, c)
	}
	all[0].say(describeOne) // so the second is the longest idle
	all[0].hears()
	c := call(t, addr)
	c.say(describeOne)
	if line, _ := c.hears(); line != "RTSP/1.0 200 OK" {
		t.Errorf("a new one got %q", line)
	}
	if !all[1].closed() {
		t.Error("the one that was idle for longest goes on")
	}
}

func TestWhereAllHaveAskedTheGreediestMakesRoom(t *testing.T) {
	h := serve(t)
	addr := h.serves(two())
	describe := func(c *caller) string {
		c.say(describeOne)
		line, _ := c.hears()
		return line
	}
	var all []*caller
	from := home
	for range maxConns / maxPerClient {
		from = from.Next()
		for range maxPerClient {
			c := callFrom(t, from, addr)
			if line := describe(c); line != "RTSP/1.0 200 OK" {
				t.Fatalf("%v got %q", from, line)
			}
			all = append(all, c)
		}
	}
	if s := h.Snapshot(); s.Connections != maxConns || s.Evicted != 0 {
		t.Fatalf("%d connections, %d evicted, want %d and none", s.Connections, s.Evicted, maxConns)
	}
	few := from.Next()
	last := callFrom(t, few, addr)
	if line := describe(last); line != "RTSP/1.0 200 OK" {
		t.Errorf("a client that came when all was full got %q", line)
	}
	if s := h.Snapshot(); s.Connections != maxConns || s.Evicted != 1 || !all[0].closed() {
		t.Errorf("%d connections, %d evicted, want %d and one: the longest idle", s.Connections, s.Evicted, maxConns)
	}
	// Nobody else is touched while there are such as have more.
	if line := describe(callFrom(t, few.Next(), addr)); line != "RTSP/1.0 200 OK" {
		t.Errorf("another one got %q", line)
	}
	for _, c := range []*caller{last, all[len(all)-1]} {
		if line := describe(c); line != "RTSP/1.0 200 OK" {
			t.Errorf("%v goes on and got %q", c.LocalAddr(), line)
		}
	}
}

// rudeness is a head that means nothing.
const rudeness = "X x RTSP/1.0\r\nCSeq: 1\r\n\r\n"

func TestWhatMakesNoSenseGivesNoRightToStay(t *testing.T) {
	h := serve(t)
	addr := h.serves(two())
	for range maxPerClient - 1 {
		c := call(t, addr)
		c.say(rudeness)
		c.hears()
	}
	useful := call(t, addr)
	useful.say(describeOne)
	useful.hears()
	for range 3 {
		c := call(t, addr)
		c.say(describeOne)
		if line, _ := c.hears(); line != "RTSP/1.0 200 OK" {
			t.Errorf("beside such as make no sense a new one got %q", line)
		}
	}
	useful.say(describeOne)
	if line, _ := useful.hears(); line != "RTSP/1.0 200 OK" {
		t.Errorf("the one that made sense got %q", line)
	}
}

func TestAnAnswerToNothingGivesNoTime(t *testing.T) {
	t.Parallel() // it takes 10 s
	h := serve(t)
	addr := h.serves(two())
	began := time.Now()
	c := call(t, addr)
	eventually(t, "it is there", func() bool { return h.Snapshot().Connections == 1 })
	c.say("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
	eventually(t, "it is left", func() bool { return h.Snapshot().Connections == 0 })
	if took := time.Since(began); took < requestTime-time.Second {
		t.Errorf("left after %v, want %v", took, requestTime)
	}
}

func TestConnectionsShareTheirBuffers(t *testing.T) {
	h := serve(t)
	addr := h.serves(nil)
	const count = 200
	connect := func() {
		for range count {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}
		eventually(t, "all connections have ended", func() bool { return h.Snapshot().Connections == 0 })
	}
	connect()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	connect()
	runtime.ReadMemStats(&after)
	// Both ends' own, and the buffers that the race detector throws away.
	if each := (after.TotalAlloc - before.TotalAlloc) / count; each > maxHead {
		t.Errorf("a connection takes %d bytes anew, want %d at most", each, maxHead)
	}
}

func TestASlowReaderHoldsUpNobody(t *testing.T) {
	h := serve(t)
	big := two()
	big[0].Text = strings.Repeat("a=x\r\n", 2000)
	addr := h.serves(big)
	slow := call(t, addr)
	slow.say(strings.Repeat(describeOne, 400)) // never reads
	quick := call(t, addr)
	for n := range 20 {
		quick.say(describeOne)
		if line, _ := quick.hears(); line != "RTSP/1.0 200 OK" {
			t.Fatalf("answer %d: %q", n, line)
		}
	}
	eventually(t, "the slow one is left", func() bool { return h.Snapshot().Connections == 1 })
}

// serveRefused serves where every port is taken.
func serveRefused(t *testing.T) *host {
	t.Helper()
	h := serve(t)
	h.mu.Lock()
	h.refuse = fmt.Errorf("listen: %w", syscall.EADDRINUSE)
	h.mu.Unlock()
	h.Serve(loopback, home, two())
	eventually(t, "it is told", func() bool { return h.Snapshot().State == StateFailed })
	return h
}

func TestAPortThatIsTakenIsWaitedFor(t *testing.T) {
	h := serveRefused(t)
	if p := h.Snapshot().Problem; !strings.Contains(p, "port 8554 on 127.0.0.1") || !strings.Contains(p, "choose another announce.rtsp-port") {
		t.Errorf("problem %q", p)
	}
	h.mu.Lock()
	h.refuse = nil
	h.mu.Unlock()
	eventually(t, "it is served", func() bool { s := h.Snapshot(); return s.State == StateListening && s.Problem == "" && s.Port == 8554 })
}

func TestAPortThatNobodyWantsAnyMoreIsNoProblem(t *testing.T) {
	h := serveRefused(t)
	h.Serve(net.Interface{}, netip.Addr{}, nil)
	eventually(t, "it is over", func() bool { s := h.Snapshot(); return s.State == StateOff && s.Problem == "" })
}

func TestAPortThatIsTakenMakesRoomForTheNext(t *testing.T) {
	h := serve(t)
	h.mu.Lock()
	h.refuse, h.taken = fmt.Errorf("listen: %w", syscall.EADDRINUSE), 8555
	h.mu.Unlock()
	h.serves(two())
	if s := h.Snapshot(); s.Port != 8556 || s.Problem != "" {
		t.Errorf("got %+v, want port 8556", s)
	}
	h.Serve(loopback, netip.MustParseAddr("127.0.0.2"), two())
	h.mu.Lock()
	h.taken = 8554
	h.mu.Unlock()
	h.Serve(loopback, netip.MustParseAddr("127.0.0.3"), two())
	eventually(t, "the first port that is free is taken", func() bool { return h.Snapshot().Port == 8555 })
}

func TestAnotherAddressEndsTheOldOne(t *testing.T) {
	h := serve(t)
	old := h.serves(two())
	c := call(t, old)
	c.say(describeOne)
	c.hears()
	h.Serve(loopback, netip.MustParseAddr("127.0.0.2"), two())
	if !c.closed() {
		t.Error("a connection to the old address goes on")
	}
	eventually(t, "the new address is served", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.HasPrefix(h.addr, "127.0.0.2:")
	})
	h.Serve(net.Interface{}, netip.Addr{}, nil)
	eventually(t, "nothing is served", func() bool { s := h.Snapshot(); return s.State == StateOff && s.Port == 0 })
}

func TestARealPortInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := listen(loopback, netip.MustParseAddrPort(l.Addr().String())); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want address in use", err)
	}
}

// now is a clock for watchers.
func now() aes67.MonoTime { return aes67.MonoTime(time.Now().UnixNano()) }
