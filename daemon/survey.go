package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"aes67-sink/ptp"
	"aes67-sink/sdp"
	"aes67-sink/status"
)

// list joins what was heard in several ways.
func (s *survey) list() status.Listing {
	l := status.Listing{Notes: s.notes}
	for _, session := range s.own {
		d, err := sdp.Parse([]byte(session.Text()))
		if err != nil {
			continue // ours are read by tests
		}
		own := listed(&d, s.used, session.Origin)
		own.Own, own.Via = true, s.ownVia
		l.Sessions = append(l.Sessions, own)
	}
	for i := range s.heard {
		h := &s.heard[i]
		for _, leg := range h.Description.Legs() {
			l.Sessions = join(l.Sessions, listed(&leg, s.name(h.Index), h.Source), status.ViaSAP, "")
		}
	}
	for i := range s.found {
		f := &s.found[i]
		for _, leg := range f.Description.Legs() {
			entry := listed(&leg, s.name(f.Index), f.Address.Addr())
			entry.Name = cmp.Or(entry.Name, f.Name)
			l.Sessions = join(l.Sessions, entry, status.ViaMDNS, f.host)
		}
	}
	slices.SortStableFunc(l.Sessions, func(a, b status.ListedSession) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Group, b.Group))
	})
	l.Masters = s.listMasters()
	return l
}

// join adds a session that was heard in one way, or that way to the same
// session heard in another.
func join(all []status.ListedSession, entry status.ListedSession, via, host string) []status.ListedSession {
	same := func(o status.ListedSession) bool {
		return o.ID == entry.ID && o.Source == entry.Source && o.Group == entry.Group && o.Port == entry.Port && o.Interface == entry.Interface
	}
	i := slices.IndexFunc(all, same)
	if i < 0 {
		i = len(all)
		all = append(all, entry)
	}
	if e := &all[i]; !e.Own {
		if !slices.Contains(e.Via, via) {
			e.Via = append(slices.Clone(e.Via), via)
		}
		e.Host = cmp.Or(e.Host, host)
	}
	return all
}

// listed turns a description into a row.
func listed(d *sdp.Description, on string, source netip.Addr) status.ListedSession {
	s := status.ListedSession{
		Name: d.Name, Source: source.String(), Interface: on, Group: d.Group.String(), Port: int(d.Port),
		Encoding: d.Encoding, RateHz: int(d.Rate), Channels: d.Channels, Info: d.Info,
		PtimeUS: int(packetTime(d).Round(time.Microsecond).Microseconds()),
		Clock:   d.RefClock, MediaClock: d.MediaClk,
		ID: strconv.FormatUint(d.Origin.ID, 10), Version: strconv.FormatUint(d.Origin.Version, 10),
	}
	if d.TTL > 0 {
		s.TTL = new(int(d.TTL))
	}
	return s
}

// packetTime is exact where the frames in a packet are told: ptime is rounded.
func packetTime(d *sdp.Description) time.Duration {
	if d.Rate > 0 && d.PacketFrames() > 0 {
		return d.PacketFrames().Duration(d.Rate)
	}
	return d.Ptime
}

// listMasters lists the bridge itself, if it serves, and all others, the better
// one of a domain first.
func (s *survey) listMasters() []status.ListedMaster {
	var out []status.ListedMaster
	if c := s.clock; c != nil && c.Role == ptp.RoleGrandmaster {
		own := listedMaster(&ptp.Announcement{Properties: c.Announced, Domain: c.Domain}, s.used)
		own.Own, own.Port, own.Address = true, "", ""
		out = append(out, own)
	}
	for i := range s.masters {
		a := &s.masters[i]
		m := listedMaster(a, s.name(a.Interface))
		m.Followed = s.clock != nil && s.clock.Role == ptp.RoleFollower && s.clock.Parent == a.Sender && m.Interface == s.used
		out = append(out, m)
	}
	if s.clock != nil && s.clock.Version1.IsValid() {
		out = append(out, version1(s.clock.Version1, s.used))
	}
	slices.SortStableFunc(out, func(a, b status.ListedMaster) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Priority1, b.Priority1), cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Grandmaster, b.Grandmaster), cmp.Compare(a.Port, b.Port))
	})
	return out
}

// version1 stands for masters of a protocol whose messages are not read.
func version1(from netip.Addr, iface string) status.ListedMaster {
	return status.ListedMaster{
		Address: from.String(), Interface: iface,
		Why: "speaks PTP version 1, as Dante does: turn on AES67 mode in a Dante device",
	}
}

// listedMaster is a master as status and list show it.
func listedMaster(a *ptp.Announcement, iface string) status.ListedMaster {
	m := status.ListedMaster{
		Grandmaster: a.Identity.String(), Port: a.Sender.String(), Address: a.Address.String(), Interface: iface,
		Domain: int(a.Domain), Priority1: int(a.Priority1), Class: int(a.Class), Accuracy: int(a.Accuracy),
		Variance: int(a.Variance), Priority2: int(a.Priority2), StepsRemoved: int(a.StepsRemoved),
		AnnounceIntervalS: a.Interval.Seconds(), Why: a.Why,
	}
	if a.SyncKnown {
		m.SyncIntervalS, m.TwoStep = a.SyncInterval.Seconds(), &a.TwoStep
	}
	return m
}

// name returns an interface's name, its number if it is gone.
func (s *survey) name(index int) string {
	for i := range s.interfaces {
		if s.interfaces[i].Index == index {
			return s.interfaces[i].Name
		}
	}
	return strconv.Itoa(index)
}
