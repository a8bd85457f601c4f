package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/avahi"
	"aes67-sink/bridge"
	"aes67-sink/internal/redact"
	"aes67-sink/internal/rtthread"
	"aes67-sink/netif"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
	"aes67-sink/rtsp"
	"aes67-sink/sap"
	"aes67-sink/sdp"
)

// ears are the parts that hear what others announce.
type ears struct {
	sap        *sap.Service
	browser    *avahi.Browser // finds sessions by DNS-SD …
	ravenna    *rtsp.Watcher  // … and fetches their descriptions
	ptp        *port.Service  // nil without the PTP ports
	interfaces *netif.Watcher
	ours       func(avahi.Found) bool // the running bridge's own
	log        zerolog.Logger
	others     redact.Others
}

// newEars makes those that the caller has not.
func newEars(sap *sap.Service, ptp *port.Service, ours func(avahi.Found) bool, log func(part string) zerolog.Logger) *ears {
	interfaces := netif.NewWatcher(log("network"))
	return &ears{
		sap: sap, ptp: ptp, ours: ours,
		browser:    avahi.NewBrowser(avahi.Config{}, log("mdns")),
		interfaces: interfaces,
		ravenna: rtsp.NewWatcher(rtsp.WatcherConfig{
			Now:  rtthread.Now,
			Near: func(t rtsp.Target) bool { return near(interfaces.Candidates(), t) },
		}, log("rtsp")),
		log: log("network"),
	}
}

// parts are to be run, with those that newEars was given.
func (e *ears) parts() []func(context.Context) error {
	parts := []func(context.Context) error{e.sap.Run, e.browser.Run, e.ravenna.Run, e.interfaces.Run, e.Run}
	if e.ptp != nil {
		parts = append(parts, e.ptp.Run)
	}
	return parts
}

// Run hands what is found by DNS-SD on to be described, until ctx is done.
func (e *ears) Run(ctx context.Context) error {
	for {
		var targets []rtsp.Target
		for _, f := range e.browser.Found() {
			if e.ours(f) {
				continue
			}
			e.others.Add(f.Name, f.Host)
			targets = append(targets, rtsp.Target{Name: f.Name, Index: f.Index, Address: netip.AddrPortFrom(f.Address, f.Port)})
		}
		e.ravenna.Watch(targets)
		select {
		case <-ctx.Done():
			return nil
		case <-e.browser.Changed():
		}
	}
}

// near reports whether an address is on a network of the interface on which it was
// announced. Anybody may announce any, 127.0.0.1 or one far away, and we would knock
// there. A link-local one is near where the interface has one, too: else the way to it is
// a router's.
func near(candidates []netif.Candidate, t rtsp.Target) bool {
	at := t.Address.Addr()
	i := slices.IndexFunc(candidates, func(c netif.Candidate) bool { return c.Index == t.Index })
	return i >= 0 && (at.IsGlobalUnicast() || at.IsLinkLocalUnicast()) &&
		slices.ContainsFunc(candidates[i].Addrs, func(p netip.Prefix) bool { return p.Contains(at) })
}

// listen hears PTP and SAP on the given interfaces. It reports whether that may
// go better soon: an interface may not be ready.
func (e *ears) listen(indexes []int) (deaf bool) {
	listen := func(protocol string, listen func([]int) error) {
		if err := listen(indexes); err != nil {
			e.log.Debug().Err(err).Str("protocol", protocol).Msg("cannot listen yet")
			deaf = true
		}
	}
	if e.ptp != nil {
		listen("PTP", e.ptp.Listen)
	}
	listen("SAP", e.sap.Listen)
	return deaf
}

// browse asks for sessions by DNS-SD on the given interfaces alone.
func (e *ears) browse(indexes []int) { e.browser.Browse(indexes) }

// announced are the sessions heard by SAP.
func (e *ears) announced() []sap.Heard { return e.sap.Heard() }

// rejoin tells switches anew what is heard here.
func (e *ears) rejoin() {
	if e.ptp != nil {
		e.ptp.Rejoin()
	}
	e.sap.Rejoin()
}

// survey is what is heard of a network at one time; list makes it a listing.
type survey struct {
	own        []sdp.Session // of the running bridge, on the interface used
	ownVia     []string      // the ways by which these are announced
	used       string        // name of the interface in use
	heard      []sap.Heard
	found      []describedSession
	masters    []ptp.Announcement
	clock      *ptp.Status // of the running bridge; nil: none
	interfaces []netif.Candidate
	notes      []string
}

// describedSession is a session found by DNS-SD, and on which computer.
type describedSession struct {
	rtsp.Found
	host string
}

// survey tells what is heard now.
func (e *ears) survey() survey {
	s := survey{heard: e.sap.Heard(), interfaces: e.interfaces.Candidates(), masters: e.masters()}
	hosts := map[string]string{}
	for _, f := range e.browser.Found() {
		hosts[f.Name] = f.Host
	}
	for _, f := range e.ravenna.Found() {
		s.found = append(s.found, describedSession{f, hosts[f.Name]})
	}
	if why := e.browser.Snapshot().Problem; why != "" {
		s.notes = append(s.notes, why)
	}
	return s
}

// masterSilence is how long a master is listed after its last Announce: three
// of the longest interval of the media profile, 16 s (AES67-2018, annex A).
const masterSilence = 48 * time.Second

// masters are those that have been heard of late.
func (e *ears) masters() []ptp.Announcement {
	if e.ptp == nil {
		return nil
	}
	now := rtthread.Raw()
	return slices.DeleteFunc(e.ptp.Heard(), func(a ptp.Announcement) bool { return now.Sub(a.At) > masterSilence })
}

// foreign returns the sessions of others on an interface, 0: on any.
func (e *ears) foreign(index int) []bridge.Foreign {
	var all []bridge.Foreign
	heard := e.sap.Heard()
	for i := range heard {
		e.others.Add(heard[i].Description.Name, "")
		if h := &heard[i]; index == 0 || h.Index == index {
			all = append(all, foreign(h.Description.Name, &h.Description)...)
		}
	}
	found := e.ravenna.Found()
	for i := range found {
		e.others.Add(found[i].Description.Name, "")
		if f := &found[i]; index == 0 || f.Index == index {
			all = append(all, foreign(f.Name, &f.Description)...)
		}
	}
	return all
}

// references are the clocks by which others on an interface send.
func (e *ears) references(index int) []sdp.Reference {
	var all []sdp.Reference
	add := func(d *sdp.Description) {
		if r, ok := sdp.ParseReference(d.RefClock); ok {
			all = append(all, r)
		}
	}
	heard := e.sap.Heard()
	for i := range heard {
		if heard[i].Index == index {
			add(&heard[i].Description)
		}
	}
	found := e.ravenna.Found()
	for i := range found {
		if found[i].Index == index {
			add(&found[i].Description)
		}
	}
	return all
}

// foreign tells what a session keeps others from: a group for each of its legs.
// The name by which it is announced may differ from the description's.
func foreign(name string, d *sdp.Description) []bridge.Foreign {
	var all []bridge.Foreign
	for _, leg := range d.Legs() {
		f := bridge.Foreign{Name: name, Origin: leg.Origin, Group: leg.Group, Port: leg.Port}
		f.Origin.Version = 0 // a new version alone changes nothing here
		all = append(all, f)
	}
	return all
}
