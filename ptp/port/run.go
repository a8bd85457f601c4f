package port

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// Config says what the bridge is in the network's clock tree.
type Config struct {
	Mode                 aes67.ClockMode
	Domain               uint8
	Priority1, Priority2 uint8 // as grandmaster
	Now                  func() aes67.RawTime
	Resume               *ptp.Resumption // nil: the clock begins anew
}

// Service drives an engine with the real ports. One goroutine, that of Run,
// drives the engine and reads both sockets; the other methods may be called from
// any. What they tell is made when they are asked.
type Service struct {
	cfg     Config
	ports   *Sockets
	changed chan struct{}
	loop    loop
	renewAt aes67.RawTime // when the clocks are compared anew

	mu       sync.Mutex
	commands []func(*loop)
	wanted   map[int]bool // interfaces to hear, by index
	used     int          // the interface of the engine, or 0
	full     int          // wanted interfaces for which there was no membership
}

// New makes a service that hears nothing until Listen or Use is called.
func New(cfg Config, ports *Sockets, clock *mediaclock.Clock, log zerolog.Logger) *Service {
	s := &Service{
		cfg: cfg, ports: ports, changed: make(chan struct{}, 1), wanted: map[int]bool{},
		loop: loop{
			cfg: cfg, ports: ports, log: log, masters: map[int]*ptp.Masters{}, heardAt: map[int]aes67.RawTime{}, udpTable: udpTable, echoes: ports.Echo,
			tether: Tether{Base: &ports.base, Clock: clock},
		},
	}
	s.loop.engine = ptp.NewEngine(ptp.EngineConfig{
		Mode: cfg.Mode, Domain: cfg.Domain, Priority1: cfg.Priority1, Priority2: cfg.Priority2,
		Seed: uint64(cfg.Now()),
	}, clock, &s.loop)
	if r := cfg.Resume; r != nil {
		s.loop.engine.Resume(*r)
	}
	ports.park(true)
	return s
}

