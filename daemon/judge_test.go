package daemon

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/health"
	"aes67-sink/internal/wake"
)

const (
	noCarrier = "eno1: no carrier; check the cable"
	notReady  = "the sound server at unix:/x is not ready (it does not answer): restart it if this lasts"
)

// TestTheJudgeLooksWhenWokenAndWhenDue also counts the lines of the log: one when
// something is ill, one when it is mended.
func TestTheJudgeLooksWhenWokenAndWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said atomic.Pointer[[]string]
		said.Store(&[]string{})
		var looks atomic.Int32
		var log bytes.Buffer
		held := clockProblem(bridge.Holdover)
		began, after := time.Now(), make(chan struct{}, 1)
		j := &judge{
			look: func() (all []health.Finding, does health.Activity) {
				looks.Add(1)
				for _, sentence := range *said.Load() {
					all = append(all, health.Find(sentence))
				}
				return all, health.Activity{Sends: true, Linked: true, Sync: health.Synchronized}
			},
			now: func() aes67.MonoTime { return aes67.MonoTime(1e9 + time.Since(began)) }, log: zerolog.New(&log),
			wake: make(chan struct{}, 1), after: []chan<- struct{}{after},
		}
		if problem, problems, all := healthModel(j.told()); problem != "" || problems != nil || all != nil {
			t.Errorf("before the first look: %q, %v, %v", problem, problems, all)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		pass := func(d time.Duration, now ...string) {
			said.Store(&now)
			wake.Signal(j.wake)
			time.Sleep(d)
			synctest.Wait()
		}
		pass(time.Hour)
		if n := looks.Load(); n != 2 || len(after) != 1 {
			t.Errorf("%d looks in an hour in which it was woken once", n)
		}
		pass(2900*time.Millisecond, notReady)
		if problem, _, _ := healthModel(j.told()); problem != "" {
			t.Errorf("told at once: %q", problem)
		}
		pass(200*time.Millisecond, notReady)
		if problem, problems, all := healthModel(j.told()); problem != notReady || len(problems) != 1 || all.Essence != health.Unhealthy ||
			all.Overall != health.Unhealthy || all.Link != health.Healthy || all.Messages["essence"] != notReady || all.Transitions["essence"] != 1 {
			t.Errorf("after 3 s: %q, %v, %+v", problem, problems, all)
		}
		pass(time.Minute, held, notReady)
		if problem, problems, _ := healthModel(j.told()); problem != notReady || len(problems) != 2 || problems[1].Code != "holdover" {
			t.Errorf("with a notice: %q, %v", problem, problems)
		}
		pass(time.Minute, held)
		if problem, problems, all := healthModel(j.told()); problem != "" || len(problems) != 1 || all.Overall != health.Healthy {
			t.Errorf("with a notice alone: %q, %v, %+v", problem, problems, all)
		}
		pass(time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		var lines []string
		for line := range strings.Lines(log.String()) {
			lines = append(lines, strings.TrimSpace(line))
		}
		want := []string{
			`{"level":"warn","code":"sound-server-not-ready","severity":"silence","problem":"` + notReady + `","message":"ill"}`,
			`{"level":"warn","code":"holdover","severity":"notice","problem":"` + held + `","message":"ill"}`,
			`{"level":"info","code":"sound-server-not-ready","lasted_s":63.1,"message":"mended"}`,
			`{"level":"info","code":"holdover","lasted_s":120,"message":"mended"}`,
		}
		if !slices.Equal(lines, want) {
			t.Errorf("logged\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestAClockThatIsMissedHasASentence: no state in which a clock is missed is without.
func TestAClockThatIsMissedHasASentence(t *testing.T) {
	for state := bridge.Idle; state <= bridge.Failed; state++ {
		want := map[bridge.State]health.Code{bridge.WaitingClock: "clock-awaited", bridge.Holdover: "holdover"}[state]
		said := clockProblem(state)
		if (said == "") != (want == "") || said != "" && health.Find(said).Code != want {
			t.Errorf("%v: %q, want %q", state, said, want)
		}
	}
}

// TestWhatTheDaemonSaysIsKnown: these sentences are made here.
func TestWhatTheDaemonSaysIsKnown(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/x")
	for sentence, want := range map[string]health.Finding{
		filteredProblem(aes67.ClockIdentity{}, 0, "eno1"): {Code: "ptp-filtered"},
		deafProblem("eno1"):               {Code: "firewall"},
		failure(context.Canceled).Error(): {Code: "sender-failed"},
		"no PTP: x; " + restartCommand():  {Code: "no-ptp", Command: "systemctl --user restart aes67-sink"},
	} {
		if got := health.Find(sentence); got.Code != want.Code || want.Command != "" && got.Command != want.Command {
			t.Errorf("%q: %+v, want %+v", sentence, got, want)
		}
	}
}
