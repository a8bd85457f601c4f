package e2e

import (
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// logIn gives a user a session before the screen, as a display manager does: by PAM.
func (m *machine) logIn(user string) (session string) {
	m.t.Helper()
	m.root("systemd-run", "--quiet", "--unit=screen-"+user, "--property=PAMName=login", "--property=User="+user,
		"--setenv=XDG_SEAT=seat0", "--setenv=XDG_SESSION_TYPE=x11", "--setenv=XDG_SESSION_CLASS=user", "sleep", "infinity")
	eventually(m.t, 10*time.Second, user+" has a session at the seat", func() bool {
		for line := range strings.Lines(m.root("loginctl", "list-sessions", "--no-legend")) {
			if f := strings.Fields(line); len(f) >= 4 && f[2] == user && f[3] == "seat0" {
				session = f[0]
			}
		}
		return session != ""
	})
	return session
}

// canSleep lets the machine's logind believe in sleep: what would put the computer to
// sleep is written to a file, everything else is real.
func (m *machine) canSleep() {
	m.t.Helper()
	m.root("sh", "-c", "mount -t tmpfs sleep /sys/power && echo 'freeze mem' >/sys/power/state && echo '[s2idle] deep' >/sys/power/mem_sleep")
	m.root("sh", "-c", "mkdir -p /run/systemd/system/systemd-suspend.service.d && printf '[Service]\nExecStart=\nExecStart=sleep 3\n' >/run/systemd/system/systemd-suspend.service.d/lab.conf && systemctl daemon-reload")
}

// TestPackageSeat switches between two users, and sends the computer to sleep, both
// by the word of the real logind.
func TestPackageSeat(t *testing.T) {
	_, deb := packages(t)
	w := newWire(t)
	startPTP4L(t, w, speaker)
	m := bootMachine(t, w, "bookworm", "pipewire", false)
	m.canSleep()
	m.apt(deb)
	alices := m.logIn("alice")
	m.sending(60 * time.Second)
	// Who logs in is before the screen from then on; a seat without consoles, as this
	// one, switches by itself.
	m.logIn("bob")
	m.reaches("bob", 30*time.Second, "bob's bridge sends", func(r report) bool { return r.State == "sending" })
	m.reaches("alice", 5*time.Second, "alice's waits, and says for whom", func(r report) bool {
		return r.State == "waiting-network" && r.Sink.State == "running" && strings.Contains(r.Problem, "the aes67-sink of user bob (pid ")
	})

	from := rtthread.Now()
	m.root("loginctl", "activate", alices)
	m.reaches("alice", 10*time.Second, "alice's is on the network", func(r report) bool { return r.Network.Interface != "" })
	figures.atMost(t, "handed over by loginctl after", rtthread.Now().Sub(from).Seconds(), 2, "s")
	m.sending(30 * time.Second)
	m.reaches("bob", 5*time.Second, "bob's waits, and says for whom", func(r report) bool {
		return r.State == "waiting-network" && strings.Contains(r.Problem, "the aes67-sink of user alice (pid ")
	})
	m.root("systemctl", "stop", "screen-alice")
	m.reaches("bob", 30*time.Second, "alice has logged out and lingers: bob's sends", func(r report) bool { return r.State == "sending" })

	l := listen(t, w, m.descriptions("bob")[0], nil, 0)
	l.lasts(t, time.Second)
	m.root("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "Suspend", "b", "false")
	eventually(t, 5*time.Second, "no packet leaves while it sleeps", func() bool {
		at := l.Report(0).Packets
		pass(500 * time.Millisecond)
		return l.Report(0).Packets == at
	})
	at := l.Report(0).Packets
	eventually(t, 15*time.Second, "it sends when it is awake", func() bool { return l.Report(0).Packets > at })
	m.reaches("bob", 15*time.Second, "bob's sends", func(r report) bool { return r.State == "sending" && r.well() })
}
