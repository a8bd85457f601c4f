package status

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"aes67-sink/internal/instance"
	"aes67-sink/recorder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var twoSessions = []Session{
	{Name: "pc Left", Channels: []string{"front-left"}, Text: "v=0\r\ns=pc Left\r\n"},
	{Name: "pc Right", Channels: []string{"front-right"}, Text: "v=0\r\ns=pc Right\r\n"},
}

// fixed is a teller of one and the same.
type fixed struct {
	unrecorded
	sessions []Session
}

// unrecorded is a teller's part that has seen nothing.
type unrecorded struct{}

func (unrecorded) Bundle(context.Context, io.Writer) error       { return nil }
func (unrecorded) SharedBundle(context.Context, io.Writer) error { return nil }
func (unrecorded) History() recorder.History                     { return recorder.History{} }
func (unrecorded) Points(float64) recorder.Track                 { return recorder.Track{} }
func (unrecorded) Events(uint64) []recorder.Event                { return nil }
func (unrecorded) Incidents() []recorder.Incident                { return nil }

func (fixed) Model() Model          { return example() }
func (f fixed) Sessions() []Session { return f.sessions }

func (fixed) Reload() Reloaded {
	return Reloaded{Taken: []string{"log.level"}, Restart: []string{"stream.ttl"}}
}

func (fixed) Listing() Listing {
	return Listing{Sessions: []ListedSession{{Name: "pc Left", Own: true, Via: []string{ViaSAP}, Group: "239.69.1.1", Port: 5004, ID: "7"}}}
}

func exampleServer() *Server { return NewServer(fixed{sessions: twoSessions}) }

// privateRuntime gives the test a runtime directory of its own.
func privateRuntime(t *testing.T) (runtime string) {
	t.Helper()
	runtime, err := os.MkdirTemp("", "s") // short: socket paths have at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtime) })
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	return runtime
}

const patience = 10 * time.Second

// eventually waits for a state.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// running starts a part and returns how to end it.
func running(t *testing.T, run func(context.Context) error) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	done := false
	end = func() {
		t.Helper()
		cancel()
		if done {
			return
		}
		done = true
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Errorf("did not end within %v", patience)
		}
	}
	t.Cleanup(end)
	return end
}

