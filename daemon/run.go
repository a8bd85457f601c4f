package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/avahi"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
	"aes67-sink/pulse"
	"aes67-sink/rtsp"
	"aes67-sink/rtthread"
	"aes67-sink/status"
	"aes67-sink/wake"
)

// runBridge builds every part, joins the two paths and runs until ctx is done:
// the one place that knows all parts.
//
//  1. What only one program may have: the lock, then the PTP ports. After that
//     no privilege is needed, and none is kept.
//  2. The path of time (clock) and the path of the data (pipeline, sink).
//  3. The network: interfaces, SAP, and what chooses between them.
//  4. The supervisor, and what tells of it all.
//
// The supervisor ends first, so that the sound is faded out and the sessions
// are withdrawn while everything else still stands.
func runBridge(ctx context.Context, cfg config.Config, log zerolog.Logger) error {
	tuneRuntime()
	lock, err := acquire(ctx, log)
	if err != nil || lock == nil {
		return err
	}
	defer lock.Release()

	e := &edges{cfg: cfg, clock: &mediaclock.Clock{}, log: part(log, "send"), wake: make(chan struct{}, 1), trouble: make(chan struct{}, 1)}
	lastFile := lastRunFile{path: filepath.Join(stateDirectory(), "last-"+cfg.Sink.ID+".json"), log: part(log, "bridge")}
	last := lastFile.load(rtthread.Now(), cfg.Clock.Domain)
	ports, err := port.Open(cfg.Clock.DSCP)
	if err != nil {
		e.forbidden = clockRemedy(err)
		log.Warn().Str("problem", e.forbidden).Msg("no PTP; sending by the own clock")
		ownClock(e.clock)
	} else {
		e.ptp = port.New(port.Config{
			Mode: cfg.Clock.Mode, Domain: cfg.Clock.Domain,
			Priority1: cfg.Clock.Priority1, Priority2: cfg.Clock.Priority2, Now: rtthread.Now,
			Resume: last.resumption(),
		}, ports, e.clock, part(log, "ptp"))
	}

	if dropErr := dropPrivileges(); dropErr != nil {
		log.Warn().Err(dropErr).Msg("privileges are kept")
	}

	e.pipeline, err = bridge.NewPipeline(bridge.PipelineConfig{
		Channels:     len(cfg.Sink.Channels),
		SinkRate:     cfg.Sink.Rate,
		StreamRate:   cfg.Stream.Rate,
		PacketFrames: cfg.Stream.PacketTime.Frames(cfg.Stream.Rate),
		Latency:      cfg.Sink.Latency,
		CeilingDBFS:  cfg.Safety.CeilingDBFS,
	}, e.clock)
	if err != nil {
		return err
	}
	e.sink = pulse.New(pulse.Config{
		SinkID: cfg.Sink.ID, SinkName: cfg.Sink.Name, Rate: cfg.Sink.Rate, Channels: cfg.Sink.Channels,
		FirstVolumeDB: cfg.Safety.FirstVolumeDB, MaxVolumeDB: cfg.Safety.MaxVolumeDB, JumpGuard: cfg.Safety.JumpGuard,
		Volume:   volumeFile{path: filepath.Join(stateDirectory(), "volume-"+cfg.Sink.ID+".json"), log: part(log, "pulse")},
		Now:      rtthread.Now,
		OnReader: captureThread(part(log, "pulse")),
	}, e.pipeline, part(log, "pulse"))

	plan := planSessions(cfg, identityFile{path: filepath.Join(stateDirectory(), "sessions-"+cfg.Sink.ID+".json"), log: part(log, "bridge")})
	e.announcer = newAnnouncer(cfg, texts(plan.Identity), log)
	watcher := netif.NewWatcher(part(log, "network"))
	services := netif.NewDNSSD(rtthread.Now, part(log, "network"))
	e.ears = &ears{
		sap: e.announcer.sap, ptp: e.ptp, interfaces: watcher, ours: e.announcer.isOurs,
		browser: avahi.NewBrowser(avahi.Config{}, part(log, "mdns")),
		ravenna: rtsp.NewWatcher(rtsp.WatcherConfig{Now: rtthread.Now}, part(log, "rtsp")),
	}
	e.network = &network{
		chooser: netif.NewChooser(last.chooser(cfg.Network.Interface)),
		watcher: watcher, dnssd: services, clock: e.ptp, sap: e.announcer.sap, domain: cfg.Clock.Domain,
		browser: e.ears.browser, automatic: cfg.Network.Automatic(),
		playing: func() bool { return e.sink.Snapshot().Playing > 0 },
		now:     rtthread.Now, log: part(log, "network"), wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	e.neighbours = &neighbours{
		announced: e.ears.announcedOn, refused: e.announcer.refused, wake: make(chan struct{}, 1), changed: e.wake,
		chosen: func() int { return e.network.input().Chosen.Interface.Index },
	}

	supervisor := bridge.New(e, e.pipeline, plan, part(log, "bridge"))
	told := &teller{edges: e, supervisor: supervisor, started: rtthread.Now()}
	servers := status.NewServer(told)
	manage := make(chan struct{}, 1)
	service := &manager{log: part(log, "service"), model: told.Model, changed: manage}
	changes := relay{
		{e.sink.Changed(), []chan<- struct{}{e.wake, e.network.wake, manage}},
		{e.announcer.sap.Changed(), []chan<- struct{}{e.network.wake, e.neighbours.wake}},
		{e.ears.ravenna.Changed(), []chan<- struct{}{e.neighbours.wake}},
		{e.network.changed, []chan<- struct{}{e.wake, e.neighbours.wake}},
		{supervisor.Changed(), []chan<- struct{}{manage}},
		{e.trouble, []chan<- struct{}{manage}},
	}
	if e.ptp != nil {
		changes = append(changes, relayed{e.ptp.Changed(), []chan<- struct{}{e.wake, e.network.wake}})
	}
	if e.announcer.dnssd != nil {
		changes = append(changes, relayed{e.announcer.dnssd.Changed(), []chan<- struct{}{e.neighbours.wake}})
	}

	parts := []func(context.Context) error{
		e.sink.Run, watcher.Run, services.Run, e.network.Run, e.neighbours.Run, changes.Run,
		e.ears.browser.Run, e.ears.ravenna.Run, e.ears.Run, service.Run, servers.RunControl,
		func(ctx context.Context) error {
			if err := servers.RunTCP(ctx, cfg.Status.Listen); err != nil {
				log.Warn().Err(err).Msg("the status is not served; going on without")
			}
			<-ctx.Done()
			return nil
		},
	}
	parts = append(parts, e.announcer.parts()...)
	parts = append(parts, func(ctx context.Context) error { return watchHostName(ctx, e.neighbours.wake) })
	parts = append(parts, func(ctx context.Context) error { return keepRealTime(ctx, e.trouble, part(log, "threads")) })
	if e.ptp != nil {
		parts = append(parts, e.ptp.Run)
	}
	log.Info().Str("version", version).Str("sink", cfg.Sink.Name).Msg("aes67-sink started")
	err = runAll(ctx, log, func(ctx context.Context) error {
		defer e.StopSender() // a supervisor that broke off has not done it
		defer lastFile.save(e)
		return supervisor.Run(ctx)
	}, parts...)
	log.Info().Msg("aes67-sink ended")
	return err
}

func part(log zerolog.Logger, name string) zerolog.Logger {
	return log.With().Str("part", name).Logger()
}

// runAll runs first and the rest; when ctx is done or one of the rest ends, first
// is ended and then the others. The first error is returned.
func runAll(ctx context.Context, log zerolog.Logger, first func(context.Context) error, rest ...func(context.Context) error) error {
	firstCtx, endFirst := context.WithCancelCause(ctx)
	defer endFirst(nil)
	restCtx, endRest := context.WithCancel(context.WithoutCancel(ctx))
	defer endRest()
	var wg sync.WaitGroup
	for _, run := range rest {
		wg.Go(func() {
			err := guard(func() error { return run(restCtx) }, log)
			if err == nil && restCtx.Err() == nil {
				err = errors.New("a part of the bridge ended by itself; please report it with the log")
			}
			if err != nil {
				endFirst(err)
			}
		})
	}
	err := guard(func() error { return first(firstCtx) }, log)
	if cause := context.Cause(firstCtx); cause != nil && ctx.Err() == nil {
		err = errors.Join(err, cause)
	}
	endRest()
	wg.Wait()
	return err
}

// guard turns a panic, a broken invariant of ours, into an error with its
// stack in the log: the other parts can then end in order, with fades.
func guard(run func() error, log zerolog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("internal error")
			err = fmt.Errorf("internal error: %v; please report it with the log", p)
		}
	}()
	return run()
}

