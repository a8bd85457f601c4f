package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/desktop"
	"aes67-sink/internal/state"
	"aes67-sink/internal/wake"
	"aes67-sink/status"
)

const (
	// silentFor is how long what plays is not heard before the user is told: a
	// clock is found, and a network comes back, in less.
	silentFor = 10 * time.Second
	// silentAgain is the least between two such notifications.
	silentAgain = 10 * time.Minute
	// desktopAgain is waited before a desktop that showed nothing is asked again, and
	// desktopSeldom after desktopTries times: it begins after the bridge, with the login,
	// or there is none.
	desktopAgain, desktopTries, desktopSeldom = 30 * time.Second, 10, 10 * time.Minute
	// desktopFarewell is how long the end of the bridge may take for it.
	desktopFarewell = time.Second
	// desktopRest is the least from one look to the next.
	desktopRest = time.Second
)

// desktopWord is what the desktop is to be told.
type desktopWord uint8

const (
	desktopNothing desktopWord = iota
	desktopWelcome             // how to begin, once for each user
	desktopSilence             // what plays is not heard, and why
	desktopSound               // it is heard again: the silence is taken back
)

// desktopPolicy decides when the desktop is told something. It is pure: the picture
// of the bridge and the time are arguments.
//
//	heard ──plays, not heard──▶ silent ──10 s, a problem──▶ told ──heard, or nothing plays──▶ heard
type desktopPolicy struct {
	welcomed bool
	silent   aes67.MonoTime // since when; 0: what plays is heard, or nobody misses it
	told     string         // why, as the user knows; empty: nothing
	nextTold aes67.MonoTime // the soonest that silence is told again
}

// look returns what to tell, and when it can become something else by itself; 0: not
// at all.
func (p *desktopPolicy) look(m *status.Model, now aes67.MonoTime) (say desktopWord, next aes67.MonoTime) {
	if m.Sink.State == "running" && !p.welcomed {
		return desktopWelcome, 0
	}
	plays := m.Sink.Playing != nil && *m.Sink.Playing > 0
	if !plays || slices.Contains([]string{status.Idle, status.Sending, status.Holdover, status.Filling}, m.State) {
		p.silent = 0
		if p.told != "" {
			return desktopSound, 0
		}
		return desktopNothing, 0
	}
	if p.silent == 0 {
		p.silent = now
	}
	due := max(p.silent.Add(silentFor), p.nextTold)
	switch {
	case m.Problem == p.told, m.Problem == "": // what is told stays until there is sound, or more to tell
		return desktopNothing, 0
	case p.told == "" && now < due:
		return desktopNothing, due
	}
	return desktopSilence, 0
}

// said notes that something was told.
func (p *desktopPolicy) said(word desktopWord, m *status.Model, now aes67.MonoTime) {
	switch word {
	case desktopWelcome:
		p.welcomed = true
	case desktopSilence:
		p.told, p.nextTold = m.Problem, now.Add(silentAgain)
	case desktopSound:
		p.told = ""
	case desktopNothing:
	}
}

// desktopRecord is what is remembered.
type desktopRecord struct {
	Welcomed bool `json:"welcomed"`
}

// desktopTeller tells the user's desktop, if a service manager runs the bridge:
// whoever runs it in a terminal reads its log.
type desktopTeller struct {
	on      bool
	desktop interface { // of the user
		Show(ctx context.Context, n desktop.Notification) (number uint32, err error)
		TakeBack(ctx context.Context, number uint32) error
	}
	sinkName string
	names    func() string // what the sessions' names begin with
	model    func() status.Model
	now      func() aes67.MonoTime
	changed  chan struct{}
	memory   state.File[desktopRecord]
	log      zerolog.Logger

	policy desktopPolicy
	number uint32         // of the notification of silence; 0: it is not there
	tries  int            // in a row that nobody showed
	again  aes67.MonoTime // the soonest that the next one is tried
	none   bool           // there is no desktop
}

