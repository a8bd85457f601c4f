package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/health"
	"aes67-sink/internal/desktop"
	"aes67-sink/internal/state"
	"aes67-sink/internal/wake"
	"aes67-sink/status"
)

func TestWhatTheDesktopIsTold(t *testing.T) {
	type at struct {
		second  int
		state   string
		playing int
		problem string
		want    desktopWord
	}
	const lost = "eno1: no carrier"
	for name, steps := range map[string][]at{
		"how to begin, once":                            {{0, status.Idle, 0, "", desktopWelcome}, {1, status.Idle, 0, "", desktopNothing}},
		"nothing while all is well":                     {{0, status.Sending, 1, "", desktopWelcome}, {60, status.Sending, 1, "", desktopNothing}},
		"nothing of what nobody plays":                  {{0, status.WaitingNetwork, 0, lost, desktopWelcome}, {60, status.WaitingNetwork, 0, lost, desktopNothing}},
		"nothing of what passes":                        {{0, status.Sending, 1, "", desktopWelcome}, {1, status.WaitingClock, 1, lost, desktopNothing}, {8, status.Sending, 1, "", desktopNothing}, {20, status.WaitingClock, 1, lost, desktopNothing}},
		"nothing of a silence that nobody misses":       {{0, status.Idle, 1, "", desktopWelcome}, {1, status.Idle, 1, lost, desktopNothing}, {60, status.Idle, 1, lost, desktopNothing}},
		"another reason for it":                         {{0, status.Sending, 1, "", desktopWelcome}, {1, status.Failed, 1, lost, desktopNothing}, {11, status.Failed, 1, lost, desktopSilence}, {12, status.Failed, 1, "no clock", desktopSilence}, {13, status.Failed, 1, "no clock", desktopNothing}},
		"silence, and once":                             {{0, status.Sending, 1, "", desktopWelcome}, {1, status.WaitingClock, 1, lost, desktopNothing}, {11, status.WaitingClock, 1, lost, desktopSilence}, {12, status.WaitingClock, 1, lost, desktopNothing}, {900, status.WaitingClock, 1, lost, desktopNothing}},
		"that it sounds again":                          {{0, status.Sending, 1, "", desktopWelcome}, {1, status.Failed, 1, lost, desktopNothing}, {11, status.Failed, 1, lost, desktopSilence}, {15, status.Sending, 1, "", desktopSound}, {16, status.Sending, 1, "", desktopNothing}},
		"silence with a problem that comes late":        {{0, status.Sending, 1, "", desktopWelcome}, {1, status.Failed, 1, "", desktopNothing}, {11, status.Failed, 1, "", desktopNothing}, {30, status.Failed, 1, lost, desktopSilence}},
		"its text stays until it sounds again":          {{0, status.Sending, 1, "", desktopWelcome}, {1, status.WaitingClock, 1, lost, desktopNothing}, {11, status.WaitingClock, 1, lost, desktopSilence}, {15, status.WaitingClock, 1, "", desktopNothing}, {20, status.Sending, 1, "", desktopSound}},
		"nothing of what comes back within ten minutes": {{0, status.Sending, 1, "", desktopWelcome}, {1, status.Failed, 1, lost, desktopNothing}, {11, status.Failed, 1, lost, desktopSilence}, {15, status.Sending, 1, "", desktopSound}, {16, status.Failed, 1, lost, desktopNothing}, {30, status.Failed, 1, lost, desktopNothing}, {611, status.Failed, 1, lost, desktopSilence}},
	} {
		t.Run(name, func(t *testing.T) {
			var p desktopPolicy
			for _, s := range steps {
				m := status.Model{State: s.state, Problem: s.problem, Sink: status.Sink{State: "running", Playing: &s.playing}}
				now := aes67.MonoTime(1e9 * (1000 + s.second))
				got, next := p.look(&m, now)
				p.said(got, &m, now)
				if got != s.want {
					t.Errorf("after %d s: %d, want %d", s.second, got, s.want)
				}
				if next != 0 && next < now {
					t.Errorf("after %d s: to be looked at %v ago", s.second, now.Sub(next))
				}
			}
		})
	}
}

// screen is a desktop.
type screen struct {
	fails  int // so often, at first
	shown  []desktop.Notification
	closed []uint32
}

func (s *screen) Show(_ context.Context, n desktop.Notification) (uint32, error) {
	if s.fails > 0 {
		s.fails--
		return 0, errors.New("nobody is there")
	}
	s.shown = append(s.shown, n)
	return uint32(len(s.shown)), nil
}

func (s *screen) TakeBack(_ context.Context, number uint32) error {
	s.closed = append(s.closed, number)
	return nil
}

// lateScreen is a desktop that is there from some time on, or never.
type lateScreen struct {
	began, from time.Time
	why         error // while it is not there
	tried       []time.Duration
	shown       []time.Duration
}

func (s *lateScreen) Show(context.Context, desktop.Notification) (uint32, error) {
	at := time.Since(s.began)
	s.tried = append(s.tried, at)
	if time.Now().Before(s.from) {
		return 0, s.why
	}
	s.shown = append(s.shown, at)
	return 1, nil
}

