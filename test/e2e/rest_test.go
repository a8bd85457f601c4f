package e2e

import (
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// TestStreamsRestWhileNothingPlays follows a desk with default settings: nothing
// is on the wire until something plays, then at once, and after a silence nothing
// is again; the sessions stay announced all the while.
func TestStreamsRestWhileNothingPlays(t *testing.T) {
	shared(t)
	for _, kind := range []string{"pipewire", "pulseaudio"} {
		t.Run(kind, func(t *testing.T) {
			shared(t)
			measured(t, func(a *attempt) {
				w, s := newWire(a), startServer(a, kind)
				startGrandmaster(a, w, 0)
				desk := stationAt(w, s)
				b := desk.run("--set", "network.interface=auto", "--set", "stream.idle-after=3s")
				rests := func(r report) bool { return r.State == "idle" && len(r.Streams) == 2 && r.Announce.SAP == "announcing" }
				b.reaches(20*time.Second, "the streams rest, and are announced", rests)
				l := listen(a, w, b.descriptions()[0], nil, time.Minute)
				b.loud(5 * time.Second)
				pass(2 * time.Second)
				if n := l.Report(0).Packets; n != 0 {
					a.Errorf("%d packets before anything plays", n)
				}
				for round, wav := range []string{makeTones(a, 2*time.Second), makeTones(a, time.Second)} {
					l.TakeLevels()
					began := rtthread.Now()
					player := s.play(wav)
					eventually(a, 5*time.Second, "packets come", func() bool { return l.Newest() > began })
					eventually(a, 5*time.Second, "the tone comes", func() bool { return l.TakeLevels()[0].PeakDBFS > toneDBFS-1 })
					first, _ := l.heard().since(began).sounds(a)
					figures.atMost(a, "from the start of a player to its tone on the wire", first.Sub(began).Seconds()*1000, 500, "ms")
					if err := player.wait(10 * time.Second); err != nil {
						a.Error(err)
					}
					b.reaches(10*time.Second, "the streams rest again", rests)
					_, last := l.heard().since(began).sounds(a)
					figures.atLeast(a, "silence before the streams rest", l.Newest().Sub(last).Seconds(), 2.5, "s")
					at := l.Report(0)
					pass(time.Second)
					if now := l.Report(0); now.Packets != at.Packets {
						a.Errorf("%d packets while the streams rest", now.Packets-at.Packets)
					}
					figures.atMost(a, "packets lost, repeated or jumping", float64(at.Lost+at.Reordered+at.Duplicates+at.TimestampJumps), 0, "")
					if at.SSRCChanges != uint64(round) {
						a.Errorf("%d new SSRCs, want %d: %+v", at.SSRCChanges, round, at.Counts)
					}
					judgePeak(a, "peak when the streams went to rest", l.TakeLevels()[0].PeakDBFS, 0.1)
				}
				b.end()
			})
		})
	}
}

// TestAMasterThatIsNotHeardIsNotReplaced lets others name a grandmaster whose
// messages a firewall keeps from us: it is told with a remedy, and we do not serve.
func TestAMasterThatIsNotHeardIsNotReplaced(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), startServer(t, "pulseaudio")
	stranger := announceStranger(t, w, "kitchen", "10.67.0.200", 9, "239.70.1.1", "a=ts-refclk:ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0")
	b := stationAt(w, s).run()
	b.reaches(20*time.Second, "the grandmaster that is not heard is named", func(r report) bool {
		return strings.Contains(r.Problem, "others follow the grandmaster 00-1D-C1-FF-FE-12-34-56 in domain 0, which is not heard here on eth0: ")
	})
	b.reaches(5*time.Second, "it does not serve", func(r report) bool { return r.Clock.Role == "none" })
	pass(3 * time.Second)
	if r := b.now(); r.Clock.Role != "none" {
		t.Errorf("role %s on a network that shows another grandmaster", r.Clock.Role)
	}
	stranger.end() // it has been told of by mistake: nobody follows anybody
	b.reaches(20*time.Second, "it serves", func(r report) bool { return r.Clock.Role == "grandmaster" && r.well() })
	b.end()
}
