package e2e

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// TestAClosedLidFadesTheSound lets the computer go to sleep while it plays.
func TestAClosedLidFadesTheSound(t *testing.T) {
	shared(t)
	measured(t, func(a *attempt) {
		w, s := newWire(a), startServer(a, "pipewire")
		startGrandmaster(a, w, 0)
		here, there := startAvahi(a, w, pc, "lab-pc"), startAvahi(a, w, speaker, "lab-speaker")
		manager, recorder := startLogind(a, here), record(a, w)
		desk := stationAt(w, s)
		desk.env = append(s.env, here.env())
		b := desk.run()
		lock := manager.lock()
		b.loud(15 * time.Second)
		s.play(makeTones(a, time.Minute))
		b.playing(15 * time.Second)
		l := listen(a, w, b.descriptions()[0], nil, time.Minute)
		l.lasts(a, time.Second)
		eventually(a, browsing, "both sessions are announced", func() bool { return len(recorder.Alive()) == 2 && len(there.browse()) == 2 })

		began := rtthread.Now()
		manager.prepareForSleep(true)
		if err := lock.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			a.Fatal(err)
		}
		if _, err := lock.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			a.Fatal("the lock is never given back")
		}
		figures.atMost(a, "from logind's word to the release of its lock", rtthread.Now().Sub(began).Seconds()*1000, 200, "ms")
		alive := recorder.Alive()
		figures.so(a, "asleep: announced by SAP", len(alive) == 0, fmt.Sprintf("%q", alive), "nothing")
		at := l.Report(0).Packets
		x := l.samples()
		if len(x) < 480 {
			a.Fatalf("%d samples recorded", len(x))
		}
		figures.atMost(a, "peak of the last 2 ms before it sleeps", lab.Peak(x[len(x)-96:]), 0, "")
		pass(2 * time.Second)
		// A goodbye is kept for a second (RFC 6762, 10.1).
		if found := there.browse(); len(found) != 0 {
			a.Errorf("asleep, and %v are found by DNS-SD", found)
		}
		if now := l.Report(0).Packets; now != at {
			a.Errorf("%d packets while the computer sleeps", now-at)
		}

		awake := rtthread.Now()
		manager.prepareForSleep(false)
		manager.lock() // for the next night
		l.TakeLevels()
		eventually(a, 10*time.Second, "the tone is back", func() bool { return l.TakeLevels()[0].PeakDBFS > toneDBFS-1 })
		first, _ := l.heard().since(awake).sounds(a)
		figures.atMost(a, "from logind's word to the tone again", first.Sub(awake).Seconds(), 3, "s")
		eventually(a, 5*time.Second, "both sessions are announced again", func() bool { return len(recorder.Alive()) == 2 })
		b.end()
	})
}
