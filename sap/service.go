package sap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/sdp"
)

// The service's own times and bounds.
const (
	reopenAfter = 5 * time.Second
	rejoinAfter = time.Second
	idleWait    = time.Minute // between looks at the table when nothing is due
	// maxRate bounds the messages looked at in one second: a thousand sessions
	// announced each second would be within it.
	maxRate = 1000
	// maxOwn bounds how many of our origins are remembered.
	maxOwn = 64
	// hearAgain is after how long a port that somebody else holds is tried again.
	hearAgain = time.Minute
)

// Config is what a Service needs to know.
type Config struct {
	Interval time.Duration         // between announcements of one session; 0: DefaultInterval
	Now      func() aes67.MonoTime // CLOCK_MONOTONIC
	Jitter   func() float64        // uniform in [0, 1); nil: random
	// Follows is asked at the end: what is announced is not deleted, for a run that
	// follows at once announces it again. nil: none does.
	Follows func() bool
	// Former are texts that a former run announced and may have had no time to
	// delete. Each is deleted before its session is first announced, if the
	// session's text is another one now.
	Former []string
	open   func() (wire, error) // nil: the sockets of socket_linux.go
}

// wire is the network as the service sees it.
type wire interface {
	join(index int) error
	leave(index int) error
	// hears is why nothing can be received, nil if it can; sending may go on.
	hears() error
	receive(b []byte) (n int, source netip.Addr, index int, err error)
	send(via route, b []byte) error
	Close() error
}

// The states of a service.
const (
	StateOff        = "off"        // Run is not running
	StateListening  = "listening"  // and nothing is announced, or announcements do not leave
	StateAnnouncing = "announcing" // announcements leave
	StateFailed     = "failed"     // the port cannot be had; tried again
)

// Stats counts messages since the start.
type Stats struct {
	Sent       uint64
	SendErrors uint64
	Received   uint64
	Malformed  uint64 // not SAP, or no description that tells an address
	Dropped    uint64 // for want of room or time
}

// Service announces and listens. Its methods may be called from anywhere, also
// before Run.
type Service struct {
	cfg      Config
	log      zerolog.Logger
	wake     chan struct{}
	changed  chan struct{}
	schedule schedule // Run's alone, as is what follows
	unsent   string   // the problem of sending that was told; empty: none
	deaf     string   // that of hearing others; empty: none

	mu     sync.Mutex
	table  *table
	listen []int // interfaces to listen on
	rejoin bool
	wanted *wanted // nil: nothing new
	// interval is for the schedule.
	interval time.Duration
	own      []sdp.Origin
	deleted  []Packet // deletions of ours that came in
	stats    Stats
	problem  string // why receivers do not see the sessions, or we not theirs; and the remedy
	state    string // StateAnnouncing is told by going
	going    bool   // sessions are wanted and the last packet went out
	second   aes67.MonoTime
	inSpell  int // messages in that second
}

// wanted is what Announce asked for.
type wanted struct {
	via      route
	sessions []sdp.Session
}

// New makes a service that does nothing until Run.
func New(cfg Config, log zerolog.Logger) *Service {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	if cfg.open == nil {
		cfg.open = openSockets
	}
	return &Service{
		cfg: cfg, log: log, interval: cfg.Interval, table: newTable(), state: StateOff,
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		schedule: schedule{interval: cfg.Interval, jitter: cfg.Jitter, former: formerVersions(cfg.Former)},
	}
}

// Listen sets the interfaces to listen on. Sessions heard on others are
// forgotten. Joining is retried each second where it fails.
func (s *Service) Listen(indexes []int) error {
	for _, index := range indexes {
		if index <= 0 {
			return fmt.Errorf("sap: interface index %d: must be positive", index)
		}
	}
	s.mu.Lock()
	s.listen = slices.Clone(indexes)
	gone := s.table.dropIf(func(h *session) bool { return !slices.Contains(indexes, h.Index) })
	s.mu.Unlock()
	if gone {
		wake.Signal(s.changed)
	}
	wake.Signal(s.wake)
	return nil
}

