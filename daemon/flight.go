package daemon

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/lifecycle"
	"aes67-sink/internal/procstat"
	"aes67-sink/internal/rtthread"
	"aes67-sink/recorder"
)

// savesWaiting is how many incidents may wait for a slow disk.
const savesWaiting = 4

// surelyOver is how long after the last sign of an incident it does not go on any more:
// a further one would be told within 11 s (recorder).
const surelyOver = 15 * time.Second

// lastSaves is how long the end of the program waits for the disk.
const lastSaves = 2 * time.Second

// switchesEach is how many looks are between two at the threads' switches, which are
// dearer than the rest.
const switchesEach = 4

// recording looks at the bridge regularly, remembers what it saw, and keeps what went
// wrong. The sender writes into the recorder's ring by itself.
type recording struct {
	plan  recorder.Plan
	look  func() recorder.Look
	store incidents.Store
	log   zerolog.Logger
	saves chan *recorder.Kept

	gaveBack time.Time // of keep

	// Of Run.
	looks           int
	sender, capture procstat.Thread
	computer        procstat.Computer
	samples         procstat.Samples
	faults          zerolog.Logger // of the recorder itself
	savedMS         float64        // duration of the latest incident that was written
	unsaved         *recorder.Kept // that one, longer; nil: written as it is
	unsavedAt       aes67.RawTime

	mu        sync.Mutex
	recorder  *recorder.Recorder
	incidents []recorder.Incident // the newest first
}

// planRecording says what is recorded.
func planRecording(cfg config.Config) recorder.Plan {
	frames, channels := cfg.Stream.PacketTime.Frames(cfg.Stream.Rate), 0
	for _, sink := range cfg.Sinks() {
		if !sink.Everywhere() {
			channels += len(sink.Channels)
		}
	}
	return recorder.Plan{
		Packet: frames.Duration(cfg.Stream.Rate), Offset: aes67.SendOffset(frames, cfg.Stream.Rate),
		Channels: channels,
	}
}

// newRecording makes one that has seen nothing.
func newRecording(plan recorder.Plan, store incidents.Store, log zerolog.Logger) *recording {
	return &recording{
		plan: plan, store: store, log: log, faults: log, saves: make(chan *recorder.Kept, savesWaiting), recorder: recorder.New(plan),
	}
}

