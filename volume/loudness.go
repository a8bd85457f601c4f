package volume

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/slider"
)

// Loudness joins what the desktop's slider says, the stream's gain and the speakers'
// levels: package slider decides. Everybody who tells it something has its orders carried
// out before he goes on, one at a time.
type Loudness struct {
	stream  Stream
	sending func() bool // the stream is on the wire
	desktop Desktop
	now     func() aes67.MonoTime
	delay   func() time.Duration // beyond slider.Flight
	log     zerolog.Logger
	changed chan struct{} // what status tells
	due     chan struct{} // when to look has changed

	mu      sync.Mutex
	machine *slider.Slider
	number  uint64 // of the slider's gain
	answer  uint64 // that put it to the stream
	law     aes67.Law
	lawful  bool // there is one
	wanted  bool
	taken   bool // from another user's bridge, and nothing of ours was heard since
	next    aes67.MonoTime
	write   func(slider.Write) // hands a write to its speaker; does not wait
	mode    slider.Mode
	fault   slider.Fault
}

// Stream is what has a gain (bridge.Pipeline).
type Stream interface {
	Settle(doubts uint64, gain aes67.Ramp, balance ...float64) (number uint64)
	InForce() uint64
	// SetAsleep tells whether a sound that begins is to wait for a speaker to wake; Begun
	// wakes its one reader when one does.
	SetAsleep(yes bool)
	Begun() <-chan struct{}
}

// Desktop has the slider (pulse.Sink).
type Desktop interface {
	SetVolume(db float64)
	SetMuted(yes bool)
	SetAlone(yes bool)
}

// NewLoudness has no pair yet. Join is to be called before anything else.
func NewLoudness(stream Stream, now func() aes67.MonoTime, log zerolog.Logger) *Loudness {
	return &Loudness{
		stream: stream, now: now, delay: func() time.Duration { return 0 }, log: log, changed: make(chan struct{}, 1), due: make(chan struct{}, 1),
		machine: slider.New(0, nil), write: func(slider.Write) {},
	}
}

// Join tells it of the desktop, and how to learn whether the stream is on the wire.
func (l *Loudness) Join(desktop Desktop, sending func() bool) {
	l.desktop, l.sending = desktop, sending
}

// Delays tells it how to learn by how much longer than slider.Flight the stream is on its
// way to the ear. It is to be called before anything else is, as Join.
func (l *Loudness) Delays(by func() time.Duration) { l.delay = by }

// Changed wakes its reader when what the slider moves has changed, or what is known of the
// speakers.
func (l *Loudness) Changed() <-chan struct{} { return l.changed }

// Obey puts the sink's law in force, from the first of so many doubts on.
func (l *Loudness) Obey(doubts uint64, law aes67.Law) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.law, l.lawful = law, true
	l.machine.Delay(l.delay())
	l.hears()
	l.carry(l.machine.See(l.now(), law), &doubts)
}

// use begins with a pair, or with none: with the levels that were set last, and with what the
// slider has muted; taken is whether it was another user's bridge's until now.
func (l *Loudness) use(referenceDB float64, last []float64, muted []bool, wanted, taken bool, write func(slider.Write)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.machine, l.wanted, l.taken, l.write, l.number = slider.New(referenceDB, last), wanted, taken, write, math.MaxUint64
	l.machine.Muted(muted)
	l.machine.Delay(l.delay())
	l.hears()
	orders := l.machine.Want(now, wanted)
	if l.lawful {
		orders = l.machine.See(now, l.law)
	}
	l.carry(orders, nil)
}

// hears tells the slider whether any of it was heard since the speakers were taken; mu is
// held.
func (l *Loudness) hears() {
	l.taken = l.taken && !l.sending()
	l.machine.Unheard(l.taken)
}

// leave gives the speakers up: what the slider has muted is unmuted.
func (l *Loudness) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.carry(l.machine.Want(l.now(), false), nil)
}

// tell takes what a speaker says.
func (l *Loudness) tell(i int, asked aes67.MonoTime, told slider.Speaker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears()
	l.carry(l.machine.Tell(l.now(), i, asked, told), nil)
}

// wrote takes the answer to a write.
func (l *Loudness) wrote(w slider.Write, confirmedDB float64, result slider.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears()
	l.carry(l.machine.Wrote(l.now(), w, confirmedDB, result), nil)
}

// mute mutes a speaker by hand, or does so no longer.
func (l *Loudness) mute(i int, yes bool, hand uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears()
	orders, err := l.machine.Mute(l.now(), i, yes, hand)
	l.carry(orders, nil)
	return err
}

// look lets time pass.
func (l *Loudness) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears()
	now := l.now()
	if l.stream.InForce() >= l.answer || !l.sending() {
		l.carry(l.machine.Applied(now, l.number), nil)
		return
	}
	l.carry(l.machine.Look(now), nil)
}

// carry carries out orders: the stream's gain first.
func (l *Loudness) carry(o slider.Orders, doubts *uint64) {
	if doubts != nil || o.Number != l.number {
		if doubts == nil {
			doubts = new(uint64)
		}
		gain := o.Gain
		gain.Alone = l.law.Unscaled
		l.number, l.answer = o.Number, l.stream.Settle(*doubts, gain, l.law.Balance...)
	}
	for _, w := range o.Writes {
		l.write(w)
	}
	if o.VolumeDB != nil {
		l.desktop.SetVolume(*o.VolumeDB)
	}
	if o.Muted != nil {
		l.desktop.SetMuted(*o.Muted)
	}
	if o.Next != l.next {
		l.next = o.Next
		wake.Signal(l.due)
	}
	if mode, fault := l.machine.Mode(); mode != l.mode || fault != l.fault {
		if (mode == slider.Device) != (l.mode == slider.Device) {
			l.log.Info().Bool("speakers", mode == slider.Device).Uint8("why", uint8(fault.Why)).Int("speaker", fault.Speaker).
				Msg("what the slider moves")
		}
		l.mode, l.fault = mode, fault
		wake.Signal(l.changed)
	}
}

// state is what the slider moves, and what keeps it from the slider.
func (l *Loudness) state() (wanted bool, mode slider.Mode, fault slider.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted, l.mode, l.fault
}

// muted reports whether the slider is.
func (l *Loudness) muted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.law.Muted
}

// last are the levels that were set last, and whether the slider has muted each.
func (l *Loudness) last() (levels []float64, muted []bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.Last(), l.machine.Mutes()
}

// Run looks when the slider wants to be looked at.
func (l *Loudness) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.due:
			l.mu.Lock()
			next := l.next
			l.mu.Unlock()
			if timer.Stop(); next != 0 {
				timer.Reset(max(0, next.Sub(l.now())))
			}
		case <-timer.C:
			l.look()
		}
	}
}
