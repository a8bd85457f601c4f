package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/avahi"
	"aes67-sink/config"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/ptp/port"
	"aes67-sink/rtsp"
	"aes67-sink/rtthread"
	"aes67-sink/sap"
	"aes67-sink/status"
)

type listCommand struct {
	configFlags
	JSON  bool `name:"json" help:"Print JSON; with --watch one line a look."`
	Watch bool `help:"Look again every second until Ctrl-C."`
	// One interval of the announcers in the field, spread and all, is the default.
	For time.Duration `placeholder:"TIME" default:"36s" help:"How long to listen where no bridge of this user runs, such as 10s; announcements come each 30 s."`
}

// Run lists what the running bridge hears, or, where there is none, what is
// heard here.
func (c *listCommand) Run(to streams) error {
	ctx, stop := untilEnded()
	defer stop()
	look, end, err := c.looker(ctx, to)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer end()
	if !c.Watch {
		text, err := look(ctx)
		if err != nil {
			return unreachable(ctx, err)
		}
		_, err = to.stdout.Write(c.page(text))
		return err
	}
	var w watcher = plainWatcher{to.stdout}
	if isTerminal(to.stdout) && !c.JSON {
		w = screenWatcher{to.stdout}
	}
	return c.watch(ctx, look, w)
}

// watch shows looks until ctx is done.
func (c *listCommand) watch(ctx context.Context, look func(context.Context) ([]byte, error), w watcher) error {
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		text, err := look(ctx)
		if err != nil {
			return unreachable(ctx, err)
		}
		if err := w.page(c.page(text)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// page shows one look.
func (c *listCommand) page(text []byte) []byte {
	if c.JSON && !c.Watch {
		return text
	}
	if c.JSON {
		var line bytes.Buffer
		if err := json.Compact(&line, text); err == nil {
			line.WriteByte('\n')
		}
		return line.Bytes()
	}
	var l status.Listing
	if err := json.Unmarshal(text, &l); err != nil {
		return []byte("PROBLEM   " + printable(err.Error()) + "\n")
	}
	return []byte(listing(l))
}

// looker returns what looks at the network: the running bridge, or ears of our
// own, which have then listened for a while unless they are watched.
func (c *listCommand) looker(ctx context.Context, to streams) (look func(context.Context) ([]byte, error), end func(), err error) {
	client := status.NewClient()
	if _, err = client.Listing(ctx); err == nil {
		return client.Listing, func() {}, nil
	}
	if !errors.Is(err, status.ErrNotRunning) {
		return nil, nil, err
	}
	loaded, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	log, err := newLogger("error", to.stderr)
	if err != nil {
		return nil, nil, err
	}
	own := newListener(loaded.Config, log)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- own.run(running, log) }()
	if !c.Watch {
		fmt.Fprintf(to.stderr, "aes67-sink: no bridge runs, listening for %v; Ctrl-C shows what was heard so far\n", c.For)
		timer := time.NewTimer(c.For)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		case err := <-ended:
			stop()
			return nil, nil, err
		}
	}
	return func(context.Context) ([]byte, error) { return own.listing().JSON() }, func() { stop(); <-ended }, nil
}

// listener hears a network without a bridge. It sends nothing but the questions
// of DNS-SD and IGMP.
type listener struct {
	ears
	wanted string // the interface named in the configuration, or netif.Auto
	deaf   []string
	parts  []func(context.Context) error
}

func newListener(cfg config.Config, log zerolog.Logger) *listener {
	l := &listener{wanted: cfg.Network.Interface}
	ports, err := port.Open(cfg.Clock.DSCP)
	if err != nil {
		l.deaf = append(l.deaf, "PTP masters are not heard: "+clockRemedy(err))
	} else {
		l.ptp = port.New(port.Config{Mode: aes67.ClockFollower, Domain: cfg.Clock.Domain, Now: rtthread.Now}, ports, &mediaclock.Clock{}, log)
		l.parts = append(l.parts, l.ptp.Run)
	}
	if err := dropPrivileges(); err != nil {
		log.Debug().Err(err).Msg("privileges are kept")
	}
	l.sap = sap.New(sap.Config{Now: rtthread.Now}, log)
	l.browser = avahi.NewBrowser(avahi.Config{}, log)
	l.ravenna = rtsp.NewWatcher(rtsp.WatcherConfig{Now: rtthread.Now}, log)
	l.interfaces = netif.NewWatcher(log)
	l.ours = func(avahi.Found) bool { return false }
	l.parts = append(l.parts, l.sap.Run, l.browser.Run, l.ravenna.Run, l.interfaces.Run, l.ears.Run)
	return l
}

// run listens until ctx is done.
func (l *listener) run(ctx context.Context, log zerolog.Logger) error {
	return runAll(ctx, log, l.follow, l.parts...)
}

// follow keeps listening on the interfaces that come into question.
func (l *listener) follow(ctx context.Context) error {
	chooser := netif.NewChooser(netif.ChooserConfig{Interface: l.wanted})
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	for {
		indexes := chooser.Interfaces(l.interfaces.Candidates())
		if l.ptp != nil {
			_ = l.ptp.Listen(indexes) // again at the next look
		}
		_ = l.sap.Listen(indexes)
		l.browser.Browse(indexes)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-l.interfaces.Changed():
		}
	}
}

func (l *listener) listing() status.Listing {
	s := l.survey()
	s.notes = append(s.notes, l.deaf...)
	if why := l.browser.Snapshot().Problem; why != "" {
		s.notes = append(s.notes, why)
	}
	if len(l.interfaces.Candidates()) > 0 && len(netif.NewChooser(netif.ChooserConfig{Interface: l.wanted}).Interfaces(l.interfaces.Candidates())) == 0 {
		s.notes = append(s.notes, "no wired interface has carrier and an IPv4 address; plug in a cable, or name another interface: --set network.interface=NAME")
	}
	return s.list()
}
