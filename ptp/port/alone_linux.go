package port

import (
	"context"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
)

// RunAlone sets a clock to International Atomic Time, as far as the computer knows it,
// and lets it tick with CLOCK_MONOTONIC until ctx is done: for a bridge that may not
// speak PTP. now reads CLOCK_MONOTONIC_RAW.
func RunAlone(ctx context.Context, clock *mediaclock.Clock, now func() aes67.RawTime) error {
	s := Sockets{readings: readClocks}
	s.look()
	tether := Tether{Base: &s.base, Clock: clock}
	tether.Renew(false, false) // how the clocks run is told before the time is
	at := now()
	clock.Step(at, s.TAI(at), 0)
	for wake.Pause(ctx, s.due().Sub(now())) {
		s.look()
		if m, _ := clock.Load(); !m.Tied {
			clock.Steer(s.base.raw(), s.base.Target())
		}
		tether.Renew(true, s.slewed)
		s.slewed = false
	}
	return nil
}