// Run reads both sockets until ctx is done. It may be called once.
func (s *Service) Run(ctx context.Context) error {
	defer s.ports.WakeOn(ctx)()
	l := &s.loop
	for ctx.Err() == nil {
		now, next := s.turn()
		if err := s.ports.Wait(now, next, l); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine.Stop(s.cfg.Now())
	s.publish(s.cfg.Now())
	return nil
}

// turn does what is due, and returns when something will be.
func (s *Service) turn() (now, next aes67.RawTime) {
	l := &s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	s.obey()
	now = s.cfg.Now()
	if now >= s.renewAt {
		l.ports.lookAgain(now)
	}
	if l.ports.takeSlept() {
		l.wake()
	}
	l.engine.ServeAt(l.ports.base.Target())
	if l.engine.Port() == ptp.PortListening {
		l.engine.SetTAI(now, l.ports.TAI(now)) // the date may come after the network
	}
	l.listen(now)
	l.engine.Tick(now)
	if now >= s.renewAt || l.changed() {
		l.renew()
		s.renewAt = max(l.ports.due(), now.Add(time.Millisecond)) // a clock that cannot be read is not asked without end
	}
	l.watchNeighbours(now)
	l.renewMemberships(now)
	s.publish(now)
	return now, min(l.engine.Next(now), s.renewAt)
}

// Listen hears the interfaces given, and no others but the one in use. The
// error is the first of the interfaces that could not be joined; the others
// are.
func (s *Service) Listen(ifindexes []int) error {
	s.mu.Lock()
	s.wanted = map[int]bool{}
	for _, i := range ifindexes {
		s.wanted[i] = true
	}
	err := s.join()
	s.mu.Unlock()
	return err
}

// join makes the ports hear what is wanted and used.
func (s *Service) join() (first error) {
	hear := maps.Clone(s.wanted)
	if s.used != 0 {
		hear[s.used] = true
	}
	s.ports.park(len(hear) == 0)
	missing := maps.Clone(hear)
	for _, i := range s.ports.Joined() {
		if !hear[i] {
			s.ports.Leave(i)
		}
		delete(missing, i)
	}
	full := 0
	for _, i := range slices.Sorted(maps.Keys(missing)) {
		switch err := s.ports.Join(i); {
		case errors.Is(err, unix.ENOBUFS):
			full++
		case err != nil && first == nil:
			first = err
		}
	}
	if full > s.full {
		s.loop.log.Warn().Int("interfaces", full).Str("remedy", manyInterfaces).Msg("no PTP is heard on some interfaces: the kernel lets a socket join no more groups")
	}
	s.full = full
	s.do(func(l *loop) {
		for i := range l.masters {
			if !hear[i] {
				l.drop(i)
			}
		}
		now := s.cfg.Now()
		for i := range hear {
			l.heardAt[i] = now
		}
	})
	return first
}

// manyInterfaces lets a socket be a member of more groups (ip(7),
// igmp_max_memberships; 20 unless it is changed).
const manyInterfaces = "sysctl -w net.ipv4.igmp_max_memberships=100"

// joinFirst joins an interface that must be heard, be it in the place of another.
func (s *Service) joinFirst(ifindex int) error {
	err := s.ports.Join(ifindex)
	for _, other := range s.ports.Joined() {
		if !errors.Is(err, unix.ENOBUFS) {
			break
		}
		s.ports.Leave(other)
		err = s.ports.Join(ifindex)
	}
	return err
}

// Rejoin tells the switches anew what is heard here, after a link came back.
func (s *Service) Rejoin() { s.ports.Rejoin() }

// Use runs the engine on an interface and address. listened is for how long the
// interface has been heard: if nothing was for a whole announce timeout, an
// engine that may serve need not wait again.
func (s *Service) Use(iface net.Interface, addr netip.Addr, listened time.Duration) error {
	since := s.cfg.Now().Add(-listened)
	if err := s.ports.Select(iface, addr); err != nil {
		return err
	}
	port := wire.PortIdentity{Clock: ownIdentity(iface.HardwareAddr, addr), Port: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.joinFirst(iface.Index); err != nil { // anew, should it have been away
		return err
	}
	s.used = iface.Index
	if err := s.join(); err != nil { // of one that is only listened to
		s.loop.log.Warn().Err(err).Msg("no PTP is heard on some interfaces")
	}
	s.do(func(l *loop) {
		l.used, l.self = iface.Index, port
		l.engine.Stop(s.cfg.Now())
		l.echo.restart()
		l.deaf, l.waits, l.since = false, true, max(since, l.woke)
	})
	return nil
}

// Stop turns the engine off: the network is gone. The clock runs on.
func (s *Service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = 0
	_ = s.join() // of those that are only listened to, which has been told
	s.do(func(l *loop) {
		l.engine.Stop(s.cfg.Now())
		l.used, l.deaf, l.waits = 0, false, false
	})
}

// Withhold keeps us from serving, unless somebody follows us, or lets us.
func (s *Service) Withhold(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do(func(l *loop) { l.engine.Withhold(s.cfg.Now(), yes) })
}

// awakeWithin bounds Awake, for Run may have ended.
const awakeWithin = time.Second

// Awake has the clocks compared and returns when that is done: who decides as soon as
// the computer is awake is not to be told of a time that stood still.
func (s *Service) Awake() {
	done := make(chan struct{})
	s.mu.Lock()
	s.do(func(l *loop) {
		l.ports.look()
		close(done)
	})
	s.mu.Unlock()
	select {
	case <-done:
	case <-time.After(awakeWithin):
	}
}

// do lets Run's goroutine call f, at once or when Run begins. The lock is held.
func (s *Service) do(f func(*loop)) {
	s.commands = append(s.commands, f)
	s.ports.Wake()
}

// obey does what was asked for. The loop's lock is held.
func (s *Service) obey() {
	s.mu.Lock()
	commands := s.commands
	s.commands = nil
	s.mu.Unlock()
	for _, f := range commands {
		f(&s.loop)
		s.loop.due = 0
	}
}

// Snapshot tells how the clock is.
func (s *Service) Snapshot() ptp.Status {
	l := &s.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	now := s.cfg.Now()
	l.forget(now)
	return l.status(now)
}

// Heard lists every master heard within the last minute, in any domain, on
// every interface that is listened to.
func (s *Service) Heard() []ptp.Announcement {
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	return s.loop.heard(s.cfg.Now())
}

// Changed wakes the reader when state, role, grandmaster or problem changed,
// or when a master was heard for the first time, has qualified or is forgotten.
func (s *Service) Changed() <-chan struct{} { return s.changed }

// publish logs what changed, and wakes who wants to know. It allocates nothing
// as long as nothing does.
func (s *Service) publish(now aes67.RawTime) {
	l := &s.loop
	if now < l.due && l.engine.Port() == l.told.port {
		return
	}
	l.due = now.Add(publishInterval)
	l.forget(now)
	told, called := l.tell(now), l.call(now)
	if told || called {
		wake.Signal(s.changed)
	}
	l.failures.tell(now, l.log)
}

// publishInterval is how often changes are looked for; those of the port's state
// are told at once.
const publishInterval = 100 * time.Millisecond
