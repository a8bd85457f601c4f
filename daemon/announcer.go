package daemon

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/avahi"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
	"aes67-sink/rtpsend"
	"aes67-sink/rtsp"
	"aes67-sink/sap"
	"aes67-sink/sdp"
	"aes67-sink/status"
)

// announcer tells receivers of the sessions in every way that is switched on.
// DNS-SD points to the RTSP server, so it begins when that one listens.
type announcer struct {
	voice
	mirror *voice // on the second leg: a receiver may be on that network alone; nil: there is none

	changed chan struct{} // signalled after RTSP has begun or ceased, or a switch

	follows func() bool // another run, which announces the same at once

	mu       sync.Mutex
	bySAP    bool // announce by it
	network  bridge.Network
	sessions []sdp.Session
	second   rtpsend.Leg
}

// newAnnouncer makes the parts that announce; former are the texts of the last
// run.
func newAnnouncer(cfg config.Config, former []string, follows func() bool, log func(part string) zerolog.Logger) *announcer {
	a := &announcer{voice: newVoice(cfg, former, follows, log), bySAP: cfg.Announce.SAP, follows: follows, changed: make(chan struct{}, 1)}
	if cfg.Network.Secondary != "" {
		a.mirror = new(newVoice(cfg, former, follows, log))
	}
	return a
}

// parts are to be run, with sap; they withdraw what is announced when they are ended.
func (a *announcer) parts() []func(context.Context) error {
	parts := append([]func(context.Context) error{a.Run}, a.voice.parts()...)
	if a.mirror != nil {
		parts = append(append(parts, a.mirror.sap.Run), a.mirror.parts()...)
	}
	return parts
}

// announce replaces the set of announced sessions; none withdraws all, unless another
// run announces them again at once.
func (a *announcer) announce(network bridge.Network, sessions []sdp.Session) {
	if len(sessions) == 0 && a.follows() {
		return
	}
	a.mu.Lock()
	a.network, a.sessions = network, sessions
	a.mu.Unlock()
	a.serve(network, sessions)
	a.publish()
	a.mu.Lock() // so that a switch is before it or behind it
	defer a.mu.Unlock()
	if a.bySAP {
		a.sap.Announce(network.Interface, network.Address, listable(sessions))
	}
	a.reflect()
}

// setSecond tells where the second leg is, without an address: nowhere.
func (a *announcer) setSecond(leg rtpsend.Leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.second.Same(leg) {
		return
	}
	a.second = leg
	a.reflect()
}

// reflect announces on the second leg what is on the first; mu is held.
func (a *announcer) reflect() {
	if a.mirror == nil {
		return
	}
	sessions := a.sessions
	if !a.second.Source.IsValid() {
		sessions = nil
	}
	a.mirror.serve(bridge.Network{Interface: a.second.Interface, Address: a.second.Source}, sessions)
	a.mirror.publish(a.second.Interface, sessions)
	if !a.bySAP {
		sessions = nil
	}
	a.mirror.sap.Announce(a.second.Interface, a.second.Source, listable(sessions))
}

// switchSAP announces by SAP from now on, or withdraws what is announced.
func (a *announcer) switchSAP(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bySAP = on
	sessions := a.sessions
	if !on {
		sessions = nil
	}
	a.sap.Announce(a.network.Interface, a.network.Address, listable(sessions))
	a.reflect()
	wake.Signal(a.changed)
}

func (a *announcer) announcesBySAP() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bySAP
}

// Run publishes by DNS-SD when the RTSP server has begun or ceased to listen.
func (a *announcer) Run(ctx context.Context) error {
	var changed, second <-chan struct{}
	if a.rtsp != nil {
		changed = a.rtsp.Changed()
		if a.mirror != nil {
			second = a.mirror.rtsp.Changed()
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			a.publish()
			wake.Signal(a.changed)
		case <-second:
			a.mu.Lock()
			a.mirror.publish(a.second.Interface, a.sessions)
			a.mu.Unlock()
			wake.Signal(a.changed)
		}
	}
}

// publish brings DNS-SD up to date.
func (a *announcer) publish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.voice.publish(a.network.Interface, a.sessions)
}

// publishers are those of each network.
func (a *announcer) publishers() (all []*avahi.Publisher) {
	if a.publisher != nil {
		all = append(all, a.publisher)
	}
	if a.mirror != nil && a.mirror.publisher != nil {
		all = append(all, a.mirror.publisher)
	}
	return all
}

// refused returns the names that somebody else has.
func (a *announcer) refused() (names []string) {
	for _, p := range a.publishers() {
		names = append(names, p.Snapshot().Collided...)
	}
	return names
}

