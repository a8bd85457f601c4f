package avahi

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/rs/zerolog"

	"aes67-sink/internal/wake"
)

const (
	// maxFound bounds the sessions that are kept.
	maxFound = 256
	// mostRefused is how many refusals are enough of a daemon at a time.
	mostRefused = 4
	// The flags that mean this machine (avahi-common/defs.h, AvahiLookupResultFlags).
	flagLocal, flagOwn uint32 = 8, 16
)

// Found is a session that somebody publishes.
type Found struct {
	Name    string     // its instance name
	Index   int        // the interface it was found on
	Host    string     // such as "studio.local"
	Address netip.Addr // IPv6 link-local: with the interface as its zone
	Port    uint16
	Local   bool // this machine publishes it
}

// Browser finds sessions. Its methods may be called from anywhere, also before
// Run.
type Browser struct {
	log   zerolog.Logger
	kind  kind
	link  link
	wake  chan struct{}
	found latest[[]Found]
	told  latest[Status]

	mu     sync.Mutex
	wanted []int
	away   State
}

// NewBrowser makes a browser that does nothing until Run.
func NewBrowser(cfg Config, log zerolog.Logger) *Browser {
	return newBrowser(cfg, log, sessions)
}

// NewSpeakerBrowser makes one that finds speakers of Sennheiser Sound Control instead of
// sessions: by IPv6, at a link-local address, with the interface as its zone, where
// there is one.
func NewSpeakerBrowser(cfg Config, log zerolog.Logger) *Browser {
	return newBrowser(cfg, log, soundControl)
}

// kind is what is looked for.
type kind struct {
	browse, resolve string // the types of service
	mdns            int32  // the protocol to look by
	address         int32  // and that of the addresses
	loss            string // what is lost where it cannot be looked for
}

var (
	sessions     = kind{subtype, serviceType, protoINET, protoINET, "RAVENNA sessions are not heard"}
	soundControl = kind{"_ssc._tcp", "_ssc._tcp", protoUnspec, protoINET6, "speakers are not found by mDNS"}
)

func newBrowser(cfg Config, log zerolog.Logger, k kind) *Browser {
	b := &Browser{log: log, kind: k, wake: make(chan struct{}, 1), found: newLatest[[]Found](nil), told: newLatest(Status{State: StateOff})}
	b.link = link{cfg: cfg, log: log.Level(zerolog.WarnLevel), tell: b.isAway, live: b.live}
	return b
}

// Browse sets the interfaces to look on: all of them, each time.
func (b *Browser) Browse(indexes []int) {
	b.mu.Lock()
	same := slices.Equal(b.wanted, indexes)
	b.wanted = slices.Clone(indexes)
	away := b.away
	b.mu.Unlock()
	if same {
		return
	}
	if away != "" {
		b.isAway(away)
	}
	wake.Signal(b.wake)
}

// Found returns the sessions whose address is known, ordered by name and
// interface.
func (b *Browser) Found() []Found { return slices.Clone(b.found.get()) }

// Changed is woken when a session came, changed or went.
func (b *Browser) Changed() <-chan struct{} { return b.found.changed }

// Snapshot tells how it is going.
func (b *Browser) Snapshot() Status { return b.told.get() }

// Run looks until ctx is done and returns nil.
func (b *Browser) Run(ctx context.Context) error { return b.link.run(ctx) }

func (b *Browser) demand() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wanted
}

// isAway tells why nothing is looked for.
func (b *Browser) isAway(why State) {
	b.mu.Lock()
	b.away = why
	off := len(b.wanted) == 0
	b.mu.Unlock()
	b.found.set(nil, slices.Equal[[]Found])
	if off {
		why = StateOff
	}
	b.told.set(Status{State: why, Problem: b.problem(why)}, Status.same)
}

// problem says what is lost and what to do about it.
func (b *Browser) problem(why State) string {
	if remedy := browseProblems[why]; remedy != "" {
		return b.kind.loss + ": " + remedy
	}
	return ""
}

var browseProblems = map[State]string{
	StateNoBus:     "there is no system D-Bus for Avahi, or it does not answer; start dbus",
	StateAbsent:    "Avahi does not run; install or start avahi-daemon",
	StateForbidden: "the system D-Bus forbids asking Avahi; see the policies in /etc/dbus-1/system.d",
	StateFailed:    "Avahi refuses to look for them or does not answer, see its log; it is tried again",
}

// catalogue is what one life of the daemon has told.
type catalogue struct {
	kind      kind
	life      *life
	browsers  map[int]dbus.ObjectPath // by interface
	items     map[item]*entry
	forbidden bool
}

// item is a session on an interface.
type item struct {
	index    int
	protocol int32
	name     string
}

type entry struct {
	domain   string
	resolver dbus.ObjectPath // empty: the daemon has given none yet
	found    Found           // without an address until it is resolved
}

