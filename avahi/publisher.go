package avahi

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	goavahi "github.com/holoplot/go-avahi"
	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
)

// Service is one session as it is published.
type Service struct {
	Name string // the instance name, 1 to 63 bytes
	Port uint16 // of RTSP
}

// Status is what a Publisher tells of itself.
type Status struct {
	State    State
	Problem  string   // which receivers do not find the sessions, and the remedy
	Collided []string // names that somebody else has
}

func (s Status) same(o Status) bool {
	return s.State == o.State && s.Problem == o.Problem && slices.Equal(s.Collided, o.Collided)
}

// problems say what is lost and what to do about it.
var problems = map[State]string{
	StateNoBus:     "RAVENNA receivers do not list the streams: there is no system D-Bus for Avahi, or it does not answer; start dbus, or go on with SAP alone",
	StateAbsent:    "RAVENNA receivers do not list the streams: Avahi does not run; install or start avahi-daemon, or go on with SAP alone",
	StateForbidden: "RAVENNA receivers do not list the streams: Avahi lets nobody publish; set disable-user-service-publishing=no in /etc/avahi/avahi-daemon.conf",
	StateFailed:    "RAVENNA receivers do not list the streams: Avahi refuses them or does not answer, see its log; it is tried again",
}

// problemLeftOut is that of a daemon that publishes, but not on the interface.
const problemLeftOut = "RAVENNA receivers do not list the streams: Avahi does not answer on the interface; see allow-interfaces, deny-interfaces and publish-addresses in /etc/avahi/avahi-daemon.conf"

// Publisher publishes services. Its methods may be called from anywhere, also
// before Run.
type Publisher struct {
	log  zerolog.Logger
	link link
	wake chan struct{}
	told latest[Status]

	mu     sync.Mutex
	index  int
	wanted []Service
	away   State // why there is no life; empty: there is
}

// New makes a publisher that does nothing until Run.
func New(cfg Config, log zerolog.Logger) *Publisher {
	p := &Publisher{log: log, wake: make(chan struct{}, 1), told: newLatest(Status{State: StateOff})}
	p.link = link{cfg: cfg, log: log, tell: p.isAway, live: p.live}
	return p
}

// Publish sets what is published on an interface: all of it, each time; none
// withdraws all.
func (p *Publisher) Publish(index int, services []Service) {
	if index <= 0 {
		services = nil
	}
	p.mu.Lock()
	p.index, p.wanted = index, slices.Clone(services)
	away := p.away
	p.mu.Unlock()
	if away != "" {
		p.isAway(away)
	}
	wake.Signal(p.wake)
}

// Snapshot tells how far publishing has come.
func (p *Publisher) Snapshot() Status { return p.told.get() }

// Changed is woken when Snapshot has changed.
func (p *Publisher) Changed() <-chan struct{} { return p.told.changed }

// Run publishes until ctx is done; then it withdraws everything and returns nil.
func (p *Publisher) Run(ctx context.Context) error { return p.link.run(ctx) }

func (p *Publisher) demand() (int, []Service) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index, p.wanted
}

// isAway tells why nothing is published.
func (p *Publisher) isAway(why State) {
	p.mu.Lock()
	p.away = why
	off := len(p.wanted) == 0
	p.mu.Unlock()
	if off {
		why = StateOff
	}
	p.tell(Status{State: why, Problem: problems[why]})
}

// tell publishes and logs a status; its problem is logged by who reads it.
func (p *Publisher) tell(s Status) {
	if !p.told.set(s, Status.same) {
		return
	}
	p.log.Info().Str("state", string(s.State)).Strs("collided", s.Collided).Msg("DNS-SD")
}

// live publishes for one life of the daemon.
func (p *Publisher) live(ctx context.Context, l *life) error {
	p.mu.Lock()
	p.away = ""
	p.mu.Unlock()
	srv, err := openServer(l)
	if err != nil {
		return l.reason(err)
	}
	defer srv.close() // which withdraws everything
	state, err := srv.state()
	if isForbidden(err) {
		state = goavahi.ServerRunning // entry groups will tell it
	} else if err != nil {
		return l.reason(err)
	}
	b := book{server: srv, log: p.log, answer: make(chan reach, 1)}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		if state == goavahi.ServerRunning {
			b.review()
			if again := b.fit(p.demand()); again > 0 {
				retry.Reset(again)
			}
		} else {
			b.freeAll() // its own name is being changed
		}
		if l.conn.Context().Err() != nil {
			return l.reason(errBus) // what the groups have come to is not theirs
		}
		_, wanted := p.demand()
		p.tell(b.status(wanted))
		select {
		case <-ctx.Done():
			return nil
		case <-l.conn.Context().Done():
			return l.reason(errBus)
		case s := <-l.signals:
			switch {
			case s == nil:
				return l.reason(errBus)
			case ended(s):
				return errGone
			case s.Name == serverIface+".StateChanged":
				var text string
				if err := dbus.Store(s.Body, &state, &text); err != nil {
					return err
				}
			}
		case <-srv.changed:
		case b.reach = <-b.answer:
			b.looking = false
		case <-p.wake:
		case <-retry.C:
		}
	}
}

// isForbidden reports whether a call was refused as a matter of policy, of the
// daemon or of the bus.
func isForbidden(err error) bool {
	return isError(err, "org.freedesktop.Avahi.NotPermittedError") || isError(err, "org.freedesktop.DBus.Error.AccessDenied")
}

// isError reports whether a call was answered with an error of that name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
