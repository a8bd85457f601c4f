package pulse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jfreymuth/pulse/proto"
)

// exchanges are the requests that this package makes, by what they are answered
// with.
var exchanges = []struct {
	req   proto.RequestArgs
	reply func() proto.Reply
}{
	{&proto.Auth{}, func() proto.Reply { return &proto.AuthReply{} }},
	{&proto.SetClientName{}, func() proto.Reply { return &proto.SetClientNameReply{} }},
	{&proto.GetServerInfo{}, func() proto.Reply { return &proto.GetServerInfoReply{} }},
	{&proto.GetSinkInfo{}, func() proto.Reply { return &proto.GetSinkInfoReply{} }},
	{&proto.GetSinkInfoList{}, func() proto.Reply { return &proto.GetSinkInfoListReply{} }},
	{&proto.GetSourceInfo{}, func() proto.Reply { return &proto.GetSourceInfoReply{} }},
	{&proto.GetSourceOutputInfo{}, func() proto.Reply { return &proto.GetSourceOutputInfoReply{} }},
	{&proto.GetModuleInfo{}, func() proto.Reply { return &proto.GetModuleInfoReply{} }},
	{&proto.LoadModule{}, func() proto.Reply { return &proto.LoadModuleReply{} }},
	{&proto.CreateRecordStream{}, func() proto.Reply { return &proto.CreateRecordStreamReply{} }},
	{&proto.CreatePlaybackStream{}, func() proto.Reply { return &proto.CreatePlaybackStreamReply{} }},
	{&proto.GetSinkInputInfoList{}, func() proto.Reply { return &proto.GetSinkInputInfoListReply{} }},
}

// scripted stands in for a socket: each request is answered by the next packet,
// after a check as the connection makes it.
type scripted struct {
	answers [][]byte
	replies []reflect.Type
	next    chan []byte
	rest    []byte
}

func (s *scripted) Write(p []byte) (int, error) {
	if _, tag, ok := header(p); ok && len(s.answers) > 0 {
		s.next <- appendChecked(nil, s.answers[0], &expectation{tag, s.replies[0]}, protocolVersion)
		s.answers, s.replies = s.answers[1:], s.replies[1:]
	}
	return len(p), nil
}

func (s *scripted) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		b, open := <-s.next
		if !open {
			return 0, errClosed
		}
		s.rest = b
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// replyTo makes a reply of a payload's content.
func replyTo(tag uint32, content []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{'L'}, proto.OpReply)
	b = binary.BigEndian.AppendUint32(append(b, 'L'), tag)
	return append(b, content...)
}

// throughLibrary has the library read content as the answer to exchange i, and
// after that an answer that is known: only if the first was read exactly can the
// second be right.
func throughLibrary(t testing.TB, i int, content []byte) (proto.Reply, error) {
	t.Helper()
	loaded := binary.BigEndian.AppendUint32([]byte{'L'}, 4711)
	reply := exchanges[i].reply()
	s := &scripted{
		answers: [][]byte{replyTo(0, content), replyTo(1, loaded)},
		replies: []reflect.Type{reflect.TypeOf(reply).Elem(), reflect.TypeFor[proto.LoadModuleReply]()},
		next:    make(chan []byte, 2),
	}
	c := &proto.Client{Callback: func(m any) { t.Errorf("callback with %T", m) }}
	c.SetTimeout(5 * time.Second)
	c.Open(s)
	defer close(s.next)
	err := c.Request(exchanges[i].req, reply)
	module := &proto.LoadModuleReply{}
	if err := c.Request(&proto.LoadModule{Name: "x"}, module); err != nil || module.ModuleIndex != 4711 {
		t.Fatalf("the library is out of step: module %d, %v", module.ModuleIndex, err)
	}
	return reply, err
}

