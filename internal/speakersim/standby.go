package speakersim

import (
	"context"
	"math"
	"slices"
	"time"

	"aes67-sink/internal/wake"
)

// standby is whether a speaker sleeps, and how it wakes. No source tells how long
// waking takes, nor by what beside a signal: that a write wakes one too is a guess, and so
// is that its level is compared with the input meter, dB for dBu.
type standby struct {
	asleep bool
	roused time.Time // since when it wakes; zero: it does not
}

const (
	// liveEvery is how often a speaker listens to its input.
	liveEvery = 10 * time.Millisecond
	// usualWakeTime is a guess.
	usualWakeTime = 300 * time.Millisecond
)

// live lets a speaker listen until ctx is done.
func (s *Speaker) live(ctx context.Context) {
	for wake.Pause(ctx, liveEvery) {
		s.mu.Lock()
		woke := s.step(time.Now())
		told := s.onWake
		s.mu.Unlock()
		if woke && told != nil {
			told()
		}
	}
}

// step brings its sleep up to an instant, and reports whether it has woken; mu is held.
func (s *Speaker) step(now time.Time) (woke bool) {
	b := &s.standby
	if !b.asleep {
		return false
	}
	level, _ := s.leaves["device/standby/level"].value.(float64)
	signal := s.meter != nil && slices.Max(append(s.meter(), math.Inf(-1))) > level
	if signal && b.roused.IsZero() {
		b.roused = now
	}
	if b.roused.IsZero() || now.Sub(b.roused) < s.config.WakeTime {
		return false
	}
	s.sleep(false)
	return true
}

// sleep puts it to sleep, or wakes it; mu is held.
func (s *Speaker) sleep(yes bool) {
	s.standby = standby{asleep: yes}
	s.leaves["device/standby/countdown"].value = s.leaves["device/standby/auto_standby_time"].value
	if yes {
		s.leaves["device/standby/countdown"].value = 0
	}
}

// SetAsleep has it in standby: it answers, its meters show nothing, and the countdown is
// at its end, until a signal or a write wakes it.
func (s *Speaker) SetAsleep(asleep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sleep(asleep)
}

// SetWakeTime has it need so long to wake from now on.
func (s *Speaker) SetWakeTime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.WakeTime = d
}

// Asleep reports whether it is in standby.
func (s *Speaker) Asleep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standby.asleep
}

// OnWake is told when it has woken by a signal or a write.
func (s *Speaker) OnWake(told func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWake = told
}