// Run tells until ctx is done.
func (d *desktopTeller) Run(ctx context.Context) error {
	if !d.on {
		<-ctx.Done()
		return nil
	}
	if record, err := d.memory.Load(); err == nil {
		d.policy.welcomed = record.Welcomed
	}
	due := time.NewTimer(0)
	defer due.Stop()
	for ctx.Err() == nil {
		next := d.look(ctx)
		due.Stop()
		if next != 0 {
			due.Reset(next.Sub(d.now()))
		}
		wake.Pause(ctx, desktopRest)
		select {
		case <-ctx.Done():
		case <-due.C:
		case <-d.changed:
		}
	}
	if d.number == 0 {
		return nil
	}
	// What is told is not so any more, or nobody knows.
	after, stop := context.WithTimeout(context.WithoutCancel(ctx), desktopFarewell)
	defer stop()
	_ = d.desktop.TakeBack(after, d.number)
	return nil
}

// look tells what there is to tell. Where nobody shows it the time to try again is
// returned, before which no change has it tried: the desktop begins after the bridge, or
// there is none.
func (d *desktopTeller) look(ctx context.Context) (next aes67.MonoTime) {
	model, now := d.model(), d.now()
	word, next := d.policy.look(&model, now)
	switch {
	case word == desktopNothing || d.none:
		return next
	case now < d.again && word != desktopSound: // which takes back what is shown
		return d.again
	}
	if err := d.say(ctx, word, &model); err != nil {
		d.log.Debug().Err(err).Msg("the desktop shows no notification")
		return d.failed(err, now)
	}
	d.tries, d.again = 0, 0
	d.policy.said(word, &model, now)
	if word == desktopWelcome { // what else there is to tell comes next
		return now
	}
	return next
}

// failed notes that nobody showed it, and returns when to try again, 0: not at all.
func (d *desktopTeller) failed(err error, now aes67.MonoTime) aes67.MonoTime {
	if d.none = errors.Is(err, desktop.ErrNone); d.none {
		return 0
	}
	wait := desktopAgain
	if d.tries++; d.tries >= desktopTries {
		wait = desktopSeldom
	}
	d.again = now.Add(wait)
	return d.again
}

// say tells one thing.
func (d *desktopTeller) say(ctx context.Context, word desktopWord, m *status.Model) (err error) {
	switch word {
	case desktopWelcome:
		if _, err = d.desktop.Show(ctx, d.welcome(m)); err == nil {
			if err := d.memory.Save(desktopRecord{Welcomed: true}); err != nil {
				d.log.Warn().Err(err).Msg("that the user knows how to begin is not remembered")
			}
		}
	case desktopSilence:
		number, failed := d.desktop.Show(ctx, desktop.Notification{Title: d.sinkName + ": " + silenceTitle(m), Text: m.Problem, Replaces: d.number})
		if err = failed; err == nil {
			d.number = number
		}
	case desktopSound:
		// One that its user has dismissed is an error to some servers.
		if err := d.desktop.TakeBack(ctx, d.number); err != nil {
			d.log.Debug().Err(err).Msg("the notification is not taken back")
		}
		d.number = 0
	case desktopNothing:
	}
	return err
}

// silenceTitle is the problem in some words.
func silenceTitle(m *status.Model) string {
	if i := slices.IndexFunc(m.Problems, func(f health.Finding) bool { return f.Sentence == m.Problem }); i >= 0 {
		return m.Problems[i].Title
	}
	return "nothing is heard"
}

// welcome is three steps to sound.
func (d *desktopTeller) welcome(m *status.Model) desktop.Notification {
	volume := ""
	if m.Sink.VolumeDB != nil {
		volume = fmt.Sprintf(", which is at %.0f dB", *m.Sink.VolumeDB)
	}
	return desktop.Notification{
		Title: d.sinkName + ": ready to play",
		Text: fmt.Sprintf("1. In the sound settings, choose %s as the output.\n2. On the loudspeakers, choose the streams that begin with %s.\n3. Play something, and turn up the volume%s, little by little.",
			d.sinkName, d.names(), volume),
	}
}
