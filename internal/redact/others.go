package redact

import (
	"maps"
	"slices"
	"sync"
)

// mostOthers bounds how many names of a kind are remembered, which anybody may make up.
const mostOthers = 1000

// Others remembers the names that others had: a log tells of who is gone, too. Any
// goroutine may use it.
type Others struct {
	mu              sync.Mutex
	hosts, sessions map[string]bool
}

// Add remembers a session and the computer that it is on; empty: not known.
func (o *Others) Add(session, host string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sessions == nil {
		o.sessions, o.hosts = map[string]bool{}, map[string]bool{}
	}
	if len(o.sessions) < mostOthers {
		o.sessions[session] = true
	}
	if len(o.hosts) < mostOthers {
		o.hosts[host] = true
	}
}

// Tell adds all of them to what is known.
func (o *Others) Tell(k *Known) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k.Sessions = append(k.Sessions, slices.Sorted(maps.Keys(o.sessions))...)
	k.Hosts = append(k.Hosts, slices.Sorted(maps.Keys(o.hosts))...)
}
