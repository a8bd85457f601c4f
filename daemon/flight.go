package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/incidents"
	"aes67-sink/internal/procstat"
	"aes67-sink/internal/rtthread"
	"aes67-sink/recorder"
)

// savesWaiting is how many incidents may wait for a slow disk.
const savesWaiting = 4

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

	// Of Run.
	looks           int
	sender, capture procstat.Thread
	computer        procstat.Computer
	samples         procstat.Samples

	mu        sync.Mutex
	recorder  *recorder.Recorder
	incidents []recorder.Incident // the newest first
}

// planRecording says what is recorded.
func planRecording(cfg config.Config) recorder.Plan {
	frames := cfg.Stream.PacketTime.Frames(cfg.Stream.Rate)
	return recorder.Plan{
		Packet: frames.Duration(cfg.Stream.Rate), Offset: aes67.SendOffset(frames, cfg.Stream.Rate),
		SinkRate: cfg.Sink.Rate, Channels: len(cfg.Sink.Channels),
	}
}

// newRecording reads what was kept; look tells how the bridge is.
func newRecording(plan recorder.Plan, store incidents.Store, log zerolog.Logger) *recording {
	r := &recording{
		plan: plan, store: store, log: log, saves: make(chan *recorder.Kept, savesWaiting), recorder: recorder.New(plan),
	}
	kept, err := store.List()
	if err != nil {
		log.Warn().Err(err).Msg("incidents cannot be read")
	}
	for i := range kept {
		r.incidents = append(r.incidents, kept[i].Incident)
	}
	return r
}

// run looks until ctx is done.
func (r *recording) run(ctx context.Context) error {
	defer r.sender.Close()
	defer r.capture.Close()
	each := time.NewTicker(recorder.LookEach)
	defer each.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-each.C:
			l := r.look()
			r.take(&l)
		}
	}
}

// take takes a look, and explains an incident that is over.
func (r *recording) take(l *recorder.Look) {
	r.sample(l)
	r.mu.Lock()
	over := r.recorder.Look(l)
	r.mu.Unlock()
	if over == nil {
		return
	}
	from, until := over.Span(r.plan)
	evidence := r.samples.Between(from, until, recorder.LookEach)
	r.mu.Lock()
	kept, fresh := r.recorder.Explain(over, &evidence)
	if fresh {
		r.incidents = slices.Insert(r.incidents, 0, kept.Incident)
		r.incidents = r.incidents[:min(len(r.incidents), incidents.MostFiles)]
	} else {
		r.incidents[0] = kept.Incident
	}
	r.mu.Unlock()
	if fresh {
		r.log.Warn().Str("id", kept.ID).Str("cause", kept.Cause).Str("sentence", kept.Sentence).Msg("incident")
	}
	select {
	case r.saves <- &kept:
	default:
		r.log.Warn().Str("id", kept.ID).Msg("incident not kept: the disk is too slow")
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
	s := procstat.Sample{
		Raw: l.Raw, Mono: rtthread.Now(), Sender: r.sender.Read(switches), Capture: r.capture.Read(switches), Pressed: r.computer.Pressed(),
	}
	s.Dropped, s.Errors = r.computer.Lost(l.Interface)
	r.samples.Add(s)
}

// keep writes what went wrong until ctx is done, and what waits then.
func (r *recording) keep(ctx context.Context) error {
	for {
		select {
		case k := <-r.saves:
			r.save(k)
			continue
		default:
		}
		select {
		case k := <-r.saves:
			r.save(k)
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *recording) save(k *recorder.Kept) {
	err := r.store.Save(k)
	switch {
	case errors.Is(err, incidents.ErrFull):
		r.log.Info().Err(err).Str("id", k.ID).Msg("incident not kept")
	case err != nil:
		r.log.Warn().Err(err).Str("id", k.ID).Msg("incident not kept")
	}
}