// isOurs reports whether DNS-SD found what is published here.
func (a *announcer) isOurs(f avahi.Found) bool {
	if a.rtsp == nil || !f.Local {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return f.Address == a.network.Address && int(f.Port) == a.rtsp.Snapshot().Port
}

// model tells how the sessions are announced.
func (a *announcer) model() status.Announce {
	sent := status.SAPMessages(a.sap.Stats())
	m := status.Announce{SAP: sap.StateOff, SAPMessages: &sent, MDNS: "off", Problem: cmp.Or(a.problems()...)}
	if a.announcesBySAP() {
		m.SAP = a.sap.State()
	}
	if a.rtsp != nil {
		if port := a.rtsp.Snapshot().Port; port != 0 {
			m.RTSPPort = &port
		}
	}
	if a.publisher != nil {
		m.MDNS = string(a.publisher.Snapshot().State)
		m.Problem = cmp.Or(m.Problem, a.unlisted())
	}
	return m
}

// problems are what keeps receivers from seeing the sessions.
func (a *announcer) problems() []string {
	bySAP := a.announcesBySAP()
	all := a.voice.problems(bySAP)
	if a.mirror != nil {
		all = append(all, a.mirror.problems(bySAP)...)
	}
	return all
}

// setInterval is how often SAP announces.
func (a *announcer) setInterval(interval time.Duration) {
	a.sap.SetInterval(interval)
	if a.mirror != nil {
		a.mirror.sap.SetInterval(interval)
	}
}

// unlisted is why receivers that find sessions by DNS-SD do not; the others do.
func (a *announcer) unlisted() (problem string) {
	for _, p := range a.publishers() {
		problem = cmp.Or(problem, p.Snapshot().Problem)
	}
	return problem
}

// ways are those by which the sessions are announced at present.
func (a *announcer) ways() []string {
	var ways []string
	if a.announcesBySAP() && a.sap.State() == sap.StateAnnouncing {
		ways = append(ways, status.ViaSAP)
	}
	if a.publisher != nil && a.publisher.Snapshot().State == avahi.StateEstablished {
		ways = append(ways, status.ViaMDNS)
	}
	return ways
}

// voice is what tells receivers on one network.
type voice struct {
	sap       *sap.Service     // always there: the first leg's listens too
	rtsp      *rtsp.Server     // nil: off
	publisher *avahi.Publisher // nil: off
}

func newVoice(cfg config.Config, former []string, follows func() bool, log func(part string) zerolog.Logger) voice {
	v := voice{sap: sap.New(sap.Config{Interval: cfg.Announce.SAPInterval, Now: rtthread.Now, Former: former, Follows: follows}, log("sap"))}
	if cfg.Announce.RTSPPort != 0 {
		v.rtsp = rtsp.NewServer(rtsp.Config{Port: int(cfg.Announce.RTSPPort)}, log("rtsp"))
		if cfg.Announce.MDNS {
			v.publisher = avahi.New(avahi.Config{}, log("mdns"))
		}
	}
	return v
}

// parts are to be run, with sap.
func (v *voice) parts() (parts []func(context.Context) error) {
	if v.rtsp != nil {
		parts = append(parts, v.rtsp.Run)
	}
	if v.publisher != nil {
		parts = append(parts, v.publisher.Run)
	}
	return parts
}

// serve lets RTSP answer with sessions on a network; without any it does not listen.
func (v *voice) serve(network bridge.Network, sessions []sdp.Session) {
	if v.rtsp == nil {
		return
	}
	if len(sessions) == 0 {
		network = bridge.Network{} // another user's bridge may want the port
	}
	v.rtsp.Serve(network.Interface, network.Address, served(sessions))
}

// publish brings DNS-SD up to date, when the RTSP server listens.
func (v *voice) publish(iface net.Interface, sessions []sdp.Session) {
	if v.publisher != nil {
		v.publisher.Publish(iface.Index, services(sessions, v.rtsp.Snapshot().Port))
	}
}

func (v *voice) problems(bySAP bool) (all []string) {
	if bySAP {
		all = append(all, v.sap.Problem())
	}
	if v.rtsp != nil {
		all = append(all, v.rtsp.Snapshot().Problem)
	}
	return all
}

// served is what RTSP tells: also of streams to one receiver, who may ask.
func served(sessions []sdp.Session) []rtsp.Session {
	all := make([]rtsp.Session, len(sessions))
	for i := range sessions {
		stream := &sessions[i].Stream
		all[i] = rtsp.Session{
			Name: sdp.CleanName(stream.Name), Number: i + 1, Text: sessions[i].Text(),
			Group: stream.Group, Port: stream.Port, TTL: stream.TTL,
		}
	}
	return all
}

// listable are the sessions that more than one receiver can hear: SAP is for those
// alone (RFC 2974, 1), and a list with others in it leads astray.
func listable(sessions []sdp.Session) (all []sdp.Session) {
	for _, s := range sessions {
		if s.Stream.Group.IsMulticast() {
			all = append(all, s)
		}
	}
	return all
}

// services are what DNS-SD lists, with the port of RTSP; 0: it does not listen.
func services(sessions []sdp.Session, port int) (all []avahi.Service) {
	if port == 0 {
		return nil
	}
	for _, s := range listable(sessions) {
		all = append(all, avahi.Service{Name: sdp.CleanName(s.Stream.Name), Port: uint16(port)})
	}
	return all
}
