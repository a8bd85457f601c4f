package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// TestTheRateFollows plays music of 44.1 kHz and a film of 48 kHz, each twice: the second
// time it is recorded at its own rate and PipeWire's graph runs at it. On the wire, which
// keeps the stream's rate, the streams go on without a gap and each tone is as clean as ever.
// That the monitor has the samples that were played, bit for bit, package pulse sees.
func TestTheRateFollows(t *testing.T) {
	shared(t)
	for _, c := range []struct {
		name  string
		begin func(testing.TB, wire) *server
		tells bool // pw-top can be read
	}{
		{"pipewire", func(t testing.TB, _ wire) *server { return startServer(t, "pipewire") }, false},
		{"pipewire of Debian 13", func(t testing.TB, w wire) *server { return startNewPipeWire(t, w, "") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.tells && !full {
				t.Skip("the same on a newer server: LAB_FULL=1")
			}
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				startGrandmaster(t, w, 50_000)
				s := c.begin(t, w)
				mustOutput(t, s.env, s.by("pw-metadata", "-n", "settings", "0", "clock.allowed-rates", "[ 44100, 48000 ]")...)
				b := startBridge(t, w, s, "--set", inHand, "--set", "network.interface=eth0", "--set", "sink.rate=auto")
				b.loud(15 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)
				var own [2]listener
				for i, description := range b.descriptions() {
					own[i] = listen(t, w, description, nil, 2*time.Minute)
				}
				for _, rate := range []aes67.Hz{44100, 48000} {
					first := s.play(makeTonesAt(t, rate, 7*time.Second))
					b.reaches(5*time.Second, "the server resamples the first", func(r report) bool {
						return r.Sink.RateHz != int(rate) && r.Sink.ResampledHz == int(rate)
					})
					if err := first.wait(15 * time.Second); err != nil {
						t.Fatal(err)
					}
					b.reaches(10*time.Second, "the rate follows", func(r report) bool { return r.Sink.RateHz == int(rate) && r.Sink.RateFollows == "played" })
					length := 6 * time.Second
					second := s.play(makeTonesAt(t, rate, 4*length))
					b.reaches(5*time.Second, "the second plays", func(r report) bool { return r.Sink.Playing == 1 })
					from := rtthread.Now().Add(time.Second) // behind its beginning
					if c.tells {
						if got := s.graphRate(); got != words(rate) {
							t.Errorf("pw-top says that the graph runs at %s Hz, want %d", got, rate)
						}
					}
					own[0].enough(t, leftHz, from, length)
					own[1].heardUntil(t, rtthread.Now())
					r := b.sends(time.Second)
					if r.Sink.RateHz != int(rate) || r.Sink.ResampledHz != 0 || r.Sink.Playing != 1 || second.ended() {
						t.Errorf("the second at %d Hz: status says %+v", rate, r.Sink)
					}
					for i, side := range sides {
						judgeTone(t, words(rate)+" "+side.name, own[i].heard().since(from), length, side, ofSound(0))
					}
					second.stop()
				}
				for i, side := range sides {
					own[i].judgeContinuity(t, side.name)
				}
			})
		})
	}
}

func words(rate aes67.Hz) string { return fmt.Sprint(int(rate)) }

// graphRate is that of the node which drives the sink, by pw-top.
func (s *server) graphRate() string {
	out, err := output(s.env, s.by(script("sound-server.sh"), "client", s.dir, "pw-top", "--batch-mode", "--iterations=2")...)
	if err != nil {
		return err.Error()
	}
	rate := "?"
	for line := range strings.Lines(out) { // as in quantum
		if f := strings.Fields(line); len(f) > 4 && f[0] == "R" && f[2] != "0" && !slices.Contains(f, "+") {
			rate = f[3]
		}
	}
	return rate
}
