package pulse

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// counter is a FrameHandler that only counts.
type counter struct{ frames atomic.Int64 }

func (c *counter) Frames(samples []float32, _ aes67.MonoTime) {
	c.frames.Add(int64(len(samples)) / 2)
}

// far is the other end of a connection.
type far struct {
	fd      int
	serving sync.WaitGroup
}

// wire makes a connection whose other end is the test's.
func wire(t testing.TB, frames FrameHandler) (*conn, *far) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := &far{fd: ends[1]}
	t.Cleanup(func() {
		peer.hangUp()
		peer.serving.Wait()
		unix.Close(peer.fd)
	})
	return newConn(ends[0], newFramer(2, frames), now, nil, func(any) {}), peer
}

func (p *far) hangUp() { _ = unix.Shutdown(p.fd, unix.SHUT_RDWR) }

func (p *far) write(t testing.TB, b []byte) {
	t.Helper()
	if _, err := unix.Write(p.fd, b); err != nil {
		t.Fatal(err)
	}
}

// answer serves requests: it calls reply with each opcode and tag and writes
// what that returns.
func (p *far) answer(reply func(opcode, tag uint32) []byte) {
	p.serving.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := unix.Read(p.fd, buf)
			if n <= 0 || err != nil {
				return
			}
			if opcode, tag, ok := header(buf[min(n, descriptorSize):n]); ok {
				if b := reply(opcode, tag); b != nil {
					_, _ = unix.Write(p.fd, b)
				}
			}
		}
	})
}

func TestMessagesDoNotAllocate(t *testing.T) {
	heard := &counter{}
	c, peer := wire(t, heard)
	defer unix.Close(c.fd)
	c.framer.record(3)
	c.framer.open.Store(true)
	message := packet(3, 0, audioOf(make([]float32, 480)...))
	const runs = 2000
	if n := testing.AllocsPerRun(runs, func() {
		peer.write(t, message)
		if err := c.pull(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a message, want 0", n)
	}
	if got, want := heard.frames.Load(), int64(240*(runs+1)); got != want {
		t.Errorf("%d frames, want %d", got, want)
	}
}

func BenchmarkMessage(b *testing.B) {
	c, peer := wire(b, &counter{})
	defer unix.Close(c.fd)
	c.framer.record(3)
	c.framer.open.Store(true)
	message := packet(3, 0, audioOf(make([]float32, 480)...))
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		peer.write(b, message)
		if err := c.pull(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRequestsAndAudioShareTheWire(t *testing.T) {
	heard := &counter{}
	c, peer := wire(t, heard)
	readers, ends := 0, 0
	c.onReader = func() func() {
		readers++
		return func() { ends++ }
	}
	c.open()
	defer c.close()
	c.framer.record(3)
	c.framer.open.Store(true)
	peer.answer(func(opcode, tag uint32) []byte {
		if opcode != proto.OpLoadModule {
			return nil
		}
		b := packet(3, 0, audioOf(1, 2))
		b = append(b, packet(controlChannel, 0, replyTo(tag, []byte("L\x00\x00\x00\x05")))...)
		return append(b, packet(3, 0, audioOf(3, 4))...)
	})
	for range 10 {
		reply := &proto.LoadModuleReply{}
		if err := c.request("loading", &proto.LoadModule{Name: "x"}, reply); err != nil || reply.ModuleIndex != 5 {
			t.Fatalf("module %d, %v", reply.ModuleIndex, err)
		}
	}
	eventually(t, "20 frames", func() bool { return heard.frames.Load() == 20 })
	c.close()
	if readers != 1 || ends != 1 {
		t.Errorf("OnReader was called %d times, its end %d times, want 1 and 1", readers, ends)
	}
}

func TestLossFailsTheWaitingRequestAtOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		last []byte // what the server says before it goes
	}{
		{"nothing", nil},
		{"half a descriptor", make([]byte, 7)},
		{"half a reply", packet(controlChannel, 0, replyTo(0, []byte("L\x00\x00\x00\x05")))[:25]},
		{"nonsense", []byte(strings.Repeat("no such protocol ", 5))},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, peer := wire(t, nil)
			conn.open()
			defer conn.close()
			peer.answer(func(uint32, uint32) []byte {
				peer.write(t, c.last)
				peer.hangUp()
				return nil
			})
			begin := now()
			err := conn.request("loading", &proto.LoadModule{Name: "x"}, &proto.LoadModuleReply{})
			if err == nil || now().Sub(begin) > requestTimeout/2 {
				t.Errorf("request: %v after %v", err, now().Sub(begin))
			}
			<-conn.lost
			if err := conn.request("again", &proto.GetServerInfo{}, &proto.GetServerInfoReply{}); err == nil {
				t.Error("a request on a lost connection succeeds")
			}
		})
	}
}

