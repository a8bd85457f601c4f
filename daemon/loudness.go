package daemon

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/pulse"
	"aes67-sink/slider"
)

// loudness joins what the desktop's slider says, the stream's gain and the speakers'
// levels: package slider decides. Everybody who tells it something has its orders carried
// out before he goes on, one at a time.
type loudness struct {
	stream  gainer
	sending func() bool // the stream is on the wire
	desktop mover
	now     func() aes67.MonoTime
	log     zerolog.Logger
	changed chan struct{} // what status tells
	due     chan struct{} // when to look has changed

	mu      sync.Mutex
	machine *slider.Slider
	number  uint64 // of the slider's gain
	answer  uint64 // that put it to the stream
	law     pulse.Law
	wanted  bool
	next    aes67.MonoTime
	write   func(slider.Write) // hands a write to its speaker; does not wait
	mode    slider.Mode
	fault   slider.Fault
}

// gainer is the stream.
type gainer interface {
	Answer(doubts uint64, ramp aes67.Ramp) (number uint64)
	InForce() uint64
	SetBalance(gains []float64)
}

// mover moves the desktop's slider.
type mover interface {
	SetVolume(db float64)
	SetMuted(yes bool)
	SetAlone(yes bool)
}

func newLoudness(stream gainer, now func() aes67.MonoTime, log zerolog.Logger) *loudness {
	return &loudness{
		stream: stream, now: now, log: log, changed: make(chan struct{}, 1), due: make(chan struct{}, 1),
		machine: slider.New(0, nil), write: func(slider.Write) {},
	}
}

// obey puts the sink's law in force: pulse.Config.Law.
func (l *loudness) obey(doubts uint64, law pulse.Law) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.law = law
	l.stream.SetBalance(law.Balance)
	l.carry(l.machine.See(l.now(), toldLaw(law)), &doubts)
}

func toldLaw(law pulse.Law) slider.Law {
	return slider.Law{VolumeDB: law.VolumeDB, Muted: law.Muted, Held: law.Held, Unscaled: law.Unscaled}
}

// use begins with a pair, or with none.
func (l *loudness) use(referenceDB float64, last []float64, wanted bool, write func(slider.Write)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.machine, l.wanted, l.write, l.number = slider.New(referenceDB, last), wanted, write, math.MaxUint64
	l.machine.Want(now, wanted)
	l.carry(l.machine.See(now, toldLaw(l.law)), nil)
	l.desktop.SetAlone(wanted)
}

// tell takes what a speaker says.
func (l *loudness) tell(i int, asked aes67.MonoTime, told slider.Speaker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.carry(l.machine.Tell(l.now(), i, asked, told), nil)
}

// wrote takes the answer to a write.
func (l *loudness) wrote(w slider.Write, confirmedDB float64, result slider.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.carry(l.machine.Wrote(l.now(), w, confirmedDB, result), nil)
}

// look lets time pass.
func (l *loudness) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.stream.InForce() >= l.answer || !l.sending() {
		l.carry(l.machine.Applied(now, l.number), nil)
		return
	}
	l.carry(l.machine.Look(now), nil)
}

// carry carries out orders: the stream's gain first.
func (l *loudness) carry(o slider.Orders, doubts *uint64) {
	if doubts != nil || o.Number != l.number {
		if doubts == nil {
			doubts = new(uint64)
		}
		gain := o.Gain
		gain.Alone = l.law.Unscaled
		l.number, l.answer = o.Number, l.stream.Answer(*doubts, gain)
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
func (l *loudness) state() (wanted bool, mode slider.Mode, fault slider.Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted, l.mode, l.fault
}

// muted reports whether the slider is.
func (l *loudness) muted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.law.Muted
}

// last are the levels that were set last.
func (l *loudness) last() []float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.machine.Last())
}

// Run looks when the slider wants to be looked at.
func (l *loudness) Run(ctx context.Context) error {
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
