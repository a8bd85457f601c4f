package rtsp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
)

const (
	// maxConns bounds the connections, in all and from one address.
	maxConns     = 128
	maxPerClient = 16
	retryAfter   = time.Second
	// acceptPause is waited when the kernel has no more descriptors to give.
	acceptPause = 100 * time.Millisecond
	// otherPorts are tried where another program has the port, as mediamtx and go2rtc
	// have 8554: receivers are told by DNS-SD which one it is.
	otherPorts = 9
)

// Config is what a Server needs to know.
type Config struct {
	Port int // TCP, 1 to 65535: this one, or if others have it one of the next
	// open listens on an interface and address; nil: listen_linux.go.
	open func(iface net.Interface, at netip.AddrPort) ([]net.Listener, error)
}

// The states of a server.
const (
	StateOff       = "off"       // nothing is to be served
	StateListening = "listening" // at Port
	StateFailed    = "failed"    // the port cannot be had; tried again
)

// Status is what a server tells of itself.
type Status struct {
	State       string
	Port        int    // 0 unless it listens
	Problem     string // why it does not, and the remedy
	Connections int
	Refused     uint64 // requests that could not be read
	Evicted     uint64 // connections that had to make room
	Pushed      uint64 // changed descriptions sent to clients
}

// place is where a server listens.
type place struct {
	iface net.Interface
	addr  netip.Addr
}

func (p place) same(o place) bool {
	return p.iface.Index == o.iface.Index && p.iface.Name == o.iface.Name && p.addr == o.addr
}

// Server serves session descriptions. Its methods may be called from anywhere,
// also before Run.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	wake    chan struct{}
	changed chan struct{}
	serving sync.WaitGroup // connections

	mu       sync.Mutex
	wanted   place // an invalid address: none
	sessions []Session
	conns    []*conn // in order of their beginning
	status   Status
	ended    bool
}

// NewServer makes a server that does nothing until Run.
func NewServer(cfg Config, log zerolog.Logger) *Server {
	if cfg.open == nil {
		cfg.open = listen
	}
	return &Server{
		cfg: cfg, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		status: Status{State: StateOff},
	}
}

// Serve sets where and what is served: all of it, each time. Without an IPv4
// address the port is closed. Clients that asked for a description that has
// changed get the new one.
func (s *Server) Serve(iface net.Interface, address netip.Addr, sessions []Session) {
	s.mu.Lock()
	s.wanted = place{iface, address.Unmap()}
	s.sessions = slices.Clone(sessions)
	for _, c := range s.conns {
		wake.Signal(c.wake)
	}
	s.mu.Unlock()
	wake.Signal(s.wake)
}

// Snapshot tells how the server is.
func (s *Server) Snapshot() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Connections = len(s.conns)
	return status
}

// Changed is woken when the port is had or lost.
func (s *Server) Changed() <-chan struct{} { return s.changed }

// Run serves until ctx is done and returns nil. A port that cannot be had is
// told once and tried again.
func (s *Server) Run(ctx context.Context) error {
	var at place
	failed := false // to be where it is wanted
	var listeners []net.Listener
	var port int
	var accepting sync.WaitGroup
	shut := func() {
		for _, l := range listeners {
			_ = l.Close()
		}
		accepting.Wait()
		s.closeAll()
		listeners = nil
	}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		s.mu.Lock()
		wanted := s.wanted
		s.mu.Unlock()
		if failed || !wanted.same(at) {
			shut()
			at, failed = place{}, false
			var err error
			switch listeners, port, err = s.open(wanted); {
			case err != nil:
				failed = true
				s.fail(wanted, err)
				retry.Reset(retryAfter)
			default:
				at = wanted
				s.opened(at, port)
				for _, l := range listeners {
					accepting.Go(func() { s.accept(l, at.addr) })
				}
			}
		}
		select {
		case <-ctx.Done():
			s.mu.Lock()
			s.ended = true
			s.mu.Unlock()
			shut()
			s.serving.Wait()
			s.opened(place{}, 0)
			return nil
		case <-s.wake:
		case <-retry.C:
		}
	}
}

