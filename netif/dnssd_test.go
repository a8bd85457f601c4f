package netif

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"aes67-sink/aes67"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }

// mdns builds a message; add adds its records.
func mdns(response bool, add func(b *dnsmessage.Builder) error) []byte {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: response, Authoritative: response})
	b.EnableCompression()
	out, err := func() ([]byte, error) {
		if err := add(&b); err != nil {
			return nil, err
		}
		return b.Finish()
	}()
	if err != nil {
		panic(err)
	}
	return out
}

// ptr adds an answer that points from a service type to an instance.
func ptr(owner, target string, ttl uint32) func(b *dnsmessage.Builder) error {
	return func(b *dnsmessage.Builder) error {
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(owner), Class: dnsmessage.ClassINET, TTL: ttl}
		return errors.Join(b.StartAnswers(), b.PTRResource(h, dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(target)}))
	}
}

// dotted is a RAVENNA announcement whose first record belongs to an instance
// with a dot in its name, as names on labels of devices have.
func dotted() []byte {
	var b []byte
	b = append(b, 0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0) // a response with two answers
	label := func(s string) { b = append(append(b, byte(len(s))), s...) }
	label("Box 1.2")
	for _, s := range []string{"_rtsp", "_tcp", "local"} {
		label(s)
	}
	b = append(b, 0, 0, 16, 0x80, 1, 0, 0, 0x11, 0x94, 0, 1, 0) // TXT, empty
	for _, s := range []string{"_ravenna_session", "_sub", "_rtsp", "_tcp", "local"} {
		label(s)
	}
	return append(b, 0, 0, 12, 0, 1, 0, 0, 0x11, 0x94, 0, 2, 0xC0, 12) // PTR to the first name
}

