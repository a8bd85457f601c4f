package pulse

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
)

func TestTheFlowIsLookedAtOftenOnlyWhereItIsAboutToBegin(t *testing.T) {
	now := aes67.MonoTime(1000 * time.Second)
	cfg := Config{Rate: 48000, Channels: []string{"front-left", "front-right"}, Now: func() aes67.MonoTime { return now }}
	s := newLife(New(cfg, &counter{}, zerolog.Nop()))
	s.stream = 1
	s.suspended.Store(true) // nobody plays, and the server may stop the sink
	s.flow.begin(0, now)
	looks := func(d time.Duration) (n int) {
		for end := now.Add(d); now < end; n++ {
			now = now.Add(s.watchFlow())
		}
		return n
	}
	if n := looks(startTime); n < int(startTime/startCheck) {
		t.Errorf("%d looks in the first second of a recording: its beginning is seen late", n)
	}
	if n := looks(time.Minute); n > 60*4+1 {
		t.Errorf("%d looks in a minute in which nothing comes", n)
	}
	s.framer.intake.messages.Add(1)
	if s.watchFlow(); !s.Snapshot().Flowing {
		t.Error("it flows, which is not seen")
	}
	n := 0
	for end := now.Add(time.Minute); now < end; n++ {
		s.framer.intake.messages.Add(1)
		now = now.Add(s.watchFlow())
	}
	if n > 60*4+1 || !s.Snapshot().Flowing {
		t.Errorf("%d looks in a minute in which all is well", n)
	}
}
