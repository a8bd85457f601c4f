package daemon

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/bridge"
	"aes67-sink/bundle"
	"aes67-sink/config"
	"aes67-sink/health"
	"aes67-sink/internal/desktop"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/instance"
	"aes67-sink/internal/lifecycle"
	"aes67-sink/internal/logind"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/state"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/ptp/port"
	"aes67-sink/pulse"
	"aes67-sink/rtpsend"
	"aes67-sink/status"
	"aes67-sink/status/page"
	"aes67-sink/volume"
)

// Run builds every part, joins the two paths and runs until ctx is done:
// the one place that knows all parts.
//
//  1. What needs a privilege: the PTP ports. After that none is kept, and files can be
//     written in two directories alone. The ports lie idle until the network side is
//     ours: of several users' bridges one has it.
//  2. The path of time (clock) and the path of the data (pipeline, sink).
//  3. The network: interfaces, SAP, and what chooses between them.
//  4. The supervisor, and what tells of it all.
//
// The supervisor ends first, so that the sound is faded out and the sessions
// are withdrawn while everything else still stands.
//
// The configuration is read anew by source when the control socket or a hang-up asks
// for it. lines are the last ones of the log, for bug reports.
func Run(ctx context.Context, cfg config.Config, source Source, version string, lines *bundle.Lines, log zerolog.Logger) error {
	tuneRuntime()
	part := func(name string) zerolog.Logger { return log.With().Str("part", name).Logger() }
	lock, err := instance.Acquire()
	if err != nil {
		return err
	}
	defer lock.Release()

	e := &edges{cfg: cfg, clock: &mediaclock.Clock{}, wake: make(chan struct{}, 1), trouble: make(chan struct{}, 1)}
	directory := state.Directory()
	lastFile := lastRunFile{state.File[lastRun]{Path: filepath.Join(directory, "last-"+cfg.Sink.ID+".json")}, part("bridge")}
	last := lastFile.load(rtthread.Raw(), cfg.Clock.Domain)
	e.ptp, e.forbidden = openClock(cfg.Clock, cfg.Clock.Mode, last.resumption(), e.clock, part("ptp"))
	if dropErr := dropPrivileges(); dropErr != nil {
		log.Warn().Err(dropErr).Msg("privileges are kept")
	}
	confine(log, directory, instance.Directory())

	memory := remember(directory, part("memory"), cfg.SinkIDs()...)
	defer memory.flush()
	flight := newRecording(planRecording(cfg), incidents.In(directory), part("recorder"))
	e.ring = flight.recorder.Ring
	again := &reloader{read: source.Read, alive: e.changes(), log: part("configuration"), started: cfg, inForce: cfg, gains: cfg}
	next := &successor{ended: ctx.Done(), read: source.Read, restarting: restarting, differs: again.differs, log: part("service")}
	if err = e.furnish(memory.volumes, next.follows, part); err != nil {
		return err
	}
	e.sender = sender{clock: e.clock, source: e.rooms, log: part("send"), ended: e.wake}
	e.loudness.Join(e.seats[0].sink, func() bool { return e.sender.stats() != nil })
	e.pair = volume.NewPair(e.loudness, directory, cfg.Sink.ID, movesSpeakers(cfg), rtthread.Now, part("speakers"))
	e.pair.Holds(func() bool {
		held, _ := e.side.Held()
		return held
	})
	e.pair.Begin()
	defer e.pair.Flush()

	e.streamName.Store(&cfg.Stream.Name)
	e.receiver.Store(int64(cfg.Stream.ReceiverLatency))
	plan := planSessions(cfg, memory.identities, func() string { return *e.streamName.Load() })
	e.announcer = newAnnouncer(cfg, texts(plan.Identity), next.follows, part)
	e.ears = newEars(e.announcer.sap, e.ptp, e.announcer.isOurs, part)
	services := netif.NewDNSSD(rtthread.Now, part("network"))
	e.network = &network{
		chooser: netif.NewChooser(last.network(cfg.Network)),
		second:  secondOf(cfg.Network), legs: func(first, second rtpsend.Leg) { e.sender.setLegs(first, second); e.announcer.setSecond(second) },
		watcher: e.ears.interfaces, services: services, ears: e.ears, clock: e.ptp, domain: cfg.Clock.Domain,
		automatic: cfg.Network.Automatic(),
		playing:   e.seats.playing,
		allowed:   func() (bool, string) { return e.side.Held() },
		withdraw:  e.seats.withdraw,
		now:       rtthread.Now, log: part("network"), wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	e.neighbours = &neighbours{
		foreign: e.foreign, refused: e.announcer.refused, host: hostName, wake: make(chan struct{}, 1), changed: e.wake,
		chosen: func() int { return e.network.input().Chosen.Interface.Index },
	}

	rest := bridge.RestPolicy{Rests: cfg.Rests(), After: cfg.Stream.IdleAfter}
	supervisor := bridge.New(e, e.rooms, plan, rest, part("bridge"))
	onWire := func() bool {
		return supervisor.Snapshot().Sessions != nil || e.sender.stats() != nil
	}
	e.sleeper = &sleeper{
		supervisor: e.wake, leaving: leaving{onWire, make(chan struct{}, 1)}, rejoin: e.ears.rejoin,
		compare: func() {
			if e.ptp != nil {
				e.ptp.Awake()
			}
		},
	}
	sleep := logind.NewSleep(logind.SleepConfig{Quiet: e.sleeper.quiet, Awake: e.sleeper.awake}, part("sleep"))
	ranks := logind.NewRanks(nil, part("seat"))
	handover := leaving{func() bool { return onWire() || e.network.input().Usable }, make(chan struct{}, 1)}
	e.side = instance.NewSide(instance.SideConfig{
		Rank: func(uid int) int { return int(ranks.Of(uid)) }, Changed: ranks.Changed(),
		Quiet: handover.done, Told: func() {
			wake.Signal(e.network.wake)
			e.pair.Again()
		},
	})
	judge := &judge{
		look: func() ([]health.Finding, health.Activity) { return e.ill(supervisor.Snapshot()) },
		now:  rtthread.Now, log: part("health"), wake: make(chan struct{}, 1),
	}
	told := &teller{edges: e, supervisor: supervisor, again: again, judge: judge, recording: flight, version: version, started: rtthread.Now()}
	told.bundler = bundler{told: told, config: again.current, faults: again.faults, version: version, lines: lines, others: &e.ears.others}
	flight.look = lookout{e, supervisor}.look
	servers := status.NewServer(told).With(page.New(told)).Setting(e.pair)
	service := &notifier{log: part("service"), model: told.Model, changed: make(chan struct{}, 1)}
	screen := &desktopTeller{
		on: cfg.Status.Notifications && underManager(), desktop: desktop.Desktop{Program: cfg.Sink.Name, Icon: pulse.Icon},
		sinkName: cfg.Sink.Name, names: func() string { return sessionHead(cfg, *e.streamName.Load(), hostName()) }, model: told.Model, now: rtthread.Now, changed: make(chan struct{}, 1),
		memory: state.File[desktopRecord]{Path: filepath.Join(directory, "desktop-"+cfg.Sink.ID+".json")}, log: part("desktop"),
	}
	judge.after = []chan<- struct{}{service.changed, screen.changed}

	parts := []func(context.Context) error{
		services.Run, e.network.Run, e.neighbours.Run, wakes(e, supervisor, judge.wake, handover.changed).Run, judge.Run, service.Run, screen.Run, servers.RunControl, e.loudness.Run, e.pair.Run, e.pair.Keep, sleep.Run, ranks.Run, e.side.Run, flight.run, flight.keep,
		func(ctx context.Context) error {
			return servers.RunTCP(ctx, cfg.Status.Listen, func(err error) {
				e.unserved.Store(nil)
				if err != nil {
					e.unserved.Store(new(err.Error()))
				}
				wake.Signal(judge.wake)
			})
		},
		func(ctx context.Context) error { return again.run(ctx, source.HangUps) },
		func(ctx context.Context) error { return watchHostName(ctx, e.neighbours.wake) },
		func(ctx context.Context) error { return keepRealTime(ctx, e.trouble, part("threads")) },
	}
	for _, more := range [][]func(context.Context) error{e.seats.parts(), e.ears.parts(), e.announcer.parts(), memory.parts()} {
		parts = append(parts, more...)
	}
	if e.ptp == nil {
		parts = append(parts, func(ctx context.Context) error { return port.RunAlone(ctx, e.clock, rtthread.Raw) })
	}
	log.Info().Str("version", version).Str("sink", cfg.Sink.Name).Msg("aes67-sink started")
	err = lifecycle.Run(ctx, log, func(ctx context.Context) error {
		defer e.StopSender() // a supervisor that broke off has not done it
		defer func() {
			if m, set := e.clock.Load(); set && e.ptp != nil {
				lastFile.save(e.network.input(), m, e.ptp.Snapshot())
			}
		}()
		return supervisor.Run(ctx)
	}, parts...)
	log.Info().Msg("aes67-sink ended")
	return err
}

// othersRest is how often at most what others announce is looked at anew: a list of a
// thousand sessions is half a megabyte.
const othersRest = 250 * time.Millisecond

// wakes says who is woken by whose change.
func wakes(e *edges, supervisor *bridge.Bridge, judge, handover chan<- struct{}) relay {
	changes := relay{
		{from: e.announcer.sap.Changed(), to: []chan<- struct{}{e.network.wake, e.neighbours.wake, judge}, rest: othersRest},
		{from: e.announcer.changed, to: []chan<- struct{}{judge}},
		{from: e.ears.ravenna.Changed(), to: []chan<- struct{}{e.neighbours.wake}, rest: othersRest},
		{from: e.network.changed, to: []chan<- struct{}{e.wake, e.neighbours.wake, judge, handover}},
		{from: supervisor.Changed(), to: []chan<- struct{}{judge, e.sleeper.changed, handover}},
		{from: e.trouble, to: []chan<- struct{}{judge}},
		{from: e.loudness.Changed(), to: []chan<- struct{}{judge}},
	}
	for i := range e.seats {
		changes = append(changes, relayed{from: e.seats[i].sink.Changed(), to: []chan<- struct{}{e.wake, e.network.wake, judge}})
	}
	if e.ptp != nil {
		changes = append(changes, relayed{from: e.ptp.Changed(), to: []chan<- struct{}{e.wake, e.network.wake, judge}})
	}
	if m := e.announcer.mirror; m != nil {
		changes = append(changes, relayed{from: m.sap.Changed(), to: []chan<- struct{}{judge}, rest: othersRest})
	}
	for _, p := range e.announcer.publishers() {
		changes = append(changes, relayed{from: p.Changed(), to: []chan<- struct{}{e.neighbours.wake, judge}})
	}
	return changes
}