func TestAnnouncedService(t *testing.T) {
	const long = 4500
	additional := func(b *dnsmessage.Builder) error {
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("stage-box._netaudio-cmc._udp.local."), Class: dnsmessage.ClassINET, TTL: 120}
		return errors.Join(b.StartAnswers(), b.StartAdditionals(),
			b.SRVResource(h, dnsmessage.SRVResource{Port: 8800, Target: dnsmessage.MustNewName("stage-box.local.")}))
	}
	many := func(b *dnsmessage.Builder) error {
		err := b.StartAnswers()
		for _, target := range []string{"_http._tcp.local.", "_netaudio-arc._udp.local."} {
			h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("_services._dns-sd._udp.local."), Class: dnsmessage.ClassINET, TTL: long}
			err = errors.Join(err, b.PTRResource(h, dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(target)}))
		}
		return err
	}
	tests := []struct {
		name    string
		message []byte
		want    string
	}{
		{"a RAVENNA session", mdns(true, ptr("_ravenna_session._sub._rtsp._tcp.local.", "Studio._rtsp._tcp.local.", long)), "_ravenna_session"},
		{"a RAVENNA device", mdns(true, ptr("_ravenna._sub._http._tcp.local.", "node._http._tcp.local.", long)), "_ravenna"},
		{"a Dante device", mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", long)), "_netaudio-arc"},
		{"in capitals", mdns(true, ptr("_NetAudio-Chan._UDP.local.", "x._netaudio-chan._udp.local.", long)), "_netaudio-chan"},
		{"in an additional record", mdns(true, additional), "_netaudio-cmc"},
		{"in the list of service types", mdns(true, many), "_netaudio-arc"},
		{"behind a name with a dot in it", dotted(), "_ravenna_session"},
		{"a plain RTSP server", mdns(true, ptr("_rtsp._tcp.local.", "camera._rtsp._tcp.local.", long)), ""},
		{"a service that only looks like it", mdns(true, ptr("_ravennax._tcp.local.", "x._ravennax._tcp.local.", long)), ""},
		{"a command in place of a name", mdns(true, ptr("_netaudio-the sink is suspended`reboot`._udp.local.", "x._udp.local.", long)), ""},
		{"a goodbye", mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", 0)), ""},
		{"what somebody who asks knows already", mdns(false, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", long)), ""},
		{"a message cut short", mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", long))[:30], ""},
		{"a Neumann speaker", mdns(true, ptr("_ssc._tcp.local.", "Left._ssc._tcp.local.", 4500)), "_ssc"},
		{"what we ask ourselves", query(), ""},
		{"nothing", nil, ""},
	}
	for _, test := range tests {
		if got := announcedService(test.message); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// FuzzAnnouncedService: what is found is one of the services, whatever comes.
func FuzzAnnouncedService(f *testing.F) {
	f.Add(mdns(true, ptr("_ravenna_session._sub._rtsp._tcp.local.", "Studio._rtsp._tcp.local.", 4500)))
	f.Add(mdns(true, ptr("_services._dns-sd._udp.local.", "_netaudio-arc._udp.local.", 4500)))
	f.Add(dotted())
	f.Fuzz(func(t *testing.T, b []byte) {
		got := announcedService(b)
		if got != "" && got != "_ravenna" && got != "_ravenna_session" && got != "_ssc" && !strings.HasPrefix(got, "_netaudio-") {
			t.Fatalf("found %q", got)
		}
		if strings.ContainsAny(got, " `'\"$") {
			t.Fatalf("told is %q", got)
		}
		if len(got) > 255 {
			t.Fatalf("found %d bytes", len(got))
		}
	})
}

// ether is a network in memory.
type ether struct {
	mu      sync.Mutex
	members []string
	refuse  error
	closed  chan struct{}
	in      chan heardMessage
}

type heardMessage struct {
	index  int
	source string
	b      []byte
	err    error
}

func (e *ether) open() (groupConn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = make(chan struct{})
	return e, nil
}

func (e *ether) note(sign string, index int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse != nil {
		return e.refuse
	}
	e.members = append(e.members, fmt.Sprint(sign, index))
	return nil
}

func (e *ether) Join(index int) error  { return e.note("+", index) }
func (e *ether) Leave(index int) error { return e.note("-", index) }
func (e *ether) Close() error          { close(e.closed); return nil }

func (e *ether) Send(index int, to netip.AddrPort, b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if to != mdnsGroup() || !bytes.Equal(b, query()) {
		return fmt.Errorf("%d bytes to %v", len(b), to)
	}
	e.members = append(e.members, fmt.Sprint("?", index))
	return nil
}

func (e *ether) Receive(b []byte) (int, netip.Addr, int, error) {
	select {
	case m := <-e.in:
		if m.err != nil {
			return 0, netip.Addr{}, 0, m.err
		}
		return copy(b, m.b), netip.MustParseAddr(m.source), m.index, nil
	case <-e.closed:
		return 0, netip.Addr{}, 0, net.ErrClosed
	}
}

// listenIn starts a listener on a network in memory.
func listenIn(t *testing.T) (d *DNSSD, e *ether, stop func()) {
	t.Helper()
	began := time.Now()
	e = &ether{in: make(chan heardMessage)}
	d = NewDNSSD(func() aes67.MonoTime { return aes67.MonoTime(time.Since(began)) }, zerolog.Nop())
	d.open, d.local = e.open, func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return d, e, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestDNSSDReportsInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, e, stop := listenIn(t)
		defer stop()
		if err := d.Listen([]int{1, 2}); err != nil {
			t.Fatal(err)
		}
		dante := mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", 4500))
		ravenna := mdns(true, ptr("_ravenna._sub._http._tcp.local.", "node._http._tcp.local.", 4500))
		e.in <- heardMessage{index: 3, source: "10.0.0.7", b: dante}                   // not listened to
		e.in <- heardMessage{index: 1, source: "10.0.0.1", b: dante}                   // ourselves
		e.in <- heardMessage{index: 1, source: "10.0.0.7", b: []byte("not a message")} // rubbish
		synctest.Wait()
		if got := d.Signs(); len(got) != 0 {
			t.Errorf("got %+v, want none", got)
		}
		time.Sleep(10 * time.Second)
		e.in <- heardMessage{index: 2, source: "10.0.0.7", b: dante}
		synctest.Wait()
		select {
		case <-d.Changed():
		default:
			t.Error("the first sign was not told")
		}
		time.Sleep(time.Second)
		e.in <- heardMessage{index: 2, source: "10.0.0.8", b: ravenna}
		synctest.Wait()
		want := Sign{Index: 2, Kind: SignDNSSD, Source: netip.MustParseAddr("10.0.0.7"), Detail: "service _netaudio-arc announced by 10.0.0.7", At: aes67.MonoTime(11 * time.Second)}
		if got := d.Signs(); len(got) != 1 || got[0] != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		time.Sleep(80 * time.Minute)
		if got := d.Signs(); len(got) != 0 {
			t.Errorf("after 80 minutes: got %+v, want none", got)
		}
		e.in <- heardMessage{index: 2, source: "10.0.0.8", b: ravenna}
		synctest.Wait()
		if got := d.Signs(); len(got) != 1 || got[0].Detail != "service _ravenna announced by 10.0.0.8" {
			t.Errorf("later: got %+v", got)
		}
		if err := d.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		if got := d.Signs(); len(got) != 0 {
			t.Errorf("after listening ended there: got %+v, want none", got)
		}
	})
}

func TestDNSSDKeepsItsMemberships(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, e, stop := listenIn(t)
		defer stop()
		check := func(want string) {
			t.Helper()
			synctest.Wait()
			e.mu.Lock()
			defer e.mu.Unlock()
			if got := strings.Join(e.members, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			e.members = nil
		}
		listen := func(indexes ...int) {
			t.Helper()
			if err := d.Listen(indexes); err != nil {
				t.Error(err)
			}
		}
		listen(1, 2)
		check("+1 ?1 +2 ?2")
		listen(2)
		check("-1")
		d.Rejoin()
		check("-2 +2 ?2")
		time.Sleep(askAgainAfter / 2)
		e.mu.Lock()
		e.refuse = errors.New("no such device")
		e.mu.Unlock()
		listen(2, 3)
		check("")
		e.mu.Lock()
		e.refuse = nil
		e.mu.Unlock()
		time.Sleep(rejoinAfter)
		check("?2 +3 ?3") // what is left meanwhile is not asked again
		time.Sleep(time.Minute)
		check("?3")
		if err := d.Listen([]int{0}); err == nil {
			t.Error("index 0: want an error")
		}
		// A socket that fails is opened again, and joined.
		e.in <- heardMessage{err: errors.New("bad file descriptor")}
		time.Sleep(reopenAfter)
		check("+2 ?2 +3 ?3")
		time.Sleep(time.Minute)
		check("?2 ?3")
	})
}

func TestDNSSDIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, e, stop := listenIn(t)
		defer stop()
		if err := d.Listen([]int{1}); err != nil {
			t.Fatal(err)
		}
		for range maxMessages {
			e.in <- heardMessage{index: 1, source: "10.0.0.9", b: []byte("flood")}
		}
		dante := mdns(true, ptr("_netaudio-arc._udp.local.", "box._netaudio-arc._udp.local.", 4500))
		e.in <- heardMessage{index: 1, source: "10.0.0.7", b: dante}
		synctest.Wait()
		if got := d.Signs(); len(got) != 0 {
			t.Errorf("within the flood: got %+v, want none", got)
		}
		time.Sleep(time.Second)
		e.in <- heardMessage{index: 1, source: "10.0.0.7", b: dante}
		synctest.Wait()
		if got := d.Signs(); len(got) != 1 {
			t.Errorf("after it: got %+v, want one", got)
		}
	})
}

func TestDNSSDEndsWhileItWaitsForItsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDNSSD(func() aes67.MonoTime { return 0 }, zerolog.Nop())
		d.open = func() (groupConn, error) { return nil, errors.New("address already in use") }
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestIsLocal(t *testing.T) {
	if isLocal(netip.MustParseAddr("192.0.2.77")) { // TEST-NET-1, RFC 5737
		t.Error("192.0.2.77 is not an address of this machine")
	}
}

// brokenConn breaks an invariant when a message is read.
type brokenConn struct{ groupConn }

func (brokenConn) Receive([]byte) (int, netip.Addr, int, error) { panic("index 7") }

func TestAPanicInReadingIsAnError(t *testing.T) {
	if err := NewDNSSD(func() aes67.MonoTime { return 0 }, zerolog.Nop()).read(brokenConn{}); err == nil || !strings.Contains(err.Error(), "index 7") {
		t.Errorf("read = %v, want the panic's text", err)
	}
}
