package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/incidents"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	flight "aes67-sink/recorder"
)

const (
	// explained is how soon an incident is to be read: it waits for its end, ten seconds
	// at most, and a state that is left is left by and by.
	explained = 20 * time.Second
	// betweenFaults is how long nothing is done, so that a fault is an incident of its own.
	betweenFaults = 3 * time.Second
)

// ownFaults are causes that a machine which stands still has by itself.
var ownFaults = []string{
	flight.CauseStoodStill, flight.CauseCore, flight.CauseTimer, flight.CauseWork, flight.CauseSendCall, flight.CauseServerSkipped, flight.CauseServerLate,
}

// TestWhy lets one fault after the other happen to a bridge that plays: of each there
// is one incident that names it, and nothing else.
func TestWhy(t *testing.T) {
	measured(t, func(t *attempt) {
		need(t, "paplay", "ip")
		w := newWire(t)
		master := partOf(t)
		defer func() { master.cleanUp() }()
		startGrandmaster(master, w, 0)
		log := startBlackBox(t, w)
		b, s := log.bridge, log.server
		const half = 500 * time.Millisecond
		hold := func(release func()) { pass(half); release() }
		for _, fault := range []struct {
			what, cause, names string
			least              time.Duration // that it lasts
			do                 func()
		}{
			{"the bridge is stopped", flight.CauseStoodStill, "the whole program stood still for ", mostOf(half), func() { hold(freeze(t, b.cmd.Process.Pid)) }},
			{"the sender's thread is stopped", flight.CauseStoodStill, "the sender's thread stood still for ", mostOf(half), func() { hold(freezeThread(t, b.sender(t))) }},
			{"the sound server is stopped", flight.CauseServerLate, "the sound server gave nothing for ", mostOf(half), func() { hold(freeze(t, s.pid("pipewire"), s.pid("server"))) }},
			{"the grandmaster's time steps", flight.CauseClockStep, "the network's clock stepped by ", 0, func() {
				master.cleanUp()
				startGrandmasterAs(master, w, 0, func(c *lab.GrandmasterConfig) { c.Clock.Epoch = c.Clock.Epoch.Add(time.Second) })
			}},
			{"the sound server is killed", flight.CauseServerLost, "the sound server is gone", 0, func() { s.kill() }},
			{"the interface is down", flight.CauseNetworkLost, "the network is lost", 0, func() {
				mustOutput(t, nil, w.in(pc, "ip", "link", "set", "eth0", "down")...)
			}},
		} {
			b.playing(20 * time.Second)
			log.pass(t, betweenFaults)
			fault.do()
			log.names(t, fault.what, fault.cause, fault.names, fault.least, explained)
			if fault.cause == flight.CauseServerLost {
				s.do("restart")
				b.playingAgain(t)
			}
		}
		// The command tells the last of them beside the running bridge.
		if said := mustOutput(t, s.env, s.by(program, "why")...); !strings.Contains(said, "the network is lost") || !strings.Contains(said, "\n  network ") {
			t.Errorf("why says %q", said)
		}
		if all := mustOutput(t, s.env, s.by(program, "why", "--all")...); strings.Count(all, "\n") < 6 {
			t.Errorf("why --all says %q", all)
		}
		if table := mustOutput(t, s.env, s.by(program, "why", "--csv")...); strings.Count(table, "\n") < 1000 {
			t.Errorf("why --csv has %d lines", strings.Count(table, "\n"))
		}
	})
}

// TestWhyNamesALostPriority runs beside others: it waits for the look that is taken once a
// minute where no packet is late.
func TestWhyNamesALostPriority(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		need(t, "paplay")
		w := newWire(t)
		startGrandmaster(t, w, 0)
		log := startBlackBox(t, w)
		log.busy = !full
		if err := unix.SchedSetAttr(log.sender(t), &unix.SchedAttr{Size: unix.SizeofSchedAttr}, 0); err != nil {
			t.Fatal(err)
		}
		log.names(t, "the sender's priority is taken", flight.CausePriority, "the sender lost its real-time priority (SCHED_FIFO)", 0, explained+time.Minute)
	})
}

// mostOf is what a fault of a length must be told to last: a buffer outlasts some.
func mostOf(length time.Duration) time.Duration { return length * 7 / 10 }

// blackBox reads what the bridge keeps.
type blackBox struct {
	*bridge
	store incidents.Store
	seen  []string // ids that were judged

	crashes int  // of the sound server, before the fault
	busy    bool // others run beside it, and do what a machine does that stands still
}

