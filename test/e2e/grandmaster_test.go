package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestARestartedGrandmasterLosesNoFollower restarts a bridge that serves the
// clock, as an upgrade does: a follower made by ptp4l never waits for an Announce
// in vain, and never looks for another master.
func TestARestartedGrandmasterLosesNoFollower(t *testing.T) {
	shared(t)
	w, s := newWire(t), startServer(t, "pulseaudio")
	desk := stationAt(w, s)
	b := desk.run()
	b.reaches(30*time.Second, "the bridge serves the clock", func(r report) bool { return r.Clock.Role == "grandmaster" })
	follower := start(t, "ptp4l", nil, w.in(speaker, "env", "PTP_PRIORITY1=255", script("ptp4l.sh"), "follow", "eth0", tempDir(t, "ptp"))...)
	eventually(t, 20*time.Second, "ptp4l follows", func() bool { return strings.Contains(follower.output.String(), "master offset") })
	known := len(follower.output.String())
	for range 2 {
		b.end()
		b = desk.run()
		b.reaches(announceTimeout, "the bridge serves the clock again", func(r report) bool { return r.Clock.Role == "grandmaster" })
		pass(announceTimeout + 2*time.Second)
		for _, lost := range []string{"ANNOUNCE_RECEIPT_TIMEOUT", "to LISTENING", "selected local clock"} {
			if said := follower.output.String()[known:]; strings.Contains(said, lost) {
				t.Errorf("after a restart ptp4l says %q: %s", lost, said)
			}
		}
	}
}
