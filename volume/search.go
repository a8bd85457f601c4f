package volume

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/speakers"
	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

const (
	// firstSearch is how long a speaker must not have answered before it is looked for
	// elsewhere: one that is switched on needs as long. Each further search waits for
	// twice as long, searchSeldom at most: it may be off for months.
	firstSearch  = 5 * time.Second
	searchSeldom = 5 * time.Minute
	// searchLimit bounds a search; speakers.FindTime of it goes to mDNS.
	searchLimit = speakers.FindTime + 3*askLimit
)

// search says when a speaker that does not answer is to be looked for.
type search struct {
	next  aes67.MonoTime
	pause time.Duration
}

// due reports whether it is, and takes it for done.
func (s *search) due(now aes67.MonoTime, answers bool) bool {
	switch {
	case answers:
		*s = search{}
		return false
	case s.pause == 0:
		s.pause, s.next = firstSearch, now.Add(firstSearch)
		return false
	case now < s.next:
		return false
	}
	s.pause = min(2*s.pause, searchSeldom)
	s.next = now.Add(s.pause)
	return true
}

// meant is the speaker of a serial number at an address, and no other.
func meant(at netip.AddrPort, serial string) *ssc.Device {
	d := ssc.NewDevice(at, askLimit)
	d.Expect(serial)
	return d
}

// answers reports whether it did when it was asked last.
func (a *asked) answers() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.told[a.index].Told.Reachable
}

// look looks for the speaker by mDNS, and goes on with it where it is.
func (a *asked) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	found, err := a.find(ctx)
	if err != nil {
		a.log.Debug().Err(err).Msg("a speaker cannot be looked for")
		return
	}
	found = slices.DeleteFunc(found, func(f speakers.Found) bool { return f.Addr == a.device.Addr() })
	answered := make(chan *ssc.Device, len(found)) // nil: it is not the one
	for _, f := range found {
		go func() {
			d := meant(f.Addr, a.serial)
			if _, err := d.Get(ctx, wire.Serial); err != nil {
				d.Close()
				d = nil
			}
			answered <- d
		}()
	}
	var there *ssc.Device
	for range found {
		switch d := <-answered; {
		case d != nil && there == nil:
			there = d
		case d != nil: // by another interface
			d.Close()
		}
	}
	if there != nil {
		a.moved(there)
	}
}

// moved goes on with the speaker at another address, and remembers that.
func (a *asked) moved(d *ssc.Device) {
	a.device.Close()
	at := d.Addr().String()
	a.mu.Lock()
	a.device = d
	m := &a.told[a.index]
	from := m.Address
	m.Address = at
	a.mu.Unlock()
	a.log.Info().Str("serial", a.serial).Str("from", from).Str("to", at).Msg("speaker has another address")
	wake.Signal(a.loudness.changed)
	a.filing.Lock()
	defer a.filing.Unlock()
	pair, err := a.file.Load()
	if side := []*speakers.Identity{&pair.Left, &pair.Right}[a.index]; err == nil && side.Serial == a.serial {
		side.Address = at
		err = a.file.Save(pair)
	}
	if err != nil {
		a.log.Warn().Err(err).Str("file", a.file.Path).Msg("speaker's address not remembered")
	}
}

// located is a pair with the addresses at which its speakers are.
func (p *Pair) located(pair speakers.Pair) speakers.Pair {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.told) == 2 {
		pair.Left.Address, pair.Right.Address = p.told[0].Address, p.told[1].Address
	}
	return pair
}