// startBlackBox starts a bridge that plays, and has told of its start.
func startBlackBox(t *attempt, w wire) *blackBox {
	t.Helper()
	s := startServer(t, "pipewire")
	b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", outlasts)
	b.loud(15 * time.Second)
	s.realtime()
	b.follows(40 * time.Second)
	s.play(makeTones(t, 3*time.Minute))
	b.playing(15 * time.Second)
	log := &blackBox{bridge: b, store: incidents.In(filepath.Join(stateHome(s), "aes67-sink")), crashes: s.crashes()}
	log.news(t)
	return log
}

// news returns the incidents that have come since it was last asked, the oldest first.
func (l *blackBox) news(t *attempt) (all []flight.Kept) {
	t.Helper()
	kept, err := l.store.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range slices.Backward(kept) {
		if !slices.Contains(l.seen, k.ID) {
			l.seen = append(l.seen, k.ID)
			all = append(all, k)
		}
	}
	return all
}

// pass lets some time pass in which nothing is done, and so nothing may be wrong.
func (l *blackBox) pass(t *attempt, length time.Duration) {
	t.Helper()
	l.crashes = l.server.crashes()
	for range mostTries { // a machine that stands still goes on with it for a while
		pass(length)
		all := l.news(t)
		for _, k := range all {
			l.unexpected(t, "nothing is done", k)
		}
		if len(all) == 0 {
			return
		}
	}
}

// names waits for the incident that a fault is.
func (l *blackBox) names(t *attempt, what, cause, names string, least, within time.Duration) {
	t.Helper()
	found, others := false, ""
	kept := soon(within, func() bool {
		for _, k := range l.news(t) {
			lasted := time.Duration(k.DurationMS * float64(time.Millisecond))
			if k.Cause != cause || !strings.Contains(k.Sentence, names) || lasted < least {
				l.unexpected(t, what, k)
				others += "\n" + k.Sentence
				continue
			}
			found = true
			t.Logf("%s: %s", what, k.Sentence)
			for _, s := range k.Bill {
				t.Logf("    %5.1f %% %8.1f ms %s", s.Percent, s.MS, s.Name)
			}
			if len(k.Context) != flight.ContextLines || len(k.Records) < 1000 {
				t.Errorf("%s: %d lines of context, %d records", what, len(k.Context), len(k.Records))
			}
		}
		return found
	})
	if !kept && others == "" {
		t.Fatalf("%s: not within %v is there any incident", what, within)
	}
	if !kept {
		t.spoilt(excuse{standstill, within}, fmt.Sprintf("%s: not within %v is there an incident of the cause %s, but%s", what, within, cause, others))
	}
}

// unexpected judges an incident that nobody made: the machine may have.
func (l *blackBox) unexpected(t testing.TB, what string, k flight.Kept) {
	t.Helper()
	began := rtthread.Now().Add(-time.Since(k.At))
	stood := max(watch.stood(began.Add(time.Second), 3*time.Second), watch.waited(began.Add(-time.Second), began.Add(time.Second)))
	if slices.Contains(ownFaults, k.Cause) && (stood > time.Millisecond || l.busy) {
		t.Logf("%s: the machine stood still for %v: %s", what, stood, k.Sentence)
		return
	}
	said := fmt.Sprintf("%s, and why says (the machine stood still for %v): %s", what, stood, k.Sentence)
	switch {
	case k.Cause == flight.CauseClockLost && stood > standstill: // the lab's grandmaster stood still, too
		figures.so(t, "what why says", false, said, "what was done")
	case k.Cause == flight.CauseServerLost && l.server.crashes() > l.crashes:
		figures.not(t, "what why says", "the sound server crashed by itself: "+said)
	default:
		t.Error(said)
	}
}

// sender is the thread that sends: of the bridge's the one with the highest priority.
func (b *bridge) sender(t testing.TB) (tid int) {
	t.Helper()
	most := uint32(0)
	for _, task := range must(os.ReadDir(fmt.Sprintf("/proc/%d/task", b.cmd.Process.Pid))) {
		id := must(strconv.Atoi(task.Name()))
		if attr, err := unix.SchedGetAttr(id, 0); err == nil && attr.Priority > most {
			tid, most = id, attr.Priority
		}
	}
	if tid == 0 {
		t.Fatal("no thread of the bridge has real-time priority")
	}
	return tid
}

// playingAgain waits until the bridge sends what is played anew.
func (b *bridge) playingAgain(t *attempt) {
	t.Helper()
	b.sends(20 * time.Second)
	b.server.play(makeTones(t, 3*time.Minute))
	b.playing(15 * time.Second)
}

// stateHome is the XDG_STATE_HOME of the server's clients.
func stateHome(s *server) string {
	for _, variable := range s.env {
		if value, ok := strings.CutPrefix(variable, "XDG_STATE_HOME="); ok {
			return value
		}
	}
	return ""
}