func TestCapturedRepliesPassUnchanged(t *testing.T) {
	for _, c := range captures(t) {
		kind, name, _ := strings.Cut(c.name, "-")
		if kind != "reply" || name == "none" {
			continue
		}
		t.Run(c.server+" "+name, func(t *testing.T) {
			for i, x := range exchanges {
				reply := x.reply()
				typ := reflect.TypeOf(reply).Elem()
				if typ.Name() != name {
					continue
				}
				_, tag, _ := header(c.bytes)
				checked := appendChecked(nil, c.bytes, &expectation{tag, typ}, protocolVersion)
				if want := packet(controlChannel, 0, c.bytes); !bytes.Equal(checked, want) {
					t.Fatalf("checked\n%x, want\n%x", checked, want)
				}
				got, err := throughLibrary(t, i, c.bytes[replyHeader:])
				if err != nil || reflect.ValueOf(got).Elem().IsZero() {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			t.Fatal("no such reply")
		})
	}
}

func TestCapturedMessagesPassOrAreDropped(t *testing.T) {
	for _, c := range captures(t) {
		kind, name, _ := strings.Cut(c.name, "-")
		if kind != "message" {
			continue
		}
		opcode, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		if _, known := messages[uint32(opcode)]; known {
			want = packet(controlChannel, 0, c.bytes)
		}
		if got := appendChecked(nil, c.bytes, nil, protocolVersion); !bytes.Equal(got, want) {
			t.Errorf("%s: opcode %d: %x, want %x", c.server, opcode, got, want)
		}
	}
}

func TestBadRepliesBecomeErrors(t *testing.T) {
	long := "t" + strings.Repeat("x", 5000) + "\x00"
	for _, c := range []struct {
		name    string
		reply   proto.Reply
		content string
		want    error
	}{
		{"nothing", &proto.LoadModuleReply{}, "", proto.ErrProtocolError},
		{"cut short", &proto.LoadModuleReply{}, "L\x00\x00\x00", proto.ErrProtocolError},
		{"text for a number", &proto.LoadModuleReply{}, "tabc\x00", proto.ErrProtocolError},
		{"a text without end", &proto.GetModuleInfoReply{}, "L\x00\x00\x00\x01tabc", proto.ErrProtocolError},
		{"more than asked for is left out", &proto.LoadModuleReply{}, "L\x00\x00\x00\x01L\x00\x00\x00\x02", nil},
		{"a list that ends within an element", &proto.GetSinkInfoListReply{}, "L\x00\x00\x00\x01", proto.ErrProtocolError},
		{"a value longer than the packet", &proto.GetModuleInfoReply{}, "L\x00\x00\x00\x01NNL\x00\x00\x00\x00Ptk\x00L\xff\xff\xff\xffx\xff\xff\xff\xff", proto.ErrProtocolError},
		{"two lengths that differ", &proto.GetModuleInfoReply{}, "L\x00\x00\x00\x01NNL\x00\x00\x00\x00Ptk\x00L\x00\x00\x00\x02x\x00\x00\x00\x01a\x00N", proto.ErrProtocolError},
		{"long texts are shortened", &proto.GetModuleInfoReply{}, "L\x00\x00\x00\x01" + long + "NL\x00\x00\x00\x00PN", nil},
		{"long keys are shortened", &proto.GetModuleInfoReply{}, "L\x00\x00\x00\x01NNL\x00\x00\x00\x00P" + long + "L\x00\x00\x00\x01x\x00\x00\x00\x01\x00N", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, x := range exchanges {
				if reflect.TypeOf(x.reply()) != reflect.TypeOf(c.reply) {
					continue
				}
				if _, err := throughLibrary(t, i, []byte(c.content)); !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
			}
		})
	}
}

func TestUnaskedRepliesAreDropped(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
	}{
		{"a reply to another request", replyTo(8, nil)},
		{"an error of another request", appendError(nil, 8, proto.ErrTimeout)},
		{"no header", []byte("L")},
		{"another header", []byte("tabcdefghijklmn")},
		{"an unknown message", append([]byte{'L', 0, 0, 0, 95}, "L\xff\xff\xff\xff"...)},
		{"a cut message", append([]byte{'L', 0, 0, 0, proto.OpSubscribeEvent}, "L\xff\xff\xff\xffL"...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := appendChecked(nil, c.payload, &expectation{7, nil}, protocolVersion); len(got) != 0 {
				t.Errorf("%x was passed on", got)
			}
		})
	}
}

func TestErrorsReachTheirRequest(t *testing.T) {
	got := appendChecked(nil, appendError(nil, 7, proto.ErrNoSuchEntity), &expectation{7, reflect.TypeFor[proto.LoadModuleReply]()}, protocolVersion)
	want := packet(controlChannel, 0, appendError(nil, 7, proto.ErrNoSuchEntity))
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("error packet (-got +want):\n%s", diff)
	}
}

// FuzzCheck: whatever a reply contains, the library reads what is left of it
// without panic and stays in step.
func FuzzCheck(f *testing.F) {
	for _, c := range captures(f) {
		for i, x := range exchanges {
			if "reply-"+reflect.TypeOf(x.reply()).Elem().Name() == c.name {
				f.Add(byte(i), c.bytes[replyHeader:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, i byte, content []byte) {
		_, err := throughLibrary(t, int(i)%len(exchanges), content)
		if err != nil && !errors.Is(err, proto.ErrProtocolError) {
			t.Fatal(err)
		}
	})
}

// FuzzMessage: whatever is sent unasked, the library reads what is left of it.
func FuzzMessage(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(c.bytes)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		checked := appendChecked(nil, payload, nil, protocolVersion)
		if len(checked) > len(payload)+descriptorSize {
			t.Fatalf("%d bytes became %d", len(payload), len(checked))
		}
		messages := 0
		c := &proto.Client{Callback: func(m any) {
			if _, closed := m.(*proto.ConnectionClosed); !closed {
				messages++
			}
		}}
		done := make(chan struct{})
		c.Open(&once{Reader: bytes.NewReader(checked), done: done})
		<-done
		if want := min(len(checked), 1); messages != want {
			t.Fatalf("%d messages of %x, want %d", messages, checked, want)
		}
	})
}

// once reads to the end and says so.
type once struct {
	io.Reader
	done chan struct{}
}

func (o *once) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if err != nil {
		close(o.done)
	}
	return n, err
}

func (o *once) Write(p []byte) (int, error) { return len(p), nil }
