package e2e

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFirewalls puts the bridge behind firewalls that are on: it says so, is no
// second grandmaster, and the command that it names mends it.
func TestFirewalls(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	needRoot(t)
	for _, kind := range []string{"ufw", "firewalld"} {
		t.Run(kind, func(t *testing.T) {
			if _, err := exec.LookPath(kind); err != nil {
				t.Skipf("no %s: apt-get install %[1]s (firewalld is on at once where it is installed, so no make target does that)", kind)
			}
			w, s := newWire(t), startServer(t, "pulseaudio")
			startGrandmaster(t, w, 50_000)
			desk := stationAt(w, s)
			desk.behind = []string{script("firewall.sh"), kind, tempDir(t, "fw")}
			b := desk.run()
			remedy := ""
			b.reaches(20*time.Second, "the firewall is named, with a command", func(r report) bool {
				told, isIt := strings.CutPrefix(r.Problem, "PTP messages do not reach this program on eth0: "+kind)
				if !isIt || len(r.Problems) == 0 {
					return false
				}
				remedy = r.Problems[0].Command
				return strings.Contains(told, "`"+remedy+"`") && strings.HasPrefix(remedy, "sudo ")
			})
			pass(8 * time.Second) // longer than anybody listens
			if r := b.now(); r.Clock.Role != "none" {
				t.Errorf("role %s, with a grandmaster on the wire that is not heard", r.Clock.Role)
			}
			if strings.Contains(b.output.String(), `"role":"grandmaster"`) {
				t.Error("it served for a moment, with a grandmaster on the wire that is not heard")
			}
			inside := func(command string) {
				mustOutput(t, nil, "nsenter", "--target", strconv.Itoa(b.cmd.Process.Pid), "--mount", "--net", "sh", "-c", command)
			}
			inside(strings.ReplaceAll(remedy, "sudo ", ""))
			followed := func(r report) bool {
				return r.well() && r.Clock.Role == "follower" && r.Clock.State == "locked"
			}
			b.reaches(15*time.Second, "the grandmaster is followed", followed)
			if kind == "ufw" {
				inside("ufw deny out 319,320/udp")
				b.reaches(15*time.Second, "what cannot be sent is told", func(r report) bool {
					return strings.HasPrefix(r.Problem, "PTP messages cannot be sent: operation not permitted") && r.Clock.Role == "follower"
				})
				inside("ufw delete deny out 319,320/udp")
				b.reaches(15*time.Second, "the grandmaster is followed as before", followed)
			}
			b.end()
		})
	}
}
