package avahi

import (
	"sync/atomic"

	goavahi "github.com/holoplot/go-avahi"

	"aes67-sink/internal/wake"
)

// entryGroup is one service's entry group.
type entryGroup struct {
	service Service
	entry   *goavahi.EntryGroup
	told    *atomic.Pointer[goavahi.EntryGroupState] // nil: nothing yet
	freed   chan struct{}
}

// state returns what the group has told last (avahi-common/defs.h,
// AvahiEntryGroupState).
func (g entryGroup) state() goavahi.EntryGroupState {
	if told := g.told.Load(); told != nil {
		return *told
	}
	return goavahi.EntryGroupState{State: goavahi.EntryGroupRegistering}
}

// add publishes a service on an interface.
func (s *server) add(index int, service Service) (g entryGroup, err error) {
	err = s.life.bounded(callTime, func() (err error) {
		g.entry, err = s.avahi.EntryGroupNew()
		return err
	})
	if err != nil {
		return g, err
	}
	g.service, g.told, g.freed = service, new(atomic.Pointer[goavahi.EntryGroupState]), make(chan struct{})
	s.running.Go(func() {
		for {
			select {
			case state := <-g.entry.StateChangeChannel:
				g.told.Store(&state)
				wake.Signal(s.changed)
			case <-g.freed:
				return
			case <-s.done:
				return
			}
		}
	})
	for _, step := range []func() error{
		func() error {
			return g.entry.AddService(int32(index), protoINET, 0, service.Name, serviceType, "", "", service.Port, [][]byte{})
		},
		func() error {
			return g.entry.AddServiceSubtype(int32(index), protoINET, 0, service.Name, serviceType, "", subtype)
		},
		g.entry.Commit,
	} {
		if err := s.life.bounded(callTime, step); err != nil {
			s.free(g)
			return g, err
		}
	}
	return g, nil
}

// free withdraws one service of several. All of them are withdrawn by close.
func (s *server) free(g entryGroup) {
	_ = s.life.bounded(callTime, func() error { s.avahi.EntryGroupFree(g.entry); return nil })
	close(g.freed) // go-avahi's loop does not know the group any more
}