// live looks for one life of the daemon.
func (b *Browser) live(ctx context.Context, l *life) error {
	b.mu.Lock()
	b.away = ""
	b.mu.Unlock()
	c := catalogue{kind: b.kind, life: l, browsers: map[int]dbus.ObjectPath{}, items: map[item]*entry{}}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		wanted := b.demand()
		all := c.fit(ctx, wanted)
		if resolving := c.resolve(ctx); !all || !resolving {
			retry.Reset(retryAfter)
		}
		if l.conn.Context().Err() != nil {
			return l.reason(errBus)
		}
		state := Status{State: StateBrowsing}
		switch {
		case len(wanted) == 0:
			state.State = StateOff
		case c.forbidden:
			state = Status{State: StateForbidden, Problem: b.problem(StateForbidden)}
		case !all:
			state = Status{State: StateFailed, Problem: b.problem(StateFailed)}
		}
		b.told.set(state, Status.same)
		b.found.set(c.list(), slices.Equal[[]Found])
		select {
		case <-ctx.Done():
			return nil
		case <-l.conn.Context().Done():
			return l.reason(errBus)
		case s := <-l.signals:
			if s == nil {
				return l.reason(errBus)
			}
			if ended(s) {
				return errGone
			}
			c.take(ctx, s)
		case <-b.wake:
		case <-retry.C:
		}
	}
}

// fit looks on the interfaces wanted, and reports whether it could on all.
func (c *catalogue) fit(ctx context.Context, wanted []int) bool {
	for index, path := range c.browsers {
		if !slices.Contains(wanted, index) {
			c.life.free(ctx, path, browseIface)
			delete(c.browsers, index)
			for it := range c.items {
				if it.index == index {
					c.remove(ctx, it)
				}
			}
		}
	}
	all := true
	c.forbidden = false
	for _, index := range wanted {
		if _, known := c.browsers[index]; known {
			continue
		}
		var path dbus.ObjectPath
		if err := c.life.server(ctx, "ServiceBrowserNew", int32(index), c.kind.mdns, c.kind.browse, "", uint32(0)).Store(&path); err != nil {
			all = false // the daemon may not know the interface yet
			c.forbidden = c.forbidden || isForbidden(err)
			continue
		}
		c.browsers[index] = path
	}
	return all
}

// resolve asks where the sessions are for which that was not asked yet, and reports whether
// it could for all. After mostRefused refusals it leaves the others for later: there may be many.
func (c *catalogue) resolve(ctx context.Context) bool {
	refused := 0
	for it, e := range c.items {
		if e.resolver != "" || refused >= mostRefused {
			continue
		}
		if c.life.server(ctx, "ServiceResolverNew", int32(it.index), it.protocol, it.name, c.kind.resolve, e.domain, c.kind.address, uint32(0)).Store(&e.resolver) != nil {
			refused++
		}
	}
	return refused == 0
}

// take takes one signal in.
func (c *catalogue) take(ctx context.Context, s *dbus.Signal) {
	switch s.Name {
	case browseIface + ".ItemNew", browseIface + ".ItemRemove":
		var index, protocol int32
		var name, kind, domain string
		var flags uint32
		if dbus.Store(s.Body, &index, &protocol, &name, &kind, &domain, &flags) != nil || c.browsers[int(index)] != s.Path {
			return
		}
		it := item{int(index), protocol, name}
		if s.Name == browseIface+".ItemRemove" {
			c.remove(ctx, it)
			return
		}
		c.add(it, domain, flags)
	case browseIface + ".Failure":
		for index, path := range c.browsers {
			if path == s.Path {
				delete(c.browsers, index)
			}
		}
	case lookupIface + ".Found":
		c.resolved(s)
	}
}

// add notes a session; resolve asks where it is.
func (c *catalogue) add(it item, domain string, flags uint32) {
	if c.items[it] == nil && len(c.items) < maxFound {
		c.items[it] = &entry{domain: domain, found: Found{Name: it.name, Index: it.index, Local: flags&(flagLocal|flagOwn) != 0}}
	}
}

func (c *catalogue) remove(ctx context.Context, it item) {
	if e := c.items[it]; e != nil {
		if e.resolver != "" {
			c.life.free(ctx, e.resolver, lookupIface)
		}
		delete(c.items, it)
	}
}

// resolved notes where a session is described.
func (c *catalogue) resolved(s *dbus.Signal) {
	var index, protocol, addressProtocol int32
	var name, kind, domain, host, address string
	var port uint16
	var text [][]byte
	var flags uint32
	if dbus.Store(s.Body, &index, &protocol, &name, &kind, &domain, &host, &addressProtocol, &address, &port, &text, &flags) != nil {
		return
	}
	e := c.items[item{int(index), protocol, name}]
	addr, err := netip.ParseAddr(address)
	if e == nil || e.resolver != s.Path || err != nil || addr.Is4() != (c.kind.address == protoINET) {
		return
	}
	if addr.IsLinkLocalUnicast() && addr.Is6() {
		addr = addr.WithZone(strconv.Itoa(int(index)))
	} else if e.found.Address.Zone() != "" && e.found.Port == port {
		return // a link-local address stays when others go
	}
	e.found.Host, e.found.Address, e.found.Port = host, addr, port
}

// list returns the sessions whose address is known.
func (c *catalogue) list() []Found {
	var out []Found
	for _, e := range c.items {
		if e.found.Address.IsValid() {
			out = append(out, e.found)
		}
	}
	slices.SortFunc(out, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Index, b.Index), a.Address.Compare(b.Address))
	})
	out = slices.Compact(out) // found by both protocols
	return out
}
