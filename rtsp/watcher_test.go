package rtsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

const someText = "v=0\r\no=- 7 1 IN IP4 10.0.0.2\r\ns=Stage 1\r\nc=IN IP4 239.69.2.1/15\r\nt=0 0\r\nm=audio 5004 RTP/AVP 98\r\na=rtpmap:98 L24/48000/2\r\n"

// described is someText with what stands before a body.
var described = fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(someText), someText)

// watchAll runs a watcher until the test ends.
func watchAll(t testing.TB, cfg WatcherConfig) *Watcher {
	t.Helper()
	cfg.Now = now
	w := NewWatcher(cfg, zerolog.Nop())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return w
}

func TestWatcherAndServerUnderstandEachOther(t *testing.T) {
	h := serve(t)
	sessions := []Session{{Name: "Stage 1/#ä", Number: 1, Text: someText}}
	at := netip.MustParseAddrPort(h.serves(sessions))
	var failed atomic.Int64
	w := watchAll(t, WatcherConfig{again: 20 * time.Millisecond, dial: func(ctx context.Context, t Target) (net.Conn, error) {
		nc, err := dial(ctx, t)
		if err != nil {
			failed.Add(1)
		}
		return nc, err
	}})
	target := Target{Name: "Stage 1/#ä", Index: 2, Address: at}
	w.Watch([]Target{target, target})
	eventually(t, "the description is there", func() bool { return len(w.Found()) == 1 })
	if f := w.Found()[0]; f.Target != target || f.Text != someText || f.Description.Name != "Stage 1" || f.Description.Origin.ID != 7 || f.At == 0 {
		t.Errorf("found %+v", f)
	}

	sessions[0].Text = strings.Replace(someText, "7 1", "7 2", 1)
	h.Serve(loopback, home, sessions)
	eventually(t, "a change is heard", func() bool { f := w.Found(); return len(f) == 1 && f[0].Description.Origin.Version == 2 })

	eventually(t, "nobody stays connected", func() bool { return h.Snapshot().Connections == 0 })
	h.Serve(net.Interface{}, netip.Addr{}, nil) // gone
	eventually(t, "the server has gone", func() bool { return h.Snapshot().State == StateOff })
	before := failed.Load()
	eventually(t, "it was asked in vain, twice", func() bool { return failed.Load() >= before+2 })
	if len(w.Found()) != 1 {
		t.Error("a session is forgotten before DNS-SD says so")
	}
	w.Watch(nil)
	if f := w.Found(); len(f) != 0 {
		t.Errorf("found %+v when nothing is watched", f)
	}
}

func TestNobodyIsAskedWhoIsNotNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var near atomic.Bool
		var dials atomic.Int64
		w := NewWatcher(WatcherConfig{
			Now:  now,
			Near: func(Target) bool { return near.Load() },
			dial: func(context.Context, Target) (net.Conn, error) { dials.Add(1); return nil, errors.New("refused") },
		}, zerolog.Nop())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		w.Watch([]Target{{Name: "x", Address: netip.MustParseAddrPort("8.8.8.8:554")}})
		time.Sleep(10 * time.Minute)
		if n := dials.Load(); n != 0 {
			t.Errorf("%d connections to an address that is not near", n)
		}
		near.Store(true)
		time.Sleep(2 * lastPause)
		if dials.Load() == 0 {
			t.Error("not asked when its network has come")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestATargetThatIsBackAtOnceIsAskedAtOnce: a service is often withdrawn and published anew
// in one breath, as its computer's address or name changes.
func TestATargetThatIsBackAtOnceIsAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		w := NewWatcher(WatcherConfig{Now: now, dial: func(context.Context, Target) (net.Conn, error) {
			dials.Add(1)
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			go func() { _, _ = io.WriteString(theirs, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n"+described) }()
			return ours, nil
		}}, zerolog.Nop())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		targets := []Target{{Name: "x", Address: netip.MustParseAddrPort("10.0.0.2:554")}}
		w.Watch(targets)
		const rounds = 20 // Run may, in some, look between the two
		for i := range rounds {
			time.Sleep(time.Second)
			if len(w.Found()) != 1 {
				t.Fatalf("not found a second after it was back, in round %d", i)
			}
			w.Watch(nil)
			w.Watch(targets)
		}
		time.Sleep(time.Second)
		if n := dials.Load(); n != rounds+1 {
			t.Errorf("asked %d times, want once each time that it came", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestWatcherSurvives lets servers behave in every bad way, in simulated time.
func TestWatcherSurvives(t *testing.T) {
	whole := "RTSP/1.0 200 OK\r\nCSeq: 1\r\n" + described
	for name, test := range map[string]struct {
		says  string
		found bool
	}{
		"nothing":                  {"", false},
		"garbage":                  {"\x00\xff\r\n\r\n\r\n", false},
		"no such session":          {"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", false},
		"no description":           {"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", false},
		"no audio":                 {"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nv=0\r\n", false},
		"a body without end":       {"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\n", false},
		"a head without end":       {"RTSP/1.0 200 OK\r\n" + strings.Repeat("A: b\r\n", 10000), false},
		"the answer to another":    {strings.Replace(whole, "CSeq: 1", "CSeq: 9", 1), false},
		"what was asked for":       {whole, true},
		"a request of its own too": {"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" + whole, true},
		"an announcement":          {whole + "ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n" + described, true},
		"a broken announcement":    {whole + "ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1\r\n\r\nx", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dials atomic.Int64
				w := NewWatcher(WatcherConfig{Now: now, dial: func(context.Context, Target) (net.Conn, error) {
					dials.Add(1)
					ours, theirs := net.Pipe()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					go func() { _, _ = io.WriteString(theirs, test.says) }()
					return ours, nil
				}}, zerolog.Nop())
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- w.Run(ctx) }()
				w.Watch([]Target{{Name: "x", Address: netip.MustParseAddrPort("10.0.0.2:554")}})
				time.Sleep(10 * time.Minute)
				if got := len(w.Found()) == 1; got != test.found {
					t.Errorf("found: %v, want %v", got, test.found)
				}
				if n := dials.Load(); n > 40 {
					t.Errorf("%d connections in 10 minutes", n)
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWatchedSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatcher(WatcherConfig{Now: now}, zerolog.Nop())
		var targets []Target
		for n := range 3 * maxTargets {
			targets = append(targets, Target{Name: strings.Repeat("x", n), Address: netip.MustParseAddrPort("10.0.0.2:554")})
		}
		w.Watch(targets)
		if len(w.targets) != maxTargets {
			t.Errorf("%d are watched, want %d", len(w.targets), maxTargets)
		}
	})
}

// A server that tells of changes without end, and answers nothing, is left.
func TestNobodyIsListenedToForEver(t *testing.T) {
	ours, theirs := net.Pipe()
	var talking sync.WaitGroup
	defer talking.Wait()
	defer theirs.Close()
	defer ours.Close()
	talking.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
	talking.Go(func() {
		for n := 1; ; n++ {
			if _, err := fmt.Fprintf(theirs, "ANNOUNCE rtsp://x/by-id/1 RTSP/1.0\r\nCSeq: %d\r\n%s", n, described); err != nil {
				return
			}
		}
	})
	taken := 0
	err := newClient(ours, Target{Name: "x", Address: netip.MustParseAddrPort("10.0.0.2:554")}).run(func([]byte) error { taken++; return nil })
	if err == nil || !strings.Contains(err.Error(), "never answered") || taken != messagesPerAnswer {
		t.Errorf("%d were taken: %v", taken, err)
	}
}

// FuzzAnswer: whatever a server says ends in a description, a wait or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n" + described))
	for _, text := range seen {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		go func() {
			_, _ = theirs.Write(b)
			_ = theirs.Close()
		}()
		c := newClient(ours, Target{Name: "x", Address: netip.MustParseAddrPort("10.0.0.2:554")})
		total := 0
		_ = c.run(func(text []byte) error { total += len(text); return nil })
		_ = ours.Close()
		if total > len(b) {
			t.Fatalf("%d bytes of descriptions out of %d", total, len(b))
		}
	})
}
