package daemon

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/wake"
	"aes67-sink/status"
)

// judgeRest is the least from one look to the next: what comes and goes in less is not
// worth a line of the log.
const judgeRest = 20 * time.Millisecond

// judge keeps the verdict on the bridge. It looks when a part has changed and when the
// verdict can become another by itself, so that it does not depend on who asks for it,
// or how often.
type judge struct {
	look  func() ([]health.Finding, health.Activity) // what the parts say is wrong
	now   func() aes67.MonoTime
	log   zerolog.Logger
	wake  chan struct{}     // by any part
	after []chan<- struct{} // who tells of the bridge, woken after each look

	tracker health.Tracker // of Run's goroutine
	verdict atomic.Pointer[health.Verdict]
}

// told is the latest verdict, nil before the first look. Any goroutine may ask.
func (j *judge) told() *health.Verdict { return j.verdict.Load() }

// Run judges until ctx is done.
func (j *judge) Run(ctx context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		now := j.now()
		if next := j.observe(now); next != 0 {
			due.Reset(next.Sub(now))
		} else {
			due.Stop()
		}
		wake.Pause(ctx, judgeRest)
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
		case <-j.wake:
		}
	}
}

// observe looks once, and logs what has changed: each finding in one line when it is
// visible, or in other words, and in one when it is mended.
func (j *judge) observe(now aes67.MonoTime) (next aes67.MonoTime) {
	ill, does := j.look()
	changes, next := j.tracker.Observe(now, ill, does)
	j.verdict.Store(new(j.tracker.Verdict()))
	for _, c := range changes {
		if c.Mended {
			j.log.Info().Str("code", string(c.Code)).Float64("lasted_s", c.Lasted.Seconds()).Msg("mended")
			continue
		}
		event := j.log.Warn().Str("code", string(c.Code)).Str("severity", string(c.Severity)).Str("problem", c.Sentence)
		if c.Command != "" {
			event = event.Str("command", c.Command)
		}
		event.Msg("ill")
	}
	for _, to := range j.after {
		wake.Signal(to)
	}
	return next
}

// healthModel is a verdict as status shows it. The problem is the first finding that a
// listener may notice.
func healthModel(v *health.Verdict) (problem string, problems []health.Finding, all *status.Health) {
	if v == nil {
		return "", nil, nil
	}
	if i := slices.IndexFunc(v.Findings, func(f health.Finding) bool { return f.Severity != health.Notice }); i >= 0 {
		problem = v.Findings[i].Sentence
	}
	all = &status.Health{
		Overall: v.Statuses[health.Overall], Link: v.Statuses[health.Link], Transmission: v.Statuses[health.Transmission],
		ExternalSynchronization: v.Statuses[health.ExternalSynchronization], Essence: v.Statuses[health.Essence],
		Messages: map[string]string{}, Transitions: map[string]uint64{},
	}
	for domain, message := range v.Messages {
		all.Messages[string(domain)] = message
	}
	for _, domain := range health.Domains() {
		all.Transitions[string(domain)] = v.Transitions[domain]
	}
	return problem, v.Findings, all
}
