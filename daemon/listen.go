package daemon

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/avahi"
	"aes67-sink/config"
	"aes67-sink/internal/lifecycle"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/sap"
	"aes67-sink/status"
)

// Listener hears a network without a bridge. It sends nothing but the questions
// of DNS-SD and IGMP.
type Listener struct {
	ears    *ears
	chooser *netif.Chooser
	deaf    string // why PTP is not heard
	log     zerolog.Logger
}

// NewListener takes the PTP ports, if nobody has them, and gives up every
// privilege and the way to write files; Run listens.
func NewListener(cfg config.Config, log zerolog.Logger) *Listener {
	clock, deaf := openClock(cfg.Clock, aes67.ClockFollower, nil, &mediaclock.Clock{}, log)
	if err := dropPrivileges(); err != nil {
		log.Debug().Err(err).Msg("privileges are kept")
	}
	confine(log)
	nobodys := func(avahi.Found) bool { return false }
	return &Listener{
		ears:    newEars(sap.New(sap.Config{Now: rtthread.Now}, log), clock, nobodys, func(string) zerolog.Logger { return log }),
		chooser: netif.NewChooser(netif.ChooserConfig{Interface: cfg.Network.Interface}),
		deaf:    deaf, log: log,
	}
}

// Run listens until ctx is done.
func (l *Listener) Run(ctx context.Context) error {
	return lifecycle.Run(ctx, l.log, l.follow, l.ears.parts()...)
}

// follow keeps listening on the interfaces that come into question.
func (l *Listener) follow(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		indexes := l.indexes()
		if l.ears.listen(indexes) {
			again.Reset(retryNetwork)
		}
		l.ears.browse(indexes)
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		case <-l.ears.interfaces.Changed():
		}
	}
}

// indexes are those of the interfaces that come into question.
func (l *Listener) indexes() []int { return l.chooser.Interfaces(l.ears.interfaces.Candidates()) }

// Listing is what was heard so far.
func (l *Listener) Listing() status.Listing {
	s := l.ears.survey()
	if l.deaf != "" {
		s.notes = append(s.notes, "PTP masters are not heard: "+l.deaf)
	}
	if len(s.interfaces) > 0 && len(l.indexes()) == 0 {
		s.notes = append(s.notes, "no wired interface has carrier and an IPv4 address; plug in a cable, or name another interface: --set network.interface=NAME")
	}
	return s.list()
}
