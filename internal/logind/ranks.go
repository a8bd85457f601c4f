package logind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
)

// Rank is how near a user is to this computer.
type Rank uint8

// The ranks, the nearer the higher.
const (
	Away    Rank = iota // no session: logged out and lingering
	Present             // a session that is not active: switched away from
	Remote              // an active session that is at no seat, as by ssh
	Seated              // before the screen
)

// settleTime is for how long a change of sessions is left to become whole: a switch
// of users is several signals.
const settleTime = 100 * time.Millisecond

// Ranks knows who sits before this computer.
type Ranks struct {
	connect Connect
	log     zerolog.Logger
	changed chan struct{}
	known   atomic.Pointer[map[uint32]Rank]
}

// NewRanks makes one that knows nothing; Run asks. connect is nil for the system
// bus in its usual place.
func NewRanks(connect Connect, log zerolog.Logger) *Ranks {
	return &Ranks{connect: connect, log: log, changed: make(chan struct{}, 1)}
}

// Of returns a user's rank. Without a logind all are alike.
func (r *Ranks) Of(uid int) Rank {
	if known := r.known.Load(); known != nil {
		return (*known)[uint32(uid)]
	}
	return Away
}

// Changed wakes one reader when a rank has changed.
func (r *Ranks) Changed() <-chan struct{} { return r.changed }

// Run follows logind until ctx is done.
func (r *Ranks) Run(ctx context.Context) error {
	l := link{
		connect: r.connect, log: r.log, live: r.live, gone: func() { r.tell(nil) },
		match: [][]dbus.MatchOption{{dbus.WithMatchSender(busName), dbus.WithMatchPathNamespace(path)}},
	}
	return l.run(ctx)
}

func (r *Ranks) live(ctx context.Context, conn *dbus.Conn, signals <-chan *dbus.Signal) error {
	settle := time.NewTimer(0)
	defer settle.Stop()
	settling := false // for a signal that has come: those that follow do not put it off
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case signal := <-signals:
			if restarted(signal) {
				return errAway
			}
			if !settling {
				settling = true
				settle.Reset(settleTime)
			}
		case <-settle.C:
			settling = false
			ranks, err := sessions(ctx, conn)
			switch _, refused := errors.AsType[dbus.Error](err); {
			case refused: // as while it starts anew: its name is told when it is back
				r.log.Debug().Err(err).Msg("who is logged in is not known")
				settle.Reset(askAgain)
				continue
			case err != nil:
				return err
			}
			r.tell(ranks)
		}
	}
}

// tell keeps what is known, and wakes if it is news.
func (r *Ranks) tell(ranks map[uint32]Rank) {
	var next *map[uint32]Rank
	if ranks != nil {
		next = &ranks
	}
	old := r.known.Swap(next)
	if (old == nil) != (next == nil) || old != nil && !maps.Equal(*old, ranks) {
		wake.Signal(r.changed)
	}
}

// session is a row of ListSessions: id, user id, user name, seat, path.
type session struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

// notAPersons are classes of sessions (sd_session_get_class(3)) in which nobody
// listens to music.
var notAPersons = []string{"greeter", "manager", "manager-early", "background", "lock-screen"}

// sessions asks for all of them.
func sessions(ctx context.Context, conn *dbus.Conn) (map[uint32]Rank, error) {
	var all []session
	if err := call(ctx, conn, path, manager+".ListSessions").Store(&all); err != nil {
		return nil, fmt.Errorf("logind: %w", err)
	}
	ranks := map[uint32]Rank{}
	for _, s := range all {
		var properties map[string]dbus.Variant
		err := call(ctx, conn, s.Path, "org.freedesktop.DBus.Properties.GetAll", "org.freedesktop.login1.Session").Store(&properties)
		if err != nil {
			continue // it has ended meanwhile
		}
		active, _ := properties["Active"].Value().(bool)
		class, _ := properties["Class"].Value().(string)
		rank := Remote
		switch {
		case slices.Contains(notAPersons, class):
			rank = Away
		case !active:
			rank = Present
		case s.Seat != "":
			rank = Seated
		}
		ranks[s.UID] = max(ranks[s.UID], rank)
	}
	return ranks, nil
}