func TestPage(t *testing.T) {
	page := exampleServer().page()
	for _, test := range []struct {
		name, method, host, path string
		want                     int
	}{
		{"by address", "GET", "127.0.0.1:6767", "/status.json", http.StatusOK},
		{"by localhost", "GET", "localhost:6767", "/status.json", http.StatusOK},
		{"by an IPv6 address", "GET", "[::1]:6767", "/status.json", http.StatusOK},
		{"by an IPv6 address without port", "GET", "[::1]", "/status.json", http.StatusOK},
		{"by an address without port", "GET", "192.168.1.2", "/status.json", http.StatusOK},
		{"header only", "HEAD", "127.0.0.1:6767", "/status.json", http.StatusOK},
		{"by a name of somebody else's", "GET", "evil.example:6767", "/status.json", http.StatusMisdirectedRequest},
		{"by a name that begins like an address", "GET", "127.0.0.1.evil.example", "/status.json", http.StatusMisdirectedRequest},
		{"by no name", "GET", "", "/status.json", http.StatusMisdirectedRequest},
		{"writing", "POST", "127.0.0.1:6767", "/status.json", http.StatusMethodNotAllowed},
		{"deleting", "DELETE", "127.0.0.1:6767", "/status.json", http.StatusMethodNotAllowed},
		{"elsewhere", "GET", "127.0.0.1:6767", "/", http.StatusNotFound},
		{"reloading", "POST", "127.0.0.1:6767", "/reload", http.StatusNotFound},
		{"descriptions", "GET", "127.0.0.1:6767", "/sdp", http.StatusNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "http://placeholder"+test.path, nil)
			request.Host = test.host
			answer := httptest.NewRecorder()
			page.ServeHTTP(answer, request)
			if answer.Code != test.want {
				t.Fatalf("got %d, want %d", answer.Code, test.want)
			}
			if test.want != http.StatusOK {
				return
			}
			want, _ := example().JSON()
			if diff := cmp.Diff(string(want), answer.Body.String()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			for header, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				"Access-Control-Allow-Origin": "",
			} {
				if got := answer.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}

// TestOwnPage has what browsers say of who asks.
func TestOwnPage(t *testing.T) {
	for _, test := range []struct {
		name, origin, site, mode, destination string
		want                                  bool
	}{
		{name: "a program", want: true},
		{name: "typed", site: "none", mode: "navigate", destination: "document", want: true},
		{name: "the page", site: "same-origin", mode: "cors", destination: "empty", want: true},
		{name: "its download", site: "same-origin", mode: "navigate", destination: "document", want: true},
		{name: "the page behind a proxy", origin: "https://music.example", site: "same-origin", mode: "cors", destination: "empty", want: true},
		{name: "the page, without metadata", origin: "http://127.0.0.1:6767", want: true},
		{name: "a link", site: "cross-site", mode: "navigate", destination: "document", want: true},
		{name: "a frame", site: "cross-site", mode: "navigate", destination: "iframe"},
		{name: "a script", origin: "https://evil.example", site: "cross-site", mode: "cors", destination: "empty"},
		{name: "an image", site: "cross-site", mode: "no-cors", destination: "image"},
		{name: "another port of this computer", site: "same-site", mode: "no-cors", destination: "image"},
		{name: "a script, without metadata", origin: "http://evil.example"},
		{name: "one that hides its origin", origin: "null"},
		{name: "another port, without metadata", origin: "http://127.0.0.1:80"},
	} {
		for _, path := range []string{"/events", "/bundle.zip", "/status.json"} {
			request := httptest.NewRequest("GET", "http://127.0.0.1:6767"+path, nil)
			for name, value := range map[string]string{
				"Origin": test.origin, "Sec-Fetch-Site": test.site, "Sec-Fetch-Mode": test.mode, "Sec-Fetch-Dest": test.destination,
			} {
				if value != "" {
					request.Header.Set(name, value)
				}
			}
			answer := httptest.NewRecorder()
			exampleServer().With(http.NotFoundHandler()).page().ServeHTTP(answer, request)
			if got := answer.Code != http.StatusForbidden; got != test.want {
				t.Errorf("%s asks for %s: %d", test.name, path, answer.Code)
			}
		}
	}
}

// TestPageOfPeople asks for what stands beside the status, with a page.
func TestPageOfPeople(t *testing.T) {
	people := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "people") })
	page := exampleServer().With(people).page()
	for _, test := range []struct {
		method, path, site string
		want               int
		form, body         string
	}{
		{"GET", "/", "", http.StatusOK, "", "people"},
		{"GET", "/", "cross-site navigate document", http.StatusOK, "", "people"},
		{"GET", "/list.json", "", http.StatusOK, "application/json", `"sessions": [`},
		{"GET", "/history.json", "", http.StatusOK, "application/json", `"edges_us":[]`},
		{"GET", "/incidents.json", "", http.StatusOK, "application/json", "[]"},
		{"GET", "/sdp/2", "", http.StatusOK, "application/sdp", twoSessions[1].Text},
		{"GET", "/sdp/3", "", http.StatusNotFound, "", "there are 2"},
		{"GET", "/bundle.zip", "", http.StatusOK, "application/zip", ""},
		{"POST", "/", "", http.StatusMethodNotAllowed, "", ""},
		{"POST", "/reload", "", http.StatusMethodNotAllowed, "", ""},
		{"POST", "/", "cross-site navigate document", http.StatusForbidden, "", "cross-origin"},
	} {
		request := httptest.NewRequest(test.method, "http://127.0.0.1:6767"+test.path, nil)
		if told := strings.Fields(test.site); len(told) > 0 {
			request.Header.Set("Sec-Fetch-Site", told[0])
			request.Header.Set("Sec-Fetch-Mode", told[1])
			request.Header.Set("Sec-Fetch-Dest", told[2])
		}
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, request)
		header := answer.Header()
		if answer.Code != test.want || !strings.Contains(answer.Body.String(), test.body) {
			t.Errorf("%s %s: %d %q, want %d %q", test.method, test.path, answer.Code, answer.Body, test.want, test.body)
		}
		if test.form != "" && header.Get("Content-Type") != test.form {
			t.Errorf("%s: %q, want %q", test.path, header.Get("Content-Type"), test.form)
		}
		if test.want == http.StatusForbidden {
			continue
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy, "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", test.path, name, got, want)
			}
		}
	}
}

// TestStreamsEndWithTheServer has an answer that goes on until its request ends.
func TestStreamsEndWithTheServer(t *testing.T) {
	began := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := running(t, func(ctx context.Context) error {
		return serve(ctx, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
		}))
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-began
	before := time.Now()
	end()
	if took := time.Since(before); took >= shutdownTimeout {
		t.Errorf("took %v: the stream was waited for", took)
	}
}

