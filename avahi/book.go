package avahi

import (
	"cmp"
	"slices"
	"time"

	goavahi "github.com/holoplot/go-avahi"
	"github.com/rs/zerolog"
)

const (
	// forbiddenAfter is waited before a daemon that forbids publishing, or leaves
	// the interface out, is asked again.
	forbiddenAfter = time.Minute
	// lookTime is how long a look may take; the daemon itself gives up after 5 s
	// (avahi-core/resolve-host-name.c, TIMEOUT_MSEC).
	lookTime = 10 * time.Second
)

// reach is what a look at an interface has found.
type reach struct {
	index  int  // 0: not known
	denied bool // the daemon does not answer there
}

// book keeps the entry groups of one life of the daemon.
type book struct {
	server    *server
	log       zerolog.Logger
	index     int
	groups    []entryGroup
	collided  []string
	forbidden bool
	asked     time.Time // when the daemon last forbade it
	failed    bool
	tried     time.Time // when a group last failed
	reach     reach
	answer    chan reach // of the look under way
	looking   bool
	looked    time.Time
}

// fit makes the groups those of the services wanted. A positive duration asks
// for another try after it.
func (b *book) fit(index int, wanted []Service) (again time.Duration) {
	b.groups = slices.DeleteFunc(b.groups, func(g entryGroup) bool {
		gone := index != b.index || !slices.Contains(wanted, g.service)
		if gone {
			b.server.free(g)
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
	if len(wanted) > 0 {
		again = b.look()
	}
	if b.forbidden && time.Since(b.asked) < forbiddenAfter {
		return forbiddenAfter
	}
	if b.failed && time.Since(b.tried) < retryAfter {
		return retryAfter
	}
	b.forbidden, b.failed = false, false
	for _, s := range wanted {
		if slices.Contains(b.collided, s.Name) || slices.ContainsFunc(b.groups, func(g entryGroup) bool { return g.service == s }) {
			continue
		}
		g, err := b.server.add(index, s)
		switch {
		case err == nil:
			b.groups = append(b.groups, g)
		case isError(err, "org.freedesktop.Avahi.CollisionError"): // this machine has it
			b.collided = append(b.collided, s.Name)
		case isForbidden(err):
			b.forbidden, b.asked = true, time.Now()
			return forbiddenAfter
		default:
			b.fail(s, err.Error())
		}
	}
	if b.failed {
		return retryAfter
	}
	return again
}

// fail notes a service that is to be tried again.
func (b *book) fail(s Service, why string) {
	b.log.Debug().Str("error", why).Str("service", s.Name).Msg("DNS-SD service refused")
	b.failed, b.tried = true, time.Now()
}

// look looks at the interface, and again at one that is left out.
func (b *book) look() time.Duration {
	known := b.reach.index == b.index
	if known && !b.reach.denied || b.looking {
		return 0
	}
	if wait := forbiddenAfter - time.Since(b.looked); known && wait > 0 {
		return wait
	}
	b.looking, b.looked = true, time.Now()
	b.server.look(b.index, b.answer)
	return 0
}

// review takes note of the groups' states. One that collides is given back at
// once, so that nothing of it is half published.
func (b *book) review() {
	b.groups = slices.DeleteFunc(b.groups, func(g entryGroup) bool {
		switch told := g.state(); told.State {
		case goavahi.EntryGroupCollision:
			b.collided = append(b.collided, g.service.Name)
		case goavahi.EntryGroupFailure:
			b.fail(g.service, told.Error)
		default:
			return false
		}
		b.server.free(g)
		return true
	})
}

// freeAll withdraws everything, while the connection goes on.
func (b *book) freeAll() {
	for _, g := range b.groups {
		b.server.free(g)
	}
	b.groups, b.reach = nil, reach{}
}

// status tells how far the services wanted have come.
func (b *book) status(wanted []Service) Status {
	s := Status{State: StateEstablished, Collided: slices.Clone(b.collided)}
	known, problem := b.reach.index == b.index, ""
	switch {
	case len(wanted) == 0:
		return Status{State: StateOff}
	case b.forbidden:
		s.State = StateForbidden
	case known && b.reach.denied:
		s.State, problem = StateForbidden, problemLeftOut
	case len(b.collided) > 0:
		s.State = StateCollision
	case b.failed:
		s.State = StateFailed
	case !known, len(b.groups) < len(wanted), slices.ContainsFunc(b.groups, func(g entryGroup) bool { return g.state().State != goavahi.EntryGroupEstablished }):
		s.State = StateRegistering
	}
	s.Problem = cmp.Or(problem, problems[s.State])
	return s
}
