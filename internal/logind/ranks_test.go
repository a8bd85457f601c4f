package logind

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

// seat1 is a logind's list of sessions, in which there is one, of user 1000.
type seat1 struct{ active atomic.Bool }

const onlySession = dbus.ObjectPath(path + "/session/_31")

func (s *seat1) ListSessions() ([]session, *dbus.Error) {
	return []session{{ID: "1", UID: 1000, User: "ann", Seat: "seat0", Path: onlySession}}, nil
}

func (s *seat1) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	return map[string]dbus.Variant{"Active": dbus.MakeVariant(s.active.Load()), "Class": dbus.MakeVariant("user")}, nil
}

// seat has a logind tell of sessions, in place of inhibitors.
func (m *manager1) seat() *seat1 {
	m.t.Helper()
	s := &seat1{}
	err := errors.Join(m.conn.Export(s, path, manager), m.conn.Export(s, onlySession, "org.freedesktop.DBus.Properties"))
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// followed runs a Ranks until the test ends.
func followed(t *testing.T, b bus) *Ranks {
	t.Helper()
	r := NewRanks(b.connect, zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

// becomes waits until a user has a rank.
func becomes(t *testing.T, r *Ranks, uid int, want Rank) {
	t.Helper()
	limit := time.After(patience)
	for r.Of(uid) != want {
		select {
		case <-r.Changed():
		case <-limit:
			t.Fatalf("user %d is %d, want %d", uid, r.Of(uid), want)
		}
	}
}

// TestWhoSitsHereIsLearntHoweverMuchLogindSays: as where a job logs in over and over.
func TestWhoSitsHereIsLearntHoweverMuchLogindSays(t *testing.T) {
	b := newBus(t)
	m := b.logind()
	seat := m.seat()
	r := followed(t, b)
	becomes(t, r, 1000, Present)
	m.chatters("SessionRemoved", "7", dbus.ObjectPath(path+"/session/_37"))
	for _, active := range []bool{true, false} {
		seat.active.Store(active)
		becomes(t, r, 1000, map[bool]Rank{true: Seated, false: Present}[active])
	}
}