// Rejoin leaves and joins the group again on every interface. It is for the
// return of a carrier: the kernel tells a switch of its memberships when an
// interface is set up, not when a cable is plugged in.
func (s *Service) Rejoin() {
	s.mu.Lock()
	s.rejoin = true
	s.mu.Unlock()
	wake.Signal(s.wake)
}

// Announce sets the sessions that are announced: all of them, each time. A
// session whose text has changed is announced at once, one that is missing is
// deleted; with none, or without an IPv4 address, nothing is announced.
func (s *Service) Announce(iface net.Interface, addr netip.Addr, sessions []sdp.Session) {
	if addr = addr.Unmap(); !addr.Is4() {
		sessions = nil
	}
	known := false
	s.mu.Lock()
	s.wanted = &wanted{route{iface.Index, addr}, slices.Clone(sessions)}
	for i := range sessions {
		o := origin(&sessions[i])
		s.own = append(slices.DeleteFunc(s.own, o.Same), o)
		// A former run's, or one of ours that came in before it was known.
		known = s.table.dropIf(func(h *session) bool { return o.Same(h.Description.Origin) }) || known
	}
	s.own = s.own[max(len(s.own)-maxOwn, 0):]
	s.mu.Unlock()
	if known {
		wake.Signal(s.changed)
	}
	wake.Signal(s.wake)
}

// SetInterval changes Config.Interval, from each session's next announcement on.
func (s *Service) SetInterval(interval time.Duration) {
	s.mu.Lock()
	s.interval = interval
	s.mu.Unlock()
	wake.Signal(s.wake)
}

// Heard returns the sessions of others, in a fixed order.
func (s *Service) Heard() []Heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.table.expire(s.cfg.Now()) {
		wake.Signal(s.changed)
	}
	return s.table.list()
}

// Changed is woken when a foreign session came, changed or went, and when a problem did.
func (s *Service) Changed() <-chan struct{} { return s.changed }

// State returns one of the states above.
func (s *Service) State() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.going {
		return StateAnnouncing
	}
	return s.state
}

// Problem says why receivers do not see the sessions, or why others' are not heard,
// and what to do; empty: there is none.
func (s *Service) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// tell keeps a problem, or its end. Who reads it logs it.
func (s *Service) tell(problem string) {
	s.mu.Lock()
	before := s.problem
	s.problem = problem
	s.mu.Unlock()
	if before == problem {
		return
	}
	if problem == "" {
		s.log.Debug().Msg("SAP is well again")
	} else {
		s.log.Debug().Str("problem", problem).Msg("trouble with SAP")
	}
	wake.Signal(s.changed)
}

// Stats returns the counts.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run listens and announces until ctx ends; then it deletes what it announced,
// which takes 0.2 s, and returns nil. Trouble with the sockets is told once
// and retried.
func (s *Service) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.session(ctx); ctx.Err() == nil && !errors.Is(err, errHearAgain) {
			s.trouble(err)
			wake.Pause(ctx, reopenAfter)
		}
	}
	s.become(StateOff)
	return nil
}

// errHearAgain ends a life of the sockets in which nothing could be heard.
var errHearAgain = errors.New("sap: trying to hear")

// trouble tells of sockets that cannot be had or failed.
func (s *Service) trouble(err error) {
	s.become(StateFailed)
	s.tell(fmt.Sprintf("SAP: %v, so receivers that need it do not see the streams; it is tried again every %.0f s", err, reopenAfter.Seconds()))
}

// session runs on one pair of sockets until ctx ends or they fail.
func (s *Service) session(ctx context.Context) error {
	w, err := s.cfg.open()
	if err != nil {
		return err
	}
	s.deaf = ""
	if err := w.hears(); err != nil {
		s.deaf = fmt.Sprintf("SAP: %v: the sessions of others are not heard, and their groups may be taken; end the program that holds UDP port %d", err, Port)
	}
	s.become(StateListening)
	s.tell(cmp.Or(s.unsent, s.deaf))
	failed := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() { failed <- s.read(w) })
	err = s.loop(ctx, w, failed)
	err = errors.Join(err, w.Close())
	reader.Wait()
	return err
}

func (s *Service) become(state string) {
	s.mu.Lock()
	s.state, s.going = state, state == StateListening && s.going
	s.mu.Unlock()
}