// open listens where it is wanted; nowhere is no fault.
func (s *Server) open(p place) (listeners []net.Listener, port int, err error) {
	if !p.addr.Is4() {
		return nil, 0, nil
	}
	for port = s.cfg.Port; port <= min(s.cfg.Port+otherPorts, math.MaxUint16); port++ {
		listeners, err = s.cfg.open(p.iface, netip.AddrPortFrom(p.addr, uint16(port)))
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return listeners, port, err
}

// opened notes that the server listens at a place, or nowhere.
func (s *Server) opened(p place, port int) {
	s.mu.Lock()
	before := s.status
	s.status.State, s.status.Port, s.status.Problem = StateOff, 0, ""
	if p.addr.Is4() {
		s.status.State, s.status.Port = StateListening, port
	}
	after := s.status
	s.mu.Unlock()
	if after.State == StateListening {
		s.log.Info().Str("interface", p.iface.Name).Stringer("address", p.addr).Int("port", port).Msg("descriptions served by RTSP")
	}
	if before.State != after.State || before.Port != after.Port {
		wake.Signal(s.changed)
	}
}

// fail notes that the port cannot be had.
func (s *Server) fail(p place, err error) {
	problem := fmt.Sprintf("RTSP port %d on %v: %v, so RAVENNA receivers cannot fetch the descriptions; %s", s.cfg.Port, p.addr, text.Cause(err), remedy(err))
	s.mu.Lock()
	before := s.status
	s.status.State, s.status.Port, s.status.Problem = StateFailed, 0, problem
	s.mu.Unlock()
	if before.Problem != problem {
		s.log.Debug().Str("problem", problem).Float64("retry_s", retryAfter.Seconds()).Msg("no RTSP")
		wake.Signal(s.changed)
	}
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end one of the programs that have this port and the next ones, or choose another announce.rtsp-port"
	case errors.Is(err, os.ErrPermission):
		return "choose a port of 1024 or above for announce.rtsp-port"
	}
	return "it is tried again each second"
}

// accept takes connections until the listener is closed.
func (s *Server) accept(l net.Listener, source netip.Addr) {
	for {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptors, or the client has gone already
			time.Sleep(acceptPause)
			continue
		}
		s.admit(nc, source)
	}
}

// admit begins to serve a connection, if there is room or can be made.
func (s *Server) admit(nc net.Conn, source netip.Addr) {
	from := clientOf(nc)
	c := &conn{
		server: s, net: nc, from: from, began: time.Now(), wake: make(chan struct{}, 1),
		dialogue: dialogue{source: source, id: newID()},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	room := !s.ended
	if countOf(s.conns, from) >= maxPerClient {
		room = room && s.evict(from)
	} else if len(s.conns) >= maxConns {
		room = room && s.evict(s.greediest())
	}
	if !room {
		_ = nc.Close()
		return
	}
	s.conns = append(s.conns, c)
	s.serving.Go(c.run)
}

func clientOf(nc net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

func countOf(conns []*conn, from netip.Addr) int {
	n := 0
	for _, c := range conns {
		if c.from == from {
			n++
		}
	}
	return n
}

// newID makes the id of an RTSP session (RFC 2326, 3.4).
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// greediest is the client that has most connections. The caller holds mu.
func (s *Server) greediest() (client netip.Addr) {
	most := 0
	for _, c := range s.conns {
		if n := countOf(s.conns, c.from); n > most {
			client, most = c.from, n
		}
	}
	return client
}

// evict ends one connection of a client and reports whether there was one: the
// oldest that never asked for anything, else the one that did so longest ago. The
// caller holds mu.
func (s *Server) evict(client netip.Addr) bool {
	worst := -1
	for i, c := range s.conns { // the oldest first
		switch {
		case c.from != client:
		case !c.completed:
			s.end(i)
			return true
		case worst < 0 || c.usedAt.Before(s.conns[worst].usedAt):
			worst = i
		}
	}
	if worst < 0 {
		return false
	}
	s.end(worst)
	return true
}

// end closes a connection. The caller holds mu.
func (s *Server) end(i int) {
	_ = s.conns[i].net.Close()
	s.conns = slices.Delete(s.conns, i, i+1)
	s.status.Evicted++
}

// used notes that a connection has asked for something, and whether it made sense.
func (s *Server) used(c *conn, sense bool) {
	s.mu.Lock()
	c.completed, c.usedAt = c.completed || sense, time.Now()
	s.mu.Unlock()
}

// forget drops a connection that has ended.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = slices.DeleteFunc(s.conns, func(o *conn) bool { return o == c })
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.net.Close()
	}
	s.conns = nil
}

// current returns what is served now. It is not changed by anybody.
func (s *Server) current() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

func (s *Server) count(add func(*Status)) {
	s.mu.Lock()
	add(&s.status)
	s.mu.Unlock()
}
