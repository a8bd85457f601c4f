package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
)

// diagnosis is what the tests read of "aes67-sink doctor --json".
type diagnosis struct {
	text  string
	code  int // the exit code
	Well  bool
	Items []struct {
		Code, Outcome, Sentence, Command string
		HiddenBy                         string `json:"hidden_by"`
	}
}

// doctor asks it at a station, behind another command if one is given.
func (s *station) doctor(t *testing.T, behind ...string) (d diagnosis) {
	t.Helper()
	command := append(slices.Clone(behind), powerless(program, "doctor", "--json", "--set", "network.interface=eth0")...)
	p := start(t, "doctor", s.env, s.wire.in(s.side, command...)...)
	d.code = exitCode(p.wait(20 * time.Second))
	d.text = p.output.String()
	if err := json.Unmarshal([]byte(d.text), &d); err != nil {
		t.Fatalf("doctor --json: %v: %q; it ended with %v", err, d.text, p.err)
	}
	if d.Well != (d.code == 0) {
		t.Errorf("it is well: %v, and the exit code is %d", d.Well, d.code)
	}
	return d
}

// told are the codes of the causes that it names, but for what the machine did.
func (d *diagnosis) told() (codes []string) {
	for _, item := range d.Items {
		if item.Outcome == "ill" && item.HiddenBy == "" && !ofTheMachine(health.Code(item.Code), rtthread.Now()) {
			codes = append(codes, item.Code)
		}
	}
	slices.Sort(codes)
	return codes
}

// names fails unless exactly these are told, and returns the command of the first.
func (d *diagnosis) names(t *testing.T, what string, codes ...string) (command string) {
	t.Helper()
	first := codes[0]
	slices.Sort(codes)
	if got := d.told(); !slices.Equal(got, codes) {
		t.Fatalf("%s: it names %v, want %v: %s", what, got, codes, d.text)
	}
	for _, item := range d.Items {
		if item.Code == first {
			command = item.Command
		}
	}
	return command
}

// TestDoctor has it look at a healthy bridge, of which it says one line, and then at one
// fault after the other: each is named alone, with the command that mends it.
func TestDoctor(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), startServer(t, "pipewire")
	a := startAvahi(t, w, pc, "doctor")
	s.env = append(s.env, a.env())
	startGrandmaster(t, w, 0)
	desk := stationAt(w, s)
	b := desk.run("--set", "stream.when=always")
	b.follows(30 * time.Second)
	b.reaches(20*time.Second, "it is published", func(r report) bool { return r.Announce.MDNS == "established" })

	line := func(arguments ...string) (out string) {
		var err error
		if !inTheEnd(func() bool {
			out, err = output(s.env, w.in(pc, append([]string{program, "doctor"}, arguments...)...)...)
			return err == nil
		}) {
			t.Errorf("doctor %v of a healthy bridge: %v: %s", arguments, err, out)
		}
		return out
	}
	if out := line(); !strings.HasPrefix(out, "all is well: ") || strings.Count(out, "\n") != 1 {
		t.Errorf("of a healthy bridge it says\n%swant one line", out)
	}
	var out string
	parts := []string{
		"✓ Packets on the wire: every stream is seen to leave by eth0", "✓ Firewall: ", "✓ PTP ports: the bridge alone has them",
		"· PTP masters: ", "✓ Avahi: the sessions are published", "· Sample rates: the sound server mixes at 48000 Hz", "· Sound server's cycles: ", "· Address: 10.67.0.1 on eth0",
	}
	missing := func() []string {
		out = line("-v")
		return slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return strings.Contains(out, part) })
	}
	if !soon(20*time.Second, func() bool { return len(missing()) == 0 }) { // the machine may stand still at that moment
		t.Errorf("no %q in\n%s", missing(), out)
	}
	if out := line("-v", "--share"); strings.Contains(out, "10.67.") || !strings.Contains(out, " on eth0, ") {
		t.Errorf("what is shown to others:\n%s", out)
	}

	s.pactl("set-sink-mute", "aes67", "1")
	b.reaches(5*time.Second, "muted", func(r report) bool { return r.Sink.Muted != nil && *r.Sink.Muted })
	d := desk.doctor(t)
	mustOutput(t, s.env, s.by(strings.Fields(d.names(t, "muted", "muted"))...)...)
	b.reaches(5*time.Second, "the command unmutes", func(r report) bool { return r.Sink.Muted != nil && !*r.Sink.Muted })

	a.do("kill-avahi")
	b.reaches(20*time.Second, "without Avahi", func(r report) bool { return r.Announce.Problem != "" })
	d = desk.doctor(t)
	d.names(t, "without Avahi", "mdns-silent")
	a.do("start-avahi")
	b.end()

	d = desk.doctor(t)
	if command := d.names(t, "without a bridge", "not-running"); command == "" {
		t.Error("it does not say how to start one")
	}
	t.Run("port", func(t *testing.T) {
		holder := startPTP4L(t, w, pc)
		eventually(t, 10*time.Second, "ptp4l has the ports", func() bool {
			out, _ := output(nil, w.in(pc, "cat", "/proc/self/net/udp")...)
			return strings.Contains(out, ":013F")
		})
		d := desk.doctor(t)
		command := d.names(t, "a port is held", "other-ptp-program", "not-running")
		kill, pid, _ := strings.Cut(strings.TrimPrefix(command, "sudo "), " ")
		if kill != "kill" || pid != strconv.Itoa(holder.cmd.Process.Pid) {
			t.Fatalf("the command is %q, and ptp4l's process %d", command, holder.cmd.Process.Pid)
		}
		holder.signal(syscall.SIGTERM)
		_ = holder.wait(5 * time.Second)
		d = desk.doctor(t)
		d.names(t, "the port is free", "not-running")
	})
	t.Run("firewall", func(t *testing.T) {
		if _, err := exec.LookPath("ufw"); err != nil {
			t.Skip("no ufw: apt-get install ufw")
		}
		d := desk.doctor(t, script("firewall.sh"), "ufw", tempDir(t, "fw"))
		if command := d.names(t, "behind ufw", "firewall", "not-running"); command != `sudo ufw allow "AES67 Speakers"` {
			t.Errorf("the command is %q", command)
		}
	})
	t.Run("sound server", func(t *testing.T) {
		s.do("down")
		d := desk.doctor(t)
		mustNot := slices.DeleteFunc(d.told(), func(code string) bool { return code == "firewall" }) // it is on still
		if want := []string{"not-running", "sound-server-missing"}; !slices.Equal(mustNot, want) {
			t.Errorf("it names %v, want %v: %s", mustNot, want, d.text)
		}
	})
	t.Run("cable", func(t *testing.T) {
		mustOutput(t, nil, "ip", "-n", w.prefix+"-"+speaker, "link", "set", "eth0", "down")
		eventually(t, 5*time.Second, "the kernel tells it, which it does once a second at most", func() bool {
			out, _ := output(nil, w.in(pc, "ip", "-o", "link", "show", "eth0")...)
			return !strings.Contains(out, " state UP ")
		})
		d := desk.doctor(t)
		d.names(t, "the cable is out", "no-carrier", "not-running", "sound-server-missing")
	})
}
