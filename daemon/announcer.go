package daemon

import (
	"cmp"
	"context"
	"sync"

	"github.com/rs/zerolog"

	"aes67-sink/avahi"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
	"aes67-sink/rtsp"
	"aes67-sink/sap"
	"aes67-sink/sdp"
	"aes67-sink/status"
)

// announcer tells receivers of the sessions in every way that is switched on.
// DNS-SD points to the RTSP server, so it begins when that one listens.
type announcer struct {
	sap       *sap.Service     // always there: it listens too
	rtsp      *rtsp.Server     // nil: off
	publisher *avahi.Publisher // nil: off

	changed chan struct{} // signalled after RTSP has begun or ceased, or a switch

	follows func() bool // another run, which announces the same at once

	mu       sync.Mutex
	bySAP    bool // announce by it
	network  bridge.Network
	sessions []sdp.Session
}

// newAnnouncer makes the parts that announce; former are the texts of the last
// run.
func newAnnouncer(cfg config.Config, former []string, follows func() bool, log func(part string) zerolog.Logger) *announcer {
	a := &announcer{bySAP: cfg.Announce.SAP, follows: follows, changed: make(chan struct{}, 1)}
	a.sap = sap.New(sap.Config{Interval: cfg.Announce.SAPInterval, Now: rtthread.Now, Former: former, Follows: follows}, log("sap"))
	if cfg.Announce.RTSPPort != 0 {
		a.rtsp = rtsp.NewServer(rtsp.Config{Port: int(cfg.Announce.RTSPPort)}, log("rtsp"))
		if cfg.Announce.MDNS {
			a.publisher = avahi.New(avahi.Config{}, log("mdns"))
		}
	}
	return a
}

// parts are to be run, with sap; they withdraw what is announced when they are ended.
func (a *announcer) parts() []func(context.Context) error {
	parts := []func(context.Context) error{a.Run}
	if a.rtsp != nil {
		parts = append(parts, a.rtsp.Run)
	}
	if a.publisher != nil {
		parts = append(parts, a.publisher.Run)
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
	if a.rtsp != nil {
		served := make([]rtsp.Session, len(sessions))
		for i := range sessions {
			stream := &sessions[i].Stream
			served[i] = rtsp.Session{
				Name: sdp.CleanName(stream.Name), Number: i + 1, Text: sessions[i].Text(),
				Group: stream.Group, Port: stream.Port, TTL: stream.TTL,
			}
		}
		at := network
		if len(served) == 0 {
			at = bridge.Network{} // another user's bridge may want the port
		}
		a.rtsp.Serve(at.Interface, at.Address, served)
	}
	a.publish()
	a.mu.Lock() // so that a switch is before it or behind it
	defer a.mu.Unlock()
	if a.bySAP {
		a.sap.Announce(network.Interface, network.Address, sessions)
	}
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
	a.sap.Announce(a.network.Interface, a.network.Address, sessions)
	wake.Signal(a.changed)
}

func (a *announcer) announcesBySAP() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bySAP
}

// Run publishes by DNS-SD when the RTSP server has begun or ceased to listen.
func (a *announcer) Run(ctx context.Context) error {
	var changed <-chan struct{}
	if a.rtsp != nil {
		changed = a.rtsp.Changed()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			a.publish()
			wake.Signal(a.changed)
		}
	}
}

// publish brings DNS-SD up to date.
func (a *announcer) publish() {
	if a.publisher == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var services []avahi.Service
	if port := a.rtsp.Snapshot().Port; port != 0 {
		for i := range a.sessions {
			services = append(services, avahi.Service{Name: sdp.CleanName(a.sessions[i].Stream.Name), Port: uint16(port)})
		}
	}
	a.publisher.Publish(a.network.Interface.Index, services)
}

// refused returns the names that somebody else has.
func (a *announcer) refused() []string {
	if a.publisher == nil {
		return nil
	}
	return a.publisher.Snapshot().Collided
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
	m := status.Announce{SAP: "off", MDNS: "off", Problem: cmp.Or(a.problems()...)}
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
func (a *announcer) problems() (all []string) {
	if a.announcesBySAP() {
		all = append(all, a.sap.Problem())
	}
	if a.rtsp != nil {
		all = append(all, a.rtsp.Snapshot().Problem)
	}
	return all
}

// unlisted is why receivers that find sessions by DNS-SD do not; the others do.
func (a *announcer) unlisted() string {
	if a.publisher == nil {
		return ""
	}
	return a.publisher.Snapshot().Problem
}

// ways are those by which the sessions are announced at present.
func (a *announcer) ways() []string {
	var ways []string
	if a.announcesBySAP() && a.sap.State() == "announcing" {
		ways = append(ways, status.ViaSAP)
	}
	if a.publisher != nil && a.publisher.Snapshot().State == avahi.StateEstablished {
		ways = append(ways, status.ViaMDNS)
	}
	return ways
}
