package logind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

// quietTime is for how long sleep is delayed at most: logind allows 5 s
// (logind.conf(5), InhibitDelayMaxSec=), a fade and a farewell take a tenth of a
// second.
const quietTime = time.Second

// SleepConfig says what is to be done. Both run on the goroutine of Run.
type SleepConfig struct {
	// Quiet ends what can be heard; it returns when that has ended, at the latest
	// with its context.
	Quiet func(ctx context.Context)
	// Awake undoes it.
	Awake   func()
	Connect Connect // nil: to the system bus in its usual place
}

// Sleep delays sleep and shutdown ("Inhibitor Locks").
type Sleep struct {
	cfg   SleepConfig
	log   zerolog.Logger
	quiet bool
}

// NewSleep makes one; Run does the work.
func NewSleep(cfg SleepConfig, log zerolog.Logger) *Sleep { return &Sleep{cfg: cfg, log: log} }

// Run delays until ctx is done.
func (s *Sleep) Run(ctx context.Context) error {
	from := func(member string) []dbus.MatchOption {
		return []dbus.MatchOption{dbus.WithMatchSender(busName), dbus.WithMatchInterface(manager), dbus.WithMatchMember(member)}
	}
	l := link{
		connect: s.cfg.Connect, log: s.log, live: s.live, gone: s.wakeUp,
		match: [][]dbus.MatchOption{from("PrepareForSleep"), from("PrepareForShutdown"), from("SessionNew")},
	}
	return l.run(ctx)
}

// live holds the inhibitor and acts on what logind says. A user who has no session,
// or none yet, gets no inhibitor: then the sound ends as soon as the word of it comes,
// and the inhibitor is asked for again after each login and by and by.
func (s *Sleep) live(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	var lock *os.File
	defer func() { release(lock) }()
	again := time.NewTimer(0)
	defer again.Stop()
	settling := false // for a session that has come: those that follow do not put it off
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
			settling = false
			if lock != nil || s.quiet {
				continue
			}
			var err error
			if lock, err = inhibit(ctx, conn); err != nil {
				if _, refused := errors.AsType[dbus.Error](err); !refused {
					return err
				}
				s.log.Debug().Err(err).Msg("sleep is not delayed")
				again.Reset(askAgain)
			}
		case signal := <-signals:
			if restarted(signal) {
				return errAway
			}
			switch begins, known := prepares(signal); {
			case known && begins:
				s.log.Info().Msg("the computer goes to sleep: the sound ends")
				s.quiet = true
				limited, done := context.WithTimeout(ctx, quietTime)
				s.cfg.Quiet(limited)
				done()
				release(lock)
				lock = nil
			case known:
				s.wakeUp()
				again.Reset(0)
			case signal.Name == manager+".SessionNew" && lock == nil && !settling:
				settling = true
				again.Reset(settleTime)
			}
		}
	}
}

func (s *Sleep) wakeUp() {
	if s.quiet {
		s.quiet = false
		s.log.Info().Msg("the computer is awake")
		s.cfg.Awake()
	}
}

// prepares reads PrepareForSleep and PrepareForShutdown: true before, false after.
func prepares(signal *dbus.Signal) (begins, known bool) {
	if len(signal.Body) != 1 || signal.Name != manager+".PrepareForSleep" && signal.Name != manager+".PrepareForShutdown" {
		return false, false
	}
	begins, known = signal.Body[0].(bool)
	return begins, known
}

// inhibit takes the lock that delays.
func inhibit(ctx context.Context, conn *dbus.Conn) (*os.File, error) {
	var fd dbus.UnixFD
	err := call(ctx, conn, path, manager+".Inhibit", "sleep:shutdown", "AES67 Speakers", "the sound is faded out first", "delay").Store(&fd)
	if err != nil {
		return nil, fmt.Errorf("logind: %w", err)
	}
	return os.NewFile(uintptr(fd), "inhibitor"), nil
}

func release(lock *os.File) {
	if lock != nil {
		_ = lock.Close()
	}
}
