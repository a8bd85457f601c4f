package pulse

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"github.com/rs/zerolog"

	"aes67-sink/aes67"
)

// stub is a server that only greets.
type stub struct {
	dir      string
	listener net.Listener
	done     chan struct{}
}

// startStub serves each connection with reply, until the test ends.
func startStub(t *testing.T, reply func(opcode, tag uint32) []byte) *stub {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pulse")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "native"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{dir, listener, make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serveStub(c, reply)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-s.done
		os.RemoveAll(dir)
	})
	return s
}

func serveStub(c net.Conn, reply func(opcode, tag uint32) []byte) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		opcode, tag, ok := header(buf[min(n, descriptorSize):n])
		if !ok {
			continue
		}
		answer := reply(opcode, tag)
		if answer == nil {
			return
		}
		if _, err := c.Write(packet(controlChannel, 0, answer)); err != nil {
			return
		}
	}
}

func (s *stub) where() surroundings {
	return elsewhere(map[string]string{"PULSE_RUNTIME_PATH": s.dir}, nil)
}

func authenticated(tag, version uint32) []byte {
	return replyTo(tag, binary.BigEndian.AppendUint32([]byte{'L'}, version))
}

func TestRefusalsNameTheRemedy(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply func(opcode, tag uint32) []byte
		want  []string
	}{
		{"access denied", func(_, tag uint32) []byte { return appendError(nil, tag, proto.ErrAccessDenied) }, []string{"refuses us", "run as the user it belongs to"}},
		{"too old", func(_, tag uint32) []byte { return authenticated(tag, 13) }, []string{"protocol version 13", "update it"}},
		{"hangs up", func(uint32, uint32) []byte { return nil }, []string{"is not ready", "closed the connection"}},
		{"without its pipewire", func(opcode, tag uint32) []byte {
			if opcode == proto.OpAuth {
				return authenticated(tag, 35)
			}
			return appendError(nil, tag, proto.ErrConnectionRefused)
		}, []string{"is not ready", "connection refused", "restart it if this lasts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startStub(t, c.reply)
			_, err := connect(context.Background(), s.where(), newFramer(2, nil), now, nil, func(any) {})
			if err == nil {
				t.Fatal("connected")
			}
			for _, want := range append(c.want, s.dir+"/native") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("connect: %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestEndDuringTheGreetingIsQuick(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := startStub(t, func(opcode, tag uint32) []byte {
		if opcode == proto.OpAuth {
			return authenticated(tag, 35)
		}
		asked <- struct{}{}
		return []byte{} // no answer
	})
	ctx, cancel := context.WithCancel(context.Background())
	sink := New(stereo(), &counter{}, testLog(t))
	sink.where = s.where()
	done := make(chan error, 1)
	go func() { done <- sink.Run(ctx) }()
	<-asked
	begin := now()
	cancel()
	if err := <-done; err != nil || now().Sub(begin) > farewell*3/4 { // nor is the farewell waited for
		t.Errorf("Run: %v after %v", err, now().Sub(begin))
	}
}

func TestWithoutServerTheSinkWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	sink := New(stereo(), &counter{}, testLog(t))
	sink.where = elsewhere(map[string]string{"XDG_RUNTIME_DIR": "/nowhere"}, nil)
	done := make(chan error, 1)
	go func() { done <- sink.Run(ctx) }()
	const want = "no sound server answers at /nowhere/pulse/native: start pipewire-pulse or pulseaudio"
	eventually(t, "the problem", func() bool { return sink.Snapshot().Problem == want })
	if status := sink.Snapshot(); status.Connected || status.State != StateWaiting || status.VolumeConfirmed {
		t.Errorf("status %+v", status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestWrongConfigurationEndsRun(t *testing.T) {
	err := New(Config{}, &counter{}, testLog(t)).Run(context.Background())
	for _, want := range []string{"sink id", "sink name", "channels", "sink rate", "Config.Now"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run: %v, want %q in it", err, want)
		}
	}
}

func TestRetriesDouble(t *testing.T) {
	r := retry{first: 50 * time.Millisecond, last: 2 * time.Second}
	for _, want := range []time.Duration{50, 100, 200, 400, 800, 1600, 2000, 2000} {
		if got := r.pause(); got != want*time.Millisecond {
			t.Errorf("pause %v, want %v", got, want*time.Millisecond)
		}
	}
	r.reset()
	if got := r.pause(); got != 50*time.Millisecond {
		t.Errorf("pause %v after reset, want 50ms", got)
	}
}

func TestFlowIsToldByTheCount(t *testing.T) {
	at := func(d time.Duration) aes67.MonoTime { return aes67.MonoTime(d) }
	var f flow
	f.begin(10, at(0))
	for _, step := range []struct {
		name             string
		after            time.Duration
		count            uint64
		changed, stalled bool
	}{
		{"nothing yet", 100 * time.Millisecond, 10, false, false},
		{"the first message", 200 * time.Millisecond, 11, true, false},
		{"more", 300 * time.Millisecond, 20, false, false},
		{"a gap", 700 * time.Millisecond, 20, false, false},
		{"the end", 900 * time.Millisecond, 20, true, false},
		{"the computer stood still", 10 * time.Second, 20, false, false},
		{"half a second each", 10500 * time.Millisecond, 20, false, false},
		{"is seen whole", 11000 * time.Millisecond, 20, false, false},
		{"and again", 11500 * time.Millisecond, 20, false, false},
		{"a stall", 12000 * time.Millisecond, 20, false, true},
		{"on again", 12100 * time.Millisecond, 21, true, false},
	} {
		if changed := f.look(step.count, at(step.after)); changed != step.changed {
			t.Errorf("%s: changed %v, want %v", step.name, changed, step.changed)
		}
		if stalled := f.stalled(0); stalled != step.stalled {
			t.Errorf("%s: stalled %v, want %v", step.name, stalled, step.stalled)
		}
	}
}

// A recording that stalls again after it was begun anew leads to a new sink, by a mark that
// the volume's way does not take for its own.
func TestARecordingThatStallsTwiceLeadsToANewSink(t *testing.T) {
	c, peer := wire(t, nil)
	c.open()
	defer c.close()
	peer.answer(func(_, tag uint32) []byte { return packet(controlChannel, 0, replyTo(tag, nil)) })
	at := aes67.MonoTime(time.Hour)
	cfg := stereo()
	cfg.Now = func() aes67.MonoTime { return at }
	s := newLife(New(cfg, nil, zerolog.Nop()))
	s.server, s.present, s.confirmed, s.stream = &server{conn: c}, true, true, 7
	watch := func(d time.Duration) {
		for end := at.Add(d); at < end; {
			at = at.Add(s.watchFlow())
		}
	}
	s.flow.begin(0, at)
	watch(stallLimit + time.Second)
	if dirty := s.dirty.Load(); !s.worn || dirty&^dirtyVolumes == 0 {
		t.Errorf("a new sink is to be made: %t, marks %b", s.worn, dirty)
	}
	// If that was no help, more time is left to the players.
	s.worn, s.remade = false, 1
	s.flow.begin(0, at)
	if watch(stallLimit + time.Second); s.worn {
		t.Error("a new sink each few seconds")
	}
	if watch(stallLimit); !s.worn {
		t.Error("and then none any more")
	}
}
