package pipewire

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/pipewire/pod"
)

// got is a request as a server sees it.
type got struct {
	to     uint32
	opcode byte
}

// serve plays a server for one connection: answer has what comes before Done to each Sync, in turn.
func serve(t *testing.T, answer ...[][]byte) (socket string, requests chan got) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "pipewire-0")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	requests = make(chan got, 100)
	go func() {
		defer close(requests)
		plain, err := listener.Accept()
		if err != nil {
			return
		}
		c := &connection{socket: plain.(*net.UnixConn)}
		defer c.close()
		for {
			m, err := c.next()
			if err != nil {
				return
			}
			requests <- got{m.to, m.opcode}
			if m.to != core || m.opcode != coreSync {
				continue
			}
			for _, b := range answer[0] {
				_, _ = c.socket.Write(b)
			}
			answer = answer[1:]
			_ = c.send(core, coreDone, pod.AppendInt(pod.AppendInt(nil, core), int32(m.body[1].Int())))
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return socket, requests
}

// event is a message of a server.
func event(from uint32, opcode byte, arguments []byte) []byte {
	body := pod.AppendStruct(nil, arguments)
	b := endian.AppendUint32(nil, from)
	b = endian.AppendUint32(b, uint32(opcode)<<24|uint32(len(body)))
	return append(append(b, make([]byte, 8)...), body...)
}

func announce(number int32, kind string, properties ...string) []byte {
	list := pod.AppendInt(nil, int32(len(properties)/2))
	for _, s := range properties {
		list = pod.AppendString(list, s)
	}
	b := pod.AppendString(pod.AppendInt(pod.AppendInt(nil, number), 0o777), kind)
	return event(registry, registryGlobal, pod.AppendStruct(pod.AppendInt(b, version), list))
}

func latencyOf(object uint32, direction uint32, ns int64) []byte {
	b := pod.AppendID(pod.AppendInt(nil, 0), paramLatency)
	b = pod.AppendInt(pod.AppendInt(b, 0), 1)
	return event(object, portParam, pod.AppendObject(b, 0x4000b, paramLatency,
		pod.Property{Key: latencyDirection, Value: pod.AppendID(nil, direction)},
		pod.Property{Key: latencyMaxNs, Value: pod.AppendLong(nil, ns)}))
}

var node = announce(57, typeNode, "node.name", "aes67", "media.class", "Audio/Sink")

func TestTheSevenMessages(t *testing.T) {
	ping := event(core, corePing, pod.AppendInt(pod.AppendInt(nil, 7), 8))
	socket, requests := serve(t, [][]byte{announce(56, typeNode, "node.name", "output.aes67"), node, ping}, nil)
	if err := SetLatencyOffset(t.Context(), socket, "aes67", 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	var all []got
	for r := range requests {
		all = append(all, r)
	}
	want := []got{
		{core, coreHello},
		{client, clientUpdateProperties},
		{core, coreGetRegistry},
		{core, coreSync},
		{core, corePong},
		{registry, registryBind},
		{firstOwn, nodeSetParam},
		{core, coreSync},
	}
	if !slices.Equal(all, want) {
		t.Errorf("requests %v, want %v", all, want)
	}
}

func TestLatencyIsThatOfInputPorts(t *testing.T) {
	socket, _ := serve(t, [][]byte{
		node,
		announce(46, typePort, "node.id", "57", "port.direction", "in"),
		announce(47, typePort, "node.id", "57", "port.direction", "in"),
		announce(48, typePort, "node.id", "57", "port.direction", "out"),
		announce(49, typePort, "node.id", "50", "port.direction", "in"),
	}, [][]byte{
		latencyOf(firstOwn, directionInput, 30_000_000), latencyOf(firstOwn, 1, 90_000_000),
		latencyOf(firstOwn+1, directionInput, 50_000_000),
	})
	if d, err := Latency(t.Context(), socket, "aes67"); d != 50*time.Millisecond || err != nil {
		t.Errorf("%v, %v; want 50ms", d, err)
	}
}

func TestWhatAServerMaySay(t *testing.T) {
	refusal := pod.AppendInt(pod.AppendInt(pod.AppendInt(nil, 3), 1), -int32(unix.EPERM))
	for _, c := range []struct {
		name   string
		answer [][]byte
		is     error
		says   string
	}{
		{"no node", nil, ErrNoNode, `0 are named "aes67"`},
		{"two nodes", [][]byte{node, node}, ErrNoNode, `2 are named "aes67"`},
		{"no", [][]byte{event(core, coreError, pod.AppendString(refusal, "no permission"))}, unix.EPERM, "no permission"},
		{"too much", [][]byte{{0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, nil, "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket, _ := serve(t, c.answer, nil)
			err := SetLatencyOffset(t.Context(), socket, "aes67", 0)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %v and %q", err, c.is, c.says)
			}
		})
	}
}

func TestASilentServerIsNotWaitedFor(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "pipewire-0")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := SetLatencyOffset(ctx, socket, "aes67", 0); err == nil {
		t.Error("no error from a server that never answers")
	}
}

func TestSocket(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/pipewire-0"},
		{map[string]string{"XDG_RUNTIME_DIR": "/a", "PIPEWIRE_RUNTIME_DIR": "/b"}, "/b/pipewire-0"},
		{map[string]string{"XDG_RUNTIME_DIR": "/a", "PIPEWIRE_REMOTE": "other"}, "/a/other"},
		{map[string]string{"PIPEWIRE_REMOTE": "/c/d"}, "/c/d"},
	} {
		if got := Socket(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(node)
	f.Add(latencyOf(firstOwn, directionInput, 30_000_000))
	f.Add(event(core, corePing, pod.AppendInt(pod.AppendInt(nil, 7), 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, size, err := parse(b)
		if err != nil || size == 0 {
			return
		}
		if size < headSize || size > len(b) {
			t.Fatalf("a message of %d bytes out of %d", size, len(b))
		}
		readGlobal(m)
		readLatency(m)
	})
}