func TestControlSocket(t *testing.T) {
	runtime := privateRuntime(t)
	end := running(t, exampleServer().RunControl)
	client := NewClient()
	var text []byte
	eventually(t, "the control socket answers", func() bool {
		var err error
		text, err = client.Status(t.Context())
		return err == nil
	})
	want, _ := example().JSON()
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	reloaded, err := client.Reload(t.Context())
	if diff := cmp.Diff(fixed{}.Reload(), reloaded); err != nil || diff != "" {
		t.Errorf("reload: %v (-want +got):\n%s", err, diff)
	}
	if _, err := client.ask(t.Context(), "/reload"); err == nil {
		t.Error("a question reloads")
	}
	sessions, err := client.Sessions(t.Context())
	if diff := cmp.Diff(twoSessions, sessions); err != nil || diff != "" {
		t.Errorf("sessions: %v (-want +got):\n%s", err, diff)
	}
	if one, err := client.ask(t.Context(), "/sdp/2"); err != nil || string(one) != twoSessions[1].Text {
		t.Errorf("/sdp/2 is %q, %v; want %q", one, err, twoSessions[1].Text)
	}
	for _, path := range []string{"/sdp/0", "/sdp/3", "/sdp/x"} {
		if _, err := client.ask(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no such session: there are 2") {
			t.Errorf("%s: got %v, want no such session", path, err)
		}
	}
	for path, want := range map[string]os.FileMode{
		filepath.Join(runtime, "aes67-sink"):            os.ModeDir | 0o700,
		filepath.Join(runtime, "aes67-sink", "control"): os.ModeSocket | 0o600,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	end()
	if _, err := os.Lstat(filepath.Join(runtime, "aes67-sink", "control")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if _, err := client.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v, want %v", err, ErrNotRunning)
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	runtime := privateRuntime(t)
	if err := os.Mkdir(filepath.Join(runtime, "aes67-sink"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(runtime, "aes67-sink", "control")})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := NewClient().Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a stale socket: %v, want %v", err, ErrNotRunning)
	}
	running(t, exampleServer().RunControl)
	eventually(t, "the control socket answers", func() bool {
		_, err := NewClient().Status(t.Context())
		return err == nil
	})
	if err := exampleServer().RunControl(t.Context()); err == nil || !strings.Contains(err.Error(), "another aes67-sink serves it") {
		t.Errorf("a second server: %v, want it refused", err)
	}
}

// TestTCP has a port that is taken at first, as an address may be missing at a login:
// the trouble is told once, and the page served as soon as it can be.
func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	troubles := make(chan error, 10)
	failed, again := make(chan struct{}), make(chan struct{})
	server := exampleServer()
	server.pause = func(context.Context) {
		failed <- struct{}{}
		<-again
	}
	end := running(t, func(ctx context.Context) error {
		return server.RunTCP(ctx, address, func(err error) { troubles <- err })
	})
	for range 2 {
		<-failed
		again <- struct{}{}
	}
	<-failed
	want := "status.listen: " + address + ": address already in use; end the program that has this port, or choose another status.listen"
	if err := <-troubles; err == nil || err.Error() != want {
		t.Errorf("a port that is taken: %v, want %s", err, want)
	}
	_ = l.Close()
	again <- struct{}{}
	eventually(t, "the page answers", func() bool {
		answer, err := http.Get("http://" + address + "/status.json")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK && strings.Contains(string(text), `"state": "sending"`)
	})
	http.DefaultClient.CloseIdleConnections()
	if err := <-troubles; err != nil {
		t.Errorf("told %v, want that the trouble is over", err)
	}
	end()
	if len(troubles) > 0 {
		t.Errorf("told again: %v", <-troubles)
	}
}

func TestTCPIsTurnedOff(t *testing.T) {
	end := running(t, func(ctx context.Context) error {
		return exampleServer().RunTCP(ctx, "", func(err error) { t.Error(err) })
	})
	end()
}

func TestAnAskerThatHangsDoesNotKeepTheBridgeFromEnding(t *testing.T) {
	privateRuntime(t)
	end := running(t, exampleServer().RunControl)
	var conn net.Conn
	eventually(t, "the control socket is there", func() bool {
		var err error
		conn, err = net.Dial("unix", filepath.Join(instance.Directory(), controlName))
		return err == nil
	})
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /status.json HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	end()
	if took := time.Since(began); took > requestTimeout-shutdownTimeout { // it was not waited for
		t.Errorf("took %v, want %v and less than %v", took, shutdownTimeout, requestTimeout-shutdownTimeout)
	}
}
