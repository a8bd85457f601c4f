package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// ben is the second user of the family's computer: games, whom every Debian knows, as
// the bus demands.
const ben = 5

// asBen runs a program as ben, with the one capability of the package's binary.
var asBen = []string{
	"setpriv", fmt.Sprintf("--reuid=%d", ben), fmt.Sprintf("--regid=%d", ben), "--clear-groups",
	"--bounding-set=-all,+net_bind_service", "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service", "--",
}

// TestTheSpeakersFollowTheUserAtTheComputer switches between two users: each has a
// sink and a true word, and the one before the screen has the speakers.
func TestTheSpeakersFollowTheUserAtTheComputer(t *testing.T) {
	shared(t)
	measured(t, func(a *attempt) {
		w := newWire(a)
		startGrandmaster(a, w, 0)
		bus := startAvahi(a, w, pc, "lab-pc")
		if err := os.Chmod(bus.dir, 0o755); err != nil { // the bus is for every user
			a.Fatal(err)
		}
		manager := startLogind(a, bus)
		first, second := startServer(a, "pipewire"), startFor(a, "pulseaudio", ben, asBen)
		annas, bens := stationAt(w, first), stationAt(w, second)
		annas.env, bens.env = append(annas.env, bus.env()), append(bens.env, bus.env())
		manager.logsIn(0)
		manager.logsIn(ben)
		manager.switchTo(0)
		anna := annas.run()
		anna.follows(20 * time.Second)
		other := bens.run()
		told := other.reaches(15*time.Second, "ben has a sink, and is told", func(r report) bool {
			return r.State == "waiting-network" && r.Sink.State == "running" && strings.Contains(r.Problem, "the aes67-sink of user root (pid ")
		})
		if len(told.Streams) != 0 {
			a.Errorf("ben waits, and has streams: %s", told.text)
		}
		if r := anna.sends(time.Second); !r.well() {
			a.Errorf("ben waits, and anna has a problem: %s", r.Problem)
		}

		l := listen(a, w, anna.descriptions()[0], nil, 0)
		l.lasts(a, time.Second)
		began := time.Now()
		manager.switchTo(ben)
		anna.reaches(5*time.Second, "anna's bridge gives way", func(r report) bool {
			return r.State == "waiting-network" && len(r.Streams) == 0
		})
		other.reaches(5*time.Second, "ben's is on the network", func(r report) bool { return r.Network.Interface == "eth0" })
		figures.atMost(a, "handed over after", time.Since(began).Seconds(), 2, "s")
		other.follows(15 * time.Second)

		manager.switchTo(0)
		anna.follows(15 * time.Second)
		other.reaches(5*time.Second, "ben waits again", func(r report) bool { return r.State == "waiting-network" })
		anna.end()
		other.follows(20 * time.Second)
		other.end()
	})
}