func (s *lateScreen) TakeBack(context.Context, uint32) error { return nil }

// TestADesktopThatBeginsLongAfterTheBridgeIsToldAllTheSame: something changes each second,
// which does not use up the tries.
func TestADesktopThatBeginsLongAfterTheBridgeIsToldAllTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		why          error
		from, within time.Duration
		tries        int // before that
	}{
		"soon":         {errors.New("nobody is there"), 100 * time.Second, desktopAgain, 4},
		"after hours":  {errors.New("nobody is there"), 2 * time.Hour, desktopSeldom, 10 + 11},
		"never at all": {desktop.ErrNone, 2 * time.Hour, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, changed := time.Now(), make(chan struct{}, 1)
				s := &lateScreen{began: began, from: began.Add(test.from), why: test.why}
				d := &desktopTeller{
					on: true, desktop: s, names: func() string { return "" }, changed: changed, log: zerolog.Nop(),
					model:  func() status.Model { return status.Model{State: status.Idle, Sink: status.Sink{State: "running"}} },
					now:    func() aes67.MonoTime { return aes67.MonoTime(1e9 + time.Since(began)) },
					memory: state.File[desktopRecord]{Path: filepath.Join(t.TempDir(), "desktop.json")},
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- d.Run(ctx) }()
				for time.Since(began) < 3*time.Hour {
					time.Sleep(time.Second)
					wake.Signal(changed)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if before := len(s.tried) - len(s.shown); before != test.tries {
					t.Errorf("tried %d times before, want %d: %v", before, test.tries, s.tried)
				}
				switch latest := test.from + test.within + 2*desktopRest; {
				case test.within == 0 && len(s.shown) != 0:
					t.Errorf("shown after %v where there is no desktop", s.shown)
				case test.within != 0 && (len(s.shown) != 1 || s.shown[0] > latest):
					t.Errorf("shown after %v, want it once by %v", s.shown, latest)
				}
			})
		})
	}
}

// TestTheDesktopIsWelcomedOnceAndToldOfSilence goes through the first two runs of a
// user.
func TestTheDesktopIsWelcomedOnceAndToldOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := state.File[desktopRecord]{Path: filepath.Join(t.TempDir(), "desktop.json")}
		var model atomic.Pointer[status.Model]
		playing := func(state, problem string) {
			model.Store(&status.Model{State: state, Problem: problem, Problems: []health.Finding{{Title: "A notice"}, health.Find(problem)}, Sink: status.Sink{State: "running", Playing: new(1), VolumeDB: new(status.Tenths(-40))}})
		}
		playing(status.Sending, "")
		began := time.Now()
		run := func(s *screen, play func(changed chan struct{})) {
			ctx, stop := context.WithCancel(t.Context())
			d := &desktopTeller{
				on: true, desktop: s, sinkName: "AES67 Speakers", names: func() string { return "pc AES67 Speakers" },
				model: func() status.Model { return *model.Load() }, now: func() aes67.MonoTime { return aes67.MonoTime(1e9 + time.Since(began)) }, changed: make(chan struct{}, 1), memory: memory, log: zerolog.Nop(),
			}
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			play(d.changed)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		first := &screen{fails: 2} // it begins a minute later than the bridge
		run(first, func(chan struct{}) { time.Sleep(2 * time.Minute) })
		want := desktop.Notification{
			Title: "AES67 Speakers: ready to play",
			Text: "1. In the sound settings, choose AES67 Speakers as the output.\n" +
				"2. On the loudspeakers, choose the streams that begin with pc AES67 Speakers.\n" +
				"3. Play something, and turn up the volume, which is at -40 dB, little by little.",
		}
		if len(first.shown) != 1 || first.shown[0] != want {
			t.Errorf("the first run showed %+v", first.shown)
		}
		second := &screen{}
		run(second, func(changed chan struct{}) {
			time.Sleep(time.Minute)
			playing(status.WaitingNetwork, noCarrier)
			wake.Signal(changed)
			time.Sleep(time.Minute)
			playing(status.Sending, "")
			wake.Signal(changed)
			time.Sleep(time.Minute)
		})
		third := &screen{} // the bridge ends while nothing is heard, and nothing can be remembered
		memory.Path = filepath.Join(t.TempDir(), "no such folder", "x", "desktop.json")
		if err := os.WriteFile(filepath.Dir(filepath.Dir(memory.Path)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		playing(status.WaitingNetwork, noCarrier)
		run(third, func(chan struct{}) { time.Sleep(2 * time.Minute) })
		if len(third.shown) != 2 || third.shown[0] != want || len(third.closed) != 1 || third.closed[0] != 2 {
			t.Errorf("the third run showed %+v and took back %v", third.shown, third.closed)
		}
		if len(second.shown) != 1 || second.shown[0].Title != "AES67 Speakers: No link on the network cable" || second.shown[0].Text != noCarrier || len(second.closed) != 1 || second.closed[0] != 1 {
			t.Errorf("the second run showed %+v and took back %v", second.shown, second.closed)
		}
	})
}