// clockRemedy says why there is no PTP and what to do about it.
func clockRemedy(err error) string {
	if !errors.Is(err, os.ErrPermission) {
		return fmt.Sprintf("no PTP: %v; end the program that holds the ports, then restart", err)
	}
	program, lookErr := os.Executable()
	if lookErr != nil {
		program = "/usr/bin/aes67-sink"
	}
	return fmt.Sprintf("no PTP: %v; run 'sudo setcap cap_net_bind_service+ep %s', then restart", err, program)
}

// ownClock lets the media clock run on CLOCK_MONOTONIC from the time of day,
// for a bridge that may not speak PTP.
func ownClock(clock *mediaclock.Clock) {
	clock.Step(rtthread.Now(), aes67.PTPTime(time.Now().UnixNano()).Add(ptp.UTCOffset*time.Second), 0)
}

// captureThread asks for real-time priority on the thread that reads the sound
// server, one below the sender's.
func captureThread(log zerolog.Logger) func() (end func()) {
	return func() func() {
		thread := rtthread.Lock("capture", senderPriority-1)
		grant := thread.Grant()
		log.Info().Str("policy", grant.Policy).Int("priority", grant.Priority).Str("why", grant.Why).Msg("capture thread")
		return thread.End
	}
}

// runtimeSlack is by how much the sleeps of threads that have no deadline may be
// longer than asked for, where a wake-up less saves more than it costs: the Go
// runtime's and those of everything that is timed in tens of milliseconds. The sender
// has none (rtthread.Lock).
const runtimeSlack = 5 * time.Millisecond

// spareProcessors are more of the Go scheduler's processors than the machine
// has. A real-time thread that wakes up needs a free one; without spares it may
// wait for an ordinary thread that holds one while the kernel runs somebody
// else, for as long as the machine is busy.
const spareProcessors = 8

// tuneRuntime prepares the Go runtime for real-time threads. The collector, whose
// pauses are the one thing that these cannot escape, is left as it is: there is so
// little garbage that it runs each two minutes, as it does in any case
// (forcegcperiod in runtime/proc.go).
func tuneRuntime() {
	runtime.GOMAXPROCS(runtime.NumCPU() + spareProcessors)
}

// keepRealTime looks after the real-time threads until ctx is done.
func keepRealTime(ctx context.Context, trouble chan<- struct{}, log zerolog.Logger) error {
	rtthread.Keep(ctx, func(t *rtthread.Thread, g rtthread.Grant, err error) {
		event := log.Info()
		if g.Lost || err != nil {
			event = log.Warn().Err(err)
		}
		event.Str("thread", t.Name()).Str("policy", g.Policy).Int("priority", g.Priority).Str("by", g.By).Str("why", g.Why).
			Msg("real-time priority changed")
		wake.Signal(trouble)
	})
	return nil
}