func TestServerThatDoesNotAnswerIsLost(t *testing.T) {
	c, peer := wire(t, nil)
	c.open()
	defer c.close()
	tags := make(chan uint32, 1)
	peer.answer(func(_, tag uint32) []byte {
		tags <- tag
		return nil
	})
	reply := &proto.LoadModuleReply{}
	if err := c.requestWithin(20*time.Millisecond, "loading", &proto.LoadModule{Name: "x"}, reply); !errors.Is(err, errNoAnswer) {
		t.Errorf("request: %v, want no answer", err)
	}
	<-c.lost
	// The late answer must not reach the struct any more.
	_, _ = unix.Write(peer.fd, packet(controlChannel, 0, replyTo(<-tags, []byte("L\x00\x00\x00\x05"))))
	c.close()
	if reply.ModuleIndex != 0 {
		t.Error("a late answer was read into the reply")
	}
}

func TestCloseFreesABlockedRequest(t *testing.T) {
	c, _ := wire(t, nil)
	c.open()
	done := make(chan error, 1)
	go func() { done <- c.request("loading", &proto.LoadModule{Name: "x"}, &proto.LoadModuleReply{}) }()
	eventually(t, "a request under way", func() bool { return c.expected.Load() != nil })
	c.close()
	if err := <-done; err == nil {
		t.Error("request succeeds on a closed connection")
	}
	c.close() // twice is no harm
}

func TestLongRequestsAreRefused(t *testing.T) {
	c, _ := wire(t, nil)
	c.open()
	defer c.close()
	err := c.request("loading", &proto.LoadModule{Name: "x", Args: strings.Repeat("a", maxRequest)}, &proto.LoadModuleReply{})
	if err == nil || !strings.Contains(err.Error(), "at most 900") {
		t.Errorf("request: %v", err)
	}
	if err := c.err(); err != nil {
		t.Errorf("the connection was lost by it: %v", err)
	}
}

func TestRequestSizeIsWhatTheLibraryWrites(t *testing.T) {
	channels := uniform(LevelNorm, 8, false).wire()
	for _, req := range []proto.RequestArgs{
		&proto.Auth{Version: 32, Cookie: make([]byte, cookieSize)},
		&proto.SetClientName{Props: clientProperties(true)},
		&proto.LoadModule{Name: moduleName, Args: "a=b"},
		&proto.SetSinkVolume{SinkIndex: 1, ChannelVolumes: channels},
		&proto.CreateRecordStream{ChannelMap: make(proto.ChannelMap, 8), SourceName: "x", Properties: clientProperties(true), ChannelVolumes: channels},
		&proto.CreatePlaybackStream{ChannelMap: make(proto.ChannelMap, 8), SinkName: "x", Properties: clientProperties(true), ChannelVolumes: channels},
	} {
		written := tally{end: make(chan struct{})}
		client := &proto.Client{Callback: func(any) {}}
		client.Open(&written)
		client.SetTimeout(time.Millisecond)
		_ = client.Request(req, nil)
		close(written.end)
		if got, want := requestSize(req), written.bytes-descriptorSize; got < want || got > want+16 {
			t.Errorf("%T: size %d, want %d to %d", req, got, want, want+16)
		}
	}
}

// tally counts what is written; nothing can be read.
type tally struct {
	bytes int
	end   chan struct{}
}

func (c *tally) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

func (c *tally) Read([]byte) (int, error) {
	<-c.end
	return 0, errClosed
}

func TestDialSaysWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		list []address
		want string
	}{
		{"nobody listens", []address{{"unix", "/nowhere/native"}}, "no sound server answers at /nowhere/native: start pipewire-pulse or pulseaudio"},
		{"the first of a list is named", []address{{"unix", "/nowhere/native"}, {"tcp", "127.0.0.1:1"}}, "/nowhere/native"},
		{"nothing to try", nil, "unset it or name one"},
		{"a path that is too long", []address{{"unix", "/" + strings.Repeat("x", 200)}}, "no sound server answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := dialAny(context.Background(), c.list)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("dial: %v, want %q in it", err, c.want)
			}
			if len(c.list) > 0 && !errors.Is(err, errNoServer) {
				t.Errorf("dial: %v is not errNoServer", err)
			}
		})
	}
}
