package pulse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// protocolVersion is what the library speaks; version 32 came with PulseAudio
// 9.0 and is offered by every PipeWire.
const protocolVersion proto.Version = 32

// minVersion is the least that the requests here can do with: source output
// volumes and formats (PulseAudio 1.0).
const minVersion = 22

// server is a connection that is ready for requests.
type server struct {
	*conn
	address address
	client  uint32 // our index among the server's clients
	name    string // as the server calls itself
}

// connect finds, dials and greets a server.
func connect(ctx context.Context, where surroundings, f *framer, now func() aes67.MonoTime, onReader func() (end func()), on func(any)) (*server, error) {
	conf := where.clientConf()
	fd, a, err := dialAny(ctx, where.servers(conf))
	if err != nil {
		return nil, err
	}
	s := &server{conn: newConn(fd, f, now, onReader, on), address: a}
	s.open()
	stop := context.AfterFunc(ctx, func() { s.fail(context.Canceled) })
	defer stop()
	if err := s.greet(where.cookie(conf), clientProperties(f.frames != nil)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// greet authenticates, names us and asks what the server is.
func (s *server) greet(cookie []byte, names proto.PropList) error {
	auth := &proto.AuthReply{}
	switch err := s.request("authentication", &proto.Auth{Version: protocolVersion, Cookie: cookie}, auth); {
	case errors.Is(err, proto.ErrAccessDenied):
		return fmt.Errorf("the sound server at %v refuses us: %w: run as the user it belongs to, or set PULSE_COOKIE", s.address, err)
	case err != nil:
		return s.notReady(err)
	case auth.Version.Version() < minVersion:
		return fmt.Errorf("the sound server at %v speaks protocol version %d: at least %d is needed: update it", s.address, auth.Version.Version(), minVersion)
	}
	s.conn.client.SetVersion(auth.Version)
	s.version.Store(uint32(s.conn.client.Version()))

	named := &proto.SetClientNameReply{}
	if err := s.request("client name", &proto.SetClientName{Props: names}, named); err != nil {
		return s.notReady(err)
	}
	s.client = named.ClientIndex
	info, err := s.info()
	if err != nil {
		return s.notReady(err)
	}
	s.name = serverName(info)
	return nil
}

// notReady is what a server says while it starts or, like pipewire-pulse without
// its pipewire, cannot work.
func (s *server) notReady(err error) error {
	return fmt.Errorf("the sound server at %v is not ready (%w): restart it if this lasts", s.address, err)
}

// info is also the heartbeat: a server that does not answer it is lost.
func (s *server) info() (*proto.GetServerInfoReply, error) {
	info := &proto.GetServerInfoReply{}
	return info, s.request("server information", &proto.GetServerInfo{}, info)
}

// serverName makes "PulseAudio 16.1" or "PulseAudio (on PipeWire 0.3.65)".
func serverName(info *proto.GetServerInfoReply) string {
	switch info.PackageName {
	case "pulseaudio":
		return "PulseAudio " + info.PackageVersion
	case "":
		return "a sound server without a name"
	}
	return info.PackageName // PipeWire's has its version within
}

func (s *server) isPipeWire() bool { return strings.Contains(s.name, "PipeWire") }

// speaksNative reports whether PipeWire's own protocol is there too: it is on this computer.
func (s *server) speaksNative() bool { return s.isPipeWire() && s.address.network == "unix" }

// clientProperties are what the server is told of us. The last two, of who records, are
// pipewire-pulse's (pulse-server.c, stream_new): messages of 128 frames are taken,
// but the graph is asked for cycles of 256, at any rate: it makes powers of two of what is
// asked for, the next lower. A player may ask for shorter ones, as each program's does
// that wants little latency.
func clientProperties(records bool) proto.PropList {
	p := proto.PropList{
		"application.name":           proto.PropListString(ownerValue),
		"application.id":             proto.PropListString(ownerValue),
		"application.process.id":     proto.PropListString(strconv.Itoa(os.Getpid())),
		"application.process.binary": proto.PropListString(filepath.Base(os.Args[0])),
		"application.icon_name":      proto.PropListString(Icon),
	}
	if records {
		p["pulse.min.frag"] = proto.PropListString("128/48000")
		p["pulse.min.quantum"] = proto.PropListString("256/44100")
	}
	return p
}
