package sap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/mcast"
	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
	"aes67-sink/sdp"
)

// joins is the state of the group memberships on one pair of sockets.
type joins struct {
	mcast.Keeper
	told  bool           // that joining fails
	retry aes67.MonoTime // 0: nothing to retry
}

// loop does what is due, until ctx ends (nil) or the sockets fail.
//
//  1. memberships follow what Listen asked for
//  2. the schedule follows what Announce asked for
//  3. what is due is sent
//  4. wait for the next due instant, a call or the end
func (s *Service) loop(ctx context.Context, w wire, failed <-chan error) error {
	var memberships joins
	timer := time.NewTimer(0)
	defer timer.Stop()
	var again <-chan time.Time // for what cannot hear
	if w.hears() != nil {
		retry := time.NewTimer(hearAgain)
		defer retry.Stop()
		again = retry.C
	}
	for {
		now := s.cfg.Now()
		s.adjust(w, now, &memberships)
		s.adopt(now)
		s.transmit(w, now)
		timer.Reset(s.wait(now, &memberships))
		select {
		case <-ctx.Done():
			if s.cfg.Follows == nil || !s.cfg.Follows() {
				s.farewell(w)
			}
			return nil
		case err := <-failed:
			return fmt.Errorf("sap: receiving: %w", err)
		case <-again:
			return errHearAgain
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// adjust joins and leaves.
func (s *Service) adjust(w wire, now aes67.MonoTime, m *joins) {
	s.mu.Lock()
	listen, rejoin := s.listen, s.rejoin
	s.rejoin = false
	s.mu.Unlock()

	failed, err := m.Adjust(listen, rejoin, w.join, w.leave)
	m.retry = 0
	if len(failed) > 0 {
		m.retry = now.Add(rejoinAfter)
		if !m.told {
			s.log.Warn().Err(err).Int("interface_index", failed[0]).Msg("cannot listen for SAP, retrying")
		}
	}
	m.told = len(failed) > 0
}

// adopt hands the latest call of Announce to the schedule.
func (s *Service) adopt(now aes67.MonoTime) {
	s.mu.Lock()
	want, deleted := s.wanted, s.deleted
	s.schedule.interval = s.interval
	s.wanted, s.deleted = nil, nil
	s.mu.Unlock()
	for _, p := range deleted {
		s.schedule.deleted(now, p)
	}
	if want == nil {
		return
	}
	before := len(s.schedule.entries)
	s.schedule.want(now, want.via, want.sessions)
	if after := len(s.schedule.entries); after != before {
		s.log.Info().Int("sessions", after).Int("interface_index", want.via.index).
			Stringer("address", want.via.addr).Msg("announcing by SAP")
	}
}

// transmit sends what is due.
func (s *Service) transmit(w wire, now aes67.MonoTime) {
	var buf [MaxPacket]byte
	for _, t := range s.schedule.due(now) {
		err := w.send(t.via, t.packet.Append(buf[:0]))
		s.schedule.settle(now, t, err == nil)
		s.count(t, err)
	}
	if len(s.schedule.entries) == 0 {
		s.mu.Lock()
		s.going = false
		s.mu.Unlock()
		s.sends()
	}
}

// sends notes that nothing keeps announcements from being sent.
func (s *Service) sends() {
	if s.unsent != "" {
		s.unsent = ""
		s.tell(s.deaf)
	}
}

// count notes and, where it changes, tells whether announcements leave.
func (s *Service) count(t transmission, err error) {
	s.mu.Lock()
	was := s.going
	if err != nil {
		s.stats.SendErrors++
	} else {
		s.stats.Sent++
	}
	if t.entry != nil {
		s.going = err == nil
	}
	s.mu.Unlock()
	switch {
	case t.entry == nil:
	case err != nil:
		s.unsent = fmt.Sprintf("SAP announcements cannot be sent from %v: %v, so receivers that need them do not see the streams; "+
			"check the interface, and the firewall for a rule against multicast", t.via.addr, text.Cause(err))
		s.tell(s.unsent)
	case s.unsent != "":
		s.sends()
	case !was:
		s.log.Debug().Int("interface_index", t.via.index).Msg("SAP announcements leave")
	}
}

// wait returns how long nothing is due.
func (s *Service) wait(now aes67.MonoTime, m *joins) time.Duration {
	wait := idleWait
	if at, ok := s.schedule.next(); ok {
		wait = min(wait, at.Sub(now))
	}
	if m.retry != 0 {
		wait = min(wait, m.retry.Sub(now))
	}
	s.mu.Lock()
	if s.table.expire(now) {
		wake.Signal(s.changed)
	}
	s.mu.Unlock()
	return max(wait, 0)
}

// farewell deletes what is announced, as often as deletions are sent.
func (s *Service) farewell(w wire) {
	now := s.cfg.Now()
	s.schedule.want(now, s.schedule.via, nil)
	for range 4 * goodbyes { // a few, if some were on their way already
		s.transmit(w, now)
		at, ok := s.schedule.next()
		if !ok {
			return
		}
		time.Sleep(at.Sub(now))
		now = max(s.cfg.Now(), at)
	}
}

// read takes messages until the socket is closed. A message that breaks an
// invariant of ours ends this session, not the program and its sound.
func (s *Service) read(w wire) (failure error) {
	defer func() {
		if p := recover(); p != nil {
			failure = fmt.Errorf("sap: internal error: %v\n%s", p, debug.Stack())
		}
	}()
	var buf [MaxPacket + 1]byte // one more, to tell what was cut off
	for {
		n, source, index, err := w.receive(buf[:])
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.received(s.cfg.Now(), index, source, buf[:n])
	}
}

// received lets one message in.
func (s *Service) received(now aes67.MonoTime, index int, source netip.Addr, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.listen, index) {
		return
	}
	s.stats.Received++
	if second := now / aes67.MonoTime(time.Second); second != s.second {
		s.second, s.inSpell = second, 0
	}
	if s.inSpell++; s.inSpell > maxRate {
		s.stats.Dropped++
		return
	}
	p, err := Decode(b)
	if err != nil {
		s.stats.Malformed++
		return
	}
	if p.Delete && len(s.deleted) < maxOwn {
		if o, told := sdp.ParseOrigin(p.Payload); !told || slices.ContainsFunc(s.own, o.Same) {
			p.Payload = slices.Clone(p.Payload)
			s.deleted = append(s.deleted, p)
			wake.Signal(s.wake)
		}
	}
	foreign := func(o sdp.Origin) bool { return !slices.ContainsFunc(s.own, o.Same) }
	switch s.table.take(now, index, source, p, foreign) {
	case changed:
		wake.Signal(s.changed)
	case malformed:
		s.stats.Malformed++
	case full:
		s.stats.Dropped++
	case refreshed, ignored:
	}
}
