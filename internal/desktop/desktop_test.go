package desktop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"aes67-sink/internal/lab/testbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a desktop's notification server.
type server struct {
	markup bool

	mu     sync.Mutex
	shown  []shown
	closed []uint32
}

type shown struct {
	program, icon, title, text string
	stays                      int32
}

func (s *server) GetCapabilities() ([]string, *dbus.Error) {
	if s.markup {
		return []string{"body", "body-markup"}, nil
	}
	return []string{"body"}, nil
}

func (s *server) Notify(program string, _ uint32, icon, title, text string, _ []string, _ map[string]dbus.Variant, stays int32) (uint32, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, shown{program, icon, title, text, stays})
	return uint32(len(s.shown)), nil
}

func (s *server) CloseNotification(number uint32) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, number)
	return nil
}

func (s *server) serve(t *testing.T, address string) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Export(s, path, busName); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

func TestANotificationIsShownAsItIsWrittenAndTakenBack(t *testing.T) {
	for _, markup := range []bool{false, true} {
		s := &server{markup: markup}
		d := Desktop{Program: "AES67 Speakers", Icon: "audio-speakers", Bus: testbus.Start(t).Address()}
		s.serve(t, d.Bus)
		number, err := d.Show(t.Context(), Notification{Title: "No sound", Text: "<b> & \"2\"\nlines"})
		if err != nil || number != 1 {
			t.Fatalf("number %d, error %v", number, err)
		}
		want := shown{"AES67 Speakers", "audio-speakers", "No sound", "<b> & \"2\"\nlines", 0}
		if markup {
			want.text = "&lt;b&gt; &amp; \"2\"\nlines"
		}
		err = d.TakeBack(t.Context(), number)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.shown[0] != want {
			t.Errorf("shown %+v, want %+v", s.shown[0], want)
		}
		if err != nil || len(s.closed) != 1 || s.closed[0] != number {
			t.Errorf("closed %v, error %v", s.closed, err)
		}
	}
}

func TestWithoutADesktopNobodyIsWaitedFor(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := (Desktop{}).Show(t.Context(), Notification{}); !errors.Is(err, ErrNone) {
		t.Errorf("without a bus: %v", err)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Desktop{}).Show(t.Context(), Notification{}); !errors.Is(err, ErrNone) {
		t.Errorf("with a file for a bus: %v", err)
	}
	if _, err := (Desktop{Bus: testbus.Start(t).Address()}).Show(t.Context(), Notification{}); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("without a notification server: %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	began := time.Now()
	if _, err := (Desktop{Bus: "unix:path=/nowhere"}).Show(ctx, Notification{}); err == nil || time.Since(began) > time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}