// remember reads what earlier runs have kept. These are megabytes, for which a start
// under music does not wait.
func (r *recording) remember() {
	kept, err := r.store.List()
	if err != nil {
		r.log.Warn().Err(err).Msg("incidents cannot be read")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range kept {
		r.incidents = append(r.incidents, kept[i].Incident)
	}
}

// run remembers, looks until ctx is done, and explains then what is not over yet.
func (r *recording) run(ctx context.Context) error {
	defer r.sender.Close()
	defer r.capture.Close()
	defer close(r.saves)
	r.guard(r.remember)
	started := time.After(startTakes)
	each := time.NewTicker(recorder.LookEach)
	defer each.Stop()
	for {
		select {
		case <-ctx.Done():
			r.guard(r.end)
			return nil
		case <-started:
			r.guard(func() { giveBackStart(r.log) })
		case <-each.C:
			r.guard(func() {
				l := r.look()
				r.take(&l)
			})
		}
	}
}

// guard lets the sound go on when what only looks at it breaks. That is logged once: it
// may be so at each look.
func (r *recording) guard(run func()) {
	if lifecycle.Guard(func() error { run(); return nil }, r.faults) != nil {
		r.faults = zerolog.Nop()
	}
}

// take takes a look, and explains an incident that is over.
func (r *recording) take(l *recorder.Look) {
	r.sample(l)
	if over := r.seen(l); over != nil {
		r.explain(over)
	}
	if r.unsaved != nil && l.Raw.Sub(r.unsavedAt) > surelyOver {
		r.queue(r.unsaved)
	}
}

// seen hands a look to the recorder.
func (r *recording) seen(l *recorder.Look) *recorder.Case {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorder.Look(l)
}

// end explains the incident that is not over, and has all of it written.
func (r *recording) end() {
	r.mu.Lock()
	open := r.recorder.End()
	r.mu.Unlock()
	if open != nil {
		r.explain(open)
	}
	if r.unsaved != nil {
		r.queue(r.unsaved)
	}
}

// explain tells of a case, and has it written: one that goes on whenever it lasts twice
// as long, for a storm would fill the disk's day.
func (r *recording) explain(over *recorder.Case) {
	from, until := over.Span(r.plan)
	evidence := r.samples.Between(from, until, recorder.LookEach)
	kept, fresh := r.told(over, &evidence)
	switch {
	case fresh:
		r.log.Warn().Str("id", kept.ID).Str("cause", kept.Cause).Str("sentence", kept.Sentence).Msg("incident")
		if r.unsaved != nil {
			r.queue(r.unsaved)
		}
	case kept.DurationMS < 2*r.savedMS:
		r.unsaved, r.unsavedAt = &kept, over.After.Raw
		return
	}
	r.queue(&kept)
}

// told has a case explained, and lists the incident.
func (r *recording) told(over *recorder.Case, evidence *recorder.Evidence) (kept recorder.Kept, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, fresh = r.recorder.Explain(over, evidence)
	if fresh {
		r.incidents = slices.Insert(r.incidents, 0, kept.Incident)
		r.incidents = r.incidents[:min(len(r.incidents), incidents.MostFiles)]
	} else {
		r.incidents[0] = kept.Incident
	}
	return kept, fresh
}

// queue has an incident written.
func (r *recording) queue(k *recorder.Kept) {
	r.unsaved, r.savedMS = nil, k.DurationMS
	select {
	case r.saves <- k:
	default:
		r.log.Warn().Str("id", k.ID).Msg("incident not kept: the disk is too slow")
	}
}

// sample reads what the kernel tells, and what of it belongs into the look.
func (r *recording) sample(l *recorder.Look) {
	threads := map[string]int{}
	rtthread.Each(func(name string, tid int, grant rtthread.Grant) {
		threads[name] = tid
		if name == senderThread {
			l.Why = grant.Why
		}
	})
	r.sender.Follow(threads[senderThread])
	r.capture.Follow(threads[captureName])
	if l.Policy, l.RealTime = r.sender.Policy(); l.RealTime {
		l.Why = ""
	}
	switches := r.looks%switchesEach == 0
	r.looks++
	mono, raw := rtthread.Now(), rtthread.Raw()
	s := procstat.Sample{
		Raw: l.Raw, Mono: mono.Add(l.Raw.Sub(raw)), Sender: r.sender.Read(switches), Capture: r.capture.Read(switches), Pressed: r.computer.Pressed(),
	}
	s.Dropped, s.Errors = r.computer.Lost(l.Interface)
	r.samples.Add(s)
}

// keep writes what went wrong, and when ctx is done what run has told until its end.
func (r *recording) keep(ctx context.Context) error {
	ended, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case k, more := <-r.saves:
			if !more {
				return nil
			}
			_ = lifecycle.Guard(func() error { r.save(k); return nil }, r.log)
		case <-ended:
			ended, late = nil, time.After(lastSaves)
		case <-late:
			return nil
		}
	}
}

// givesBack is how often at most the memory is given back that an incident took: a
// megabyte, which the runtime would keep.
const givesBack = time.Minute

// save writes an incident.
func (r *recording) save(k *recorder.Kept) {
	err := r.store.Save(k)
	if now := time.Now(); err == nil && now.Sub(r.gaveBack) >= givesBack {
		r.gaveBack = now
		debug.FreeOSMemory()
	}
	switch {
	case errors.Is(err, incidents.ErrFull):
		r.log.Info().Err(err).Str("id", k.ID).Msg("incident not kept")
	case err != nil:
		r.log.Warn().Err(err).Str("id", k.ID).Msg("incident not kept")
	}
}
