package e2e

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/sdp"
)

// record hears all announcements on the speaker's side until the test ends.
func record(t testing.TB, w wire) *lab.Recorder {
	t.Helper()
	r := lab.NewRecorder()
	w.inside(t, speaker, func(eth0 net.Interface) error {
		l, err := lab.ListenSAP(eth0)
		if err != nil {
			return err
		}
		beside(t, "recorder", func(ctx context.Context) error {
			return l.Run(ctx, func(a lab.Announcement) { r.Hear(rtthread.Now(), a) })
		})
		return nil
	})
	return r
}

// aliveNow returns what the sessions alive say of themselves.
func aliveNow(r *lab.Recorder) (out []sdp.Description) {
	for _, text := range r.Alive() {
		if d, err := sdp.Parse([]byte(text)); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// TestOneDescriptionAtATime takes the bridge through everything that changes a
// description, and a listener that forgets nothing finds one alive for each
// stream at any time.
func TestOneDescriptionAtATime(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), startServer(t, "pulseaudio")
	recorder := record(t, w)
	startGrandmaster(t, w, 0)
	desk := stationAt(w, s)
	desk.host = "lab-pc"
	b := desk.run()
	b.follows(15 * time.Second)

	// told waits until both streams are announced as wanted, and as nothing else.
	told := func(within time.Duration, what string, wanted func(sdp.Description) bool) {
		t.Helper()
		good := soon(within, func() bool {
			all := aliveNow(recorder)
			for _, d := range all {
				if !wanted(d) {
					return false
				}
			}
			return len(all) == 2
		})
		if !good {
			t.Errorf("not within %v: %s; alive are %+v", within, what, aliveNow(recorder))
		}
		for _, fault := range recorder.Faults() {
			t.Errorf("%s: %s", what, fault)
		}
		if t.Failed() {
			t.Fatal(strings.Join(recorder.History(), "\n"))
		}
	}
	told(5*time.Second, "both are announced", func(d sdp.Description) bool {
		return strings.HasPrefix(d.Name, "lab-pc AES67 Speakers ") && d.Origin.Addr == netip.MustParseAddr("10.67.0.1")
	})

	startGrandmasterAs(t, w, 5_000, func(c *lab.GrandmasterConfig) { c.Priority1, c.Identity = 10, [8]byte{2, 0, 0, 0xFF, 0xFE, 0, 0, 7} })
	told(20*time.Second, "a better grandmaster", func(d sdp.Description) bool {
		return strings.HasSuffix(d.RefClock, "02-00-00-FF-FE-00-00-07:0")
	})

	b.rename("studio")
	told(5*time.Second, "another host name", func(d sdp.Description) bool { return strings.HasPrefix(d.Name, "studio AES67 Speakers ") })

	ip := func(arguments ...string) {
		t.Helper()
		mustOutput(t, nil, append([]string{"ip", "-n", w.prefix + "-" + pc}, arguments...)...)
	}
	group := aliveNow(recorder)[0].Group
	ip("addr", "del", "10.67.0.1/24", "dev", "eth0")
	ip("addr", "add", "10.67.0.77/24", "dev", "eth0")
	told(25*time.Second, "another address", func(d sdp.Description) bool { return d.Origin.Addr == netip.MustParseAddr("10.67.0.77") })
	if all := aliveNow(recorder); all[0].Group != group && all[1].Group != group {
		t.Errorf("the groups %v and %v changed with the address, one was %v", all[0].Group, all[1].Group, group)
	}

	ip("link", "set", "eth0", "down")
	b.reaches(15*time.Second, "the network is lost", func(r report) bool { return r.State == "waiting-network" })
	before := recorder.Texts()
	ip("link", "set", "eth0", "up")
	told(25*time.Second, "the interface is back", func(d sdp.Description) bool { return recorder.Texts() >= before+2 })

	b.kill()
	b = desk.run("--set", "stream.rate=96000")
	told(25*time.Second, "killed, and back at another rate", func(d sdp.Description) bool { return d.Rate == 96000 && strings.HasPrefix(d.Name, "lab-pc ") })

	deletions := recorder.Deletions()
	b.end()
	thrice := func() bool {
		for id, n := range recorder.Deletions() {
			if n-deletions[id] < 3 {
				return false
			}
		}
		return len(recorder.Alive()) == 0
	}
	if !soon(2*time.Second, thrice) {
		t.Errorf("after the end %+v are alive, and %v deletions were seen, %v before; want each deleted 3 times or more", aliveNow(recorder), recorder.Deletions(), deletions)
	}
	for _, fault := range recorder.Faults() {
		t.Error(fault)
	}
	if t.Failed() {
		t.Log(strings.Join(recorder.History(), "\n"))
	}
}
