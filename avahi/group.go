package avahi

import (
	"context"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"
)

// The states of an entry group (avahi-common/defs.h).
const (
	groupRegistering int32 = 1
	groupEstablished int32 = 2
	groupCollision   int32 = 3
)

// forbiddenAfter is waited before a daemon that forbids publishing is asked again.
const forbiddenAfter = time.Minute

// group is one service's entry group.
type group struct {
	service Service
	path    dbus.ObjectPath
	state   int32
}

// book keeps the entry groups of one life of the daemon.
type book struct {
	life      *life
	log       zerolog.Logger
	index     int
	groups    []group
	collided  []string
	forbidden bool
	failed    bool
	asked     time.Time // when the daemon last forbade it
}

// fit makes the groups those of the services wanted. A positive duration asks
// for another try after it.
func (b *book) fit(index int, wanted []Service) time.Duration {
	ctx := context.Background()
	b.groups = slices.DeleteFunc(b.groups, func(g group) bool {
		gone := index != b.index || !slices.Contains(wanted, g.service)
		if gone {
			b.life.free(ctx, g.path, groupIface)
		}
		return gone
	})
	if index != b.index {
		b.collided = nil // another network
	}
	b.index = index
	b.collided = slices.DeleteFunc(b.collided, func(name string) bool {
		return !slices.ContainsFunc(wanted, func(s Service) bool { return s.Name == name })
	})
	b.failed = false
	if b.forbidden && time.Since(b.asked) < forbiddenAfter {
		return forbiddenAfter
	}
	b.forbidden = false
	for _, s := range wanted {
		if slices.Contains(b.collided, s.Name) || slices.ContainsFunc(b.groups, func(g group) bool { return g.service == s }) {
			continue
		}
		err := b.add(ctx, s)
		switch {
		case err == nil:
		case isCollision(err):
			b.collided = append(b.collided, s.Name)
		case isForbidden(err):
			b.forbidden, b.asked = true, time.Now()
			return forbiddenAfter
		default:
			b.log.Debug().Err(err).Str("service", s.Name).Msg("DNS-SD service refused")
			b.failed = true
		}
	}
	if b.failed {
		return retryAfter
	}
	return 0
}

// add publishes one service.
func (b *book) add(ctx context.Context, s Service) error {
	var path dbus.ObjectPath
	if err := b.life.server(ctx, "EntryGroupNew").Store(&path); err != nil {
		return err
	}
	method := func(name string, arguments ...any) error {
		return b.life.call(ctx, busName, path, groupIface+"."+name, arguments...).Err
	}
	index := int32(b.index)
	err := method("AddService", index, protoINET, uint32(0), s.Name, serviceType, "", "", s.Port, [][]byte{})
	if err == nil {
		err = method("AddServiceSubtype", index, protoINET, uint32(0), s.Name, serviceType, "", subtype)
	}
	if err == nil {
		err = method("Commit")
	}
	if err != nil {
		b.life.free(ctx, path, groupIface)
		return err
	}
	b.groups = append(b.groups, group{service: s, path: path, state: groupRegistering})
	return nil
}

// changed takes note of a group's state. One that collides is given back at
// once, so that nothing of it is half published.
func (b *book) changed(s *dbus.Signal) {
	at := slices.IndexFunc(b.groups, func(g group) bool { return g.path == s.Path })
	var state int32
	var text string
	if at < 0 || dbus.Store(s.Body, &state, &text) != nil {
		return
	}
	g := &b.groups[at]
	g.state = state
	if state == groupRegistering || state == groupEstablished {
		return
	}
	if state == groupCollision {
		b.collided = append(b.collided, g.service.Name)
	} else {
		b.log.Debug().Int32("state", state).Str("error", text).Str("service", g.service.Name).Msg("DNS-SD service failed")
	}
	b.life.free(context.Background(), g.path, groupIface)
	b.groups = slices.Delete(b.groups, at, at+1)
}

func (b *book) freeAll(ctx context.Context) {
	for _, g := range b.groups {
		b.life.free(ctx, g.path, groupIface)
	}
	b.groups = nil
}

// status tells how far the services wanted have come.
func (b *book) status(wanted []Service) Status {
	s := Status{State: StateEstablished, Collided: slices.Clone(b.collided)}
	switch {
	case len(wanted) == 0:
		return Status{State: StateOff}
	case b.forbidden:
		s.State = StateForbidden
	case len(b.collided) > 0:
		s.State = StateCollision
	case b.failed:
		s.State = StateFailed
	case len(b.groups) < len(wanted), slices.ContainsFunc(b.groups, func(g group) bool { return g.state != groupEstablished }):
		s.State = StateRegistering
	}
	s.Problem = problems[s.State]
	return s
}
