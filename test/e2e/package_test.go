package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// oldVersion is the package that is upgraded from, as the Makefile builds it.
const oldVersion = "0.0.1"

// packages returns the packages that `make package-test` built for this machine.
func packages(t testing.TB) (old, latest string) {
	t.Helper()
	needRoot(t)
	need(t, "systemd-nspawn", "debootstrap", "dpkg")
	arch := strings.TrimSpace(mustOutput(t, nil, "dpkg", "--print-architecture"))
	olds, _ := filepath.Glob(filepath.Join(project, "build/deb-old/aes67-sink_"+oldVersion+"_"+arch+".deb"))
	all, _ := filepath.Glob(filepath.Join(project, "build/deb/aes67-sink_*_"+arch+".deb"))
	switch {
	case len(olds) == 1 && len(all) == 1:
	case asked("TestPackage"):
		t.Fatalf("the packages are %q and %q, want one and one", olds, all)
	default:
		t.Skip("needs the package: say 'make package-test'")
	}
	return olds[0], all[0]
}

// machine is a booted Debian machine (machine.sh).
type machine struct {
	t    testing.TB
	dir  string
	tree string
	wire wire
	env  []string
}

// bootMachine boots one on the pc's side; keep lets it keep what is written.
func bootMachine(t testing.TB, w wire, suite, sound string, keep bool) *machine {
	t.Helper()
	m := &machine{t: t, dir: tempDir(t, "machine"), wire: w, env: append(os.Environ(), "LAB_SOUND="+sound)}
	m.tree = strings.TrimSpace(mustOutputFor(t, 10*time.Minute, m.env, script("machine.sh"), "make", suite))
	if keep {
		mustOutput(t, m.env, script("machine.sh"), "keep", m.tree, m.dir)
		m.tree = filepath.Join(m.dir, "tree")
	}
	t.Cleanup(func() {
		if _, err := output(m.env, script("machine.sh"), "down", m.dir); err != nil {
			t.Error(err)
		}
	})
	m.up()
	// Silence is sent too, so that it is seen who sends, and gaps can be measured.
	m.root("sh", "-c", `mkdir -p /etc/aes67-sink && printf '[stream]\nwhen = "always"\n' >/etc/aes67-sink/config.toml`)
	return m
}

func (m *machine) up() {
	m.t.Helper()
	mustOutput(m.t, m.env, "setsid", "--wait", script("machine.sh"), "up", m.tree, m.dir, m.wire.prefix+"-"+pc)
}

// root and as run a command in the machine.
func (m *machine) root(command ...string) string {
	m.t.Helper()
	return mustOutput(m.t, m.env, append([]string{script("machine.sh"), "in", m.dir}, command...)...)
}

func (m *machine) as(user string, command ...string) (string, error) {
	return output(m.env, append([]string{script("machine.sh"), "as", m.dir, user}, command...)...)
}

func (m *machine) mustAs(user string, command ...string) string {
	m.t.Helper()
	out, err := m.as(user, command...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// put copies a file into the machine's /var/tmp, for everybody.
func (m *machine) put(path string) string {
	m.t.Helper()
	to := "/var/tmp/" + filepath.Base(path)
	content := must(os.ReadFile(path))
	if err := os.WriteFile(filepath.Join("/proc", m.leader(), "root", to), content, 0o644); err != nil {
		m.t.Fatal(err)
	}
	return to
}

func (m *machine) leader() string {
	return strings.TrimSpace(string(must(os.ReadFile(filepath.Join(m.dir, "leader.pid")))))
}

// apt installs, upgrades or downgrades to a package file.
func (m *machine) apt(deb string) {
	m.t.Helper()
	mustOutputFor(m.t, 3*time.Minute, m.env, script("machine.sh"), "in", m.dir, "env", "DEBIAN_FRONTEND=noninteractive",
		"apt-get", "install", "--yes", "--quiet", "--allow-downgrades", "--reinstall", m.put(deb))
}

// look asks for a user's status.
func (m *machine) look(user string) (r report, err error) {
	r.text, err = m.as(user, "aes67-sink", "status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(r.text), &r)
	}
	return r, err
}

// reaches waits until a user's bridge is as wanted.
func (m *machine) reaches(user string, within time.Duration, what string, wanted func(report) bool) report {
	m.t.Helper()
	var last report
	var lastErr error
	if !soon(within, func() bool {
		last, lastErr = m.look(user)
		return lastErr == nil && wanted(last)
	}) {
		journal, _ := output(m.env, script("machine.sh"), "in", m.dir, "journalctl", "--no-pager", "--lines=60", "--user-unit=aes67-sink.service")
		m.t.Fatalf("not within %v: %s; the last status was %s %v\n%s", within, what, last.text, lastErr, journal)
	}
	return last
}

// unit returns a property of a user's unit.
func (m *machine) unit(user, property string) string {
	out, _ := m.as(user, "systemctl", "--user", "show", "--property="+property, "--value", "aes67-sink.service")
	return strings.TrimSpace(out)
}

func (m *machine) active(user string, within time.Duration) {
	m.t.Helper()
	eventually(m.t, within, user+"'s unit is active", func() bool { return m.unit(user, "ActiveState") == "active" })
}

// descriptions fetches a user's session descriptions to files here.
func (m *machine) descriptions(user string) (paths [2]string) {
	m.t.Helper()
	dir := tempDir(m.t, "sdp")
	for i, side := range sides {
		paths[i] = filepath.Join(dir, side.name+".sdp")
		if err := os.WriteFile(paths[i], []byte(m.mustAs(user, "aes67-sink", "sdp", side.name)), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	return paths
}

// files lists what is in the machine outside homes, logs, caches and the
// package manager's own books.
func (m *machine) files() []string {
	m.t.Helper()
	out := m.root("sh", "-c", `find / -xdev \( -path /home -o -path /root -o -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \
		-o -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -printf '%p\n' | sort`)
	// What the machine itself writes in its own time.
	own := regexp.MustCompile(`^/var/lib/(systemd|private)|^/etc/\.pwd\.lock|^/etc/machine-id`)
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(out), "\n"), func(path string) bool {
		return own.MatchString(path) && !strings.Contains(path, "aes67")
	})
}

// sending waits until alice's bridge follows the grandmaster and sends.
func (m *machine) sending(within time.Duration) report {
	m.t.Helper()
	return m.reaches("alice", within, "it sends, locked to the grandmaster", func(r report) bool {
		return r.State == "sending" && r.Clock.Role == "follower" && r.Clock.State == "locked" && r.Sink.VolumeDB != nil
	})
}

var machines = []struct{ suite, sound string }{
	{"bookworm", "pipewire"}, {"trixie", "pipewire"}, {"bookworm", "pulseaudio"}, {"trixie", "pulseaudio"},
}

// TestPackageInstall installs the package from its file: alice's bridge runs by
// itself, plays, and has no privilege left.
func TestPackageInstall(t *testing.T) {
	_, deb := packages(t)
	for _, c := range machines {
		t.Run(c.suite+" "+c.sound, func(t *testing.T) {
			w := newWire(t)
			startPTP4L(t, w, speaker)
			m := bootMachine(t, w, c.suite, c.sound, false)
			m.mustAs("bob", "systemctl", "--user", "mask", "--now", "aes67-sink") // as one does who wants none
			m.apt(deb)
			m.root("apt", "install", "avahi-daemon")
			if c.sound == "pipewire" {
				m.mustAs("alice", "systemctl", "--user", "start", "pipewire-pulse")
			}
			m.active("alice", 20*time.Second)
			m.sending(40 * time.Second)
			if !strings.Contains(m.mustAs("alice", "pactl", "list", "sinks"), "AES67 Speakers") {
				t.Error("pactl shows no AES67 Speakers")
			}
			if c.sound == "pipewire" && !strings.Contains(m.mustAs("alice", "wpctl", "status"), "AES67 Speakers") {
				t.Error("wpctl shows no AES67 Speakers")
			}
			if got := m.unit("bob", "ActiveState"); got != "inactive" {
				t.Errorf("bob has masked the unit, and it is %s", got)
			}
			eventually(t, 5*time.Second, "the unit's status says that it sends", func() bool {
				return strings.HasPrefix(m.unit("alice", "StatusText"), "sending")
			})
			m.hasNoPrivilege("alice")
			m.reaches("alice", 10*time.Second, "the sender has SCHED_RR 20 by RealtimeKit", func(r report) bool {
				return r.Sender.Policy == "SCHED_RR" && r.Sender.Priority == 20 && r.Sender.By == "RealtimeKit"
			})
			if version := m.mustAs("alice", "aes67-sink", "version"); !strings.Contains(version, versionOf(deb)) {
				t.Errorf("the program says %q, the package is %s", version, versionOf(deb))
			}

			m.mustAs("alice", "pactl", "set-sink-volume", "aes67", "100%")
			player := start(t, "paplay", m.env, script("machine.sh"), "as", m.dir, "alice", "paplay", "--device=aes67", m.put(makeTones(t, 40*time.Second)))
			for i, description := range m.descriptions("alice") {
				l := listen(t, w, description, nil, 0)
				eventually(t, 15*time.Second, sides[i].name+" is heard", func() bool {
					levels := l.TakeLevels()
					return len(levels) > 0 && levels[0].PeakDBFS > toneDBFS-0.5
				})
			}
			player.stop()
			t.Logf("systemd-analyze --user security: %s", lastLine(m.mustAs("alice", "systemd-analyze", "--user", "--no-pager", "security", "aes67-sink.service")))
		})
	}
}

func lastLine(text string) string { return tail(text, 1) }

// versionOf reads a package file's name.
func versionOf(deb string) string { return strings.Split(filepath.Base(deb), "_")[1] }

// hasNoPrivilege reads what the kernel says of a user's running bridge.
func (m *machine) hasNoPrivilege(user string) {
	m.t.Helper()
	pid := m.unit(user, "MainPID")
	caps := regexp.MustCompile(`(?m)^(Cap(?:Inh|Prm|Eff|Amb)):\t(\w+)$`).FindAllStringSubmatch(m.root("sh", "-c", `cat /proc/"$0"/task/*/status`, pid), -1)
	if len(caps) < 4*4 {
		m.t.Errorf("%d lines of capabilities", len(caps))
	}
	for _, c := range caps {
		if n, err := strconv.ParseUint(c[2], 16, 64); err != nil || n != 0 {
			m.t.Errorf("%s is %s, want none", c[1], c[2])
		}
	}
	if !strings.Contains(m.root("cat", "/proc/"+pid+"/status"), "NoNewPrivs:\t1") {
		m.t.Error("no_new_privs is not set")
	}
}

// TestPackageReboot reboots, logs out and in, and lets a second user come: the
// bridge is there without a hand laid on, and of two users one owns the network.
func TestPackageReboot(t *testing.T) {
	_, deb := packages(t)
	w := newWire(t)
	startPTP4L(t, w, speaker)
	m := bootMachine(t, w, "bookworm", "pipewire", true)
	m.mustAs("bob", "systemctl", "--user", "mask", "aes67-sink.service")
	m.apt(deb)
	m.sending(60 * time.Second)

	mustOutput(t, m.env, script("machine.sh"), "off", m.dir)
	m.up()
	m.active("alice", 20*time.Second)
	m.sending(60 * time.Second)
	m.hasNoPrivilege("alice")

	m.root("systemctl", "stop", "user@1000.service") // logs alice out
	m.root("systemctl", "start", "user@1000.service")
	m.active("alice", 20*time.Second)
	m.sending(60 * time.Second)

	m.mustAs("alice", "aes67-sink", "off")
	m.root("systemctl", "stop", "user@1000.service")
	m.root("systemctl", "start", "user@1000.service")
	if out, err := m.as("alice", "aes67-sink", "status", "--check"); err == nil || !strings.Contains(out, "start it with aes67-sink on") {
		t.Errorf("alice has switched it off and logged in again: %v: %s", err, out)
	}
	m.mustAs("alice", "aes67-sink", "on")
	m.sending(60 * time.Second)
	m.mustAs("alice", "systemctl", "--user", "reload", "aes67-sink")
	if log := m.mustAs("alice", "journalctl", "--user", "-u", "aes67-sink", "-e", "--no-pager"); !strings.Contains(log, "configuration read anew") {
		t.Errorf("after a reload the log is:\n%s", log)
	}
	m.mustAs("alice", "sh", "-c", "rm -r ~/.local/state/aes67-sink && pactl set-sink-volume aes67 30%")
	eventually(t, 10*time.Second, "the bridge cannot write into the home directory", func() bool {
		return strings.Contains(m.root("journalctl", "--no-pager", "--output=json", "_UID=1000", "_COMM=aes67-sink"), ".local/state/aes67-sink: permission denied")
	})

	m.mustAs("bob", "aes67-sink", "on") // it was masked
	eventually(t, 10*time.Second, "bob is told who owns the network", func() bool {
		return strings.Contains(m.unit("bob", "StatusText"), "the aes67-sink of user alice (pid ")
	})
	m.sending(5 * time.Second)
	told := 0
	journal := m.root("journalctl", "--no-pager", "--output=json", "_UID=1001", "_COMM=aes67-sink")
	for line := range strings.Lines(journal) {
		if strings.Contains(line, "owns the network side") {
			told++
		}
	}
	if told == 0 || told > 3 { // with each state of the start, no more
		t.Errorf("bob's journal says %d times that the network is taken, want once a state:\n%s", told, journal)
	}
	m.root("systemctl", "stop", "user@1000.service")
	m.reaches("bob", 40*time.Second, "bob's bridge takes over when alice is gone", func(r report) bool { return r.State == "sending" })

	m.root("dpkg-statoverride", "--update", "--add", "root", "audio", "750", "/usr/bin/aes67-sink")
	m.root("dpkg-reconfigure", "aes67-sink")
	if got := m.root("stat", "-c", "%U %G %a", "/usr/bin/aes67-sink"); strings.TrimSpace(got) != "root audio 750" {
		t.Errorf("the program belongs to %s, want to one group", got)
	}
	if got := m.root("/usr/sbin/getcap", "/usr/bin/aes67-sink"); !strings.Contains(got, "cap_net_bind_service") {
		t.Errorf("after that it has the capabilities %q", got)
	}
}

// longestChange is how long nothing may be sent while one run follows the other.
const longestChange = 500 * time.Millisecond

// TestPackageUpgrade upgrades under the music, and purges: the gap is short, the
// sink with its player and its volume stay, and nothing is left.
func TestPackageUpgrade(t *testing.T) {
	for _, c := range []struct{ suite, sound string }{{"trixie", "pipewire"}, {"bookworm", "pulseaudio"}} {
		t.Run(c.suite+" "+c.sound, func(t *testing.T) { upgrade(t, c.suite, c.sound) })
	}
}

func upgrade(t *testing.T, suite, sound string) {
	old, latest := packages(t)
	w := newWire(t)
	startPTP4L(t, w, speaker)
	m := bootMachine(t, w, suite, sound, false)
	m.mustAs("bob", "systemctl", "--user", "mask", "aes67-sink.service")
	before := m.files()
	m.apt(old)
	m.sending(60 * time.Second)
	for i, db := range []float64{-30, -20, -18.1} { // in steps: a jump would not be remembered
		m.mustAs("alice", "pactl", "set-sink-volume", "aes67", []string{"+10dB", "+10dB", "50%"}[i])
		m.reaches("alice", 10*time.Second, "the volume is set", func(r report) bool {
			return r.Sink.VolumeDB != nil && math.Abs(*r.Sink.VolumeDB-db) < 0.1
		})
	}

	player := start(t, "paplay", m.env, script("machine.sh"), "as", m.dir, "alice", "paplay", "--device=aes67", m.put(makeTones(t, 4*time.Minute)))
	sink := m.sinkOf("alice")
	for _, deb := range []string{latest, old, latest} { // up, down, up
		description := must(os.ReadFile(m.descriptions("alice")[0]))
		l := listen(t, w, m.descriptions("alice")[0], nil, 0)
		l.lasts(t, time.Second)
		pid := m.unit("alice", "MainPID")
		from := rtthread.Now()
		m.apt(deb)
		eventually(t, 20*time.Second, "the new one runs", func() bool {
			now := m.unit("alice", "MainPID")
			return now != pid && now != "0" && now != "" && m.unit("alice", "ActiveState") == "active"
		})
		r := m.sending(40 * time.Second)
		eventually(t, 15*time.Second, "the listener hears it again", func() bool { return l.Report(0).SSRCChanges > 0 })
		gap, at := l.longestGap(from)
		stood := watch.stood(at, gap)
		if name := "gap of a change to " + kindOf(deb); gap > longestChange && gap-stood <= longestChange {
			figures.not(t, name, fmt.Sprintf("%v, and the machine stood still for %v of it", gap, stood))
		} else {
			figures.atMost(t, name, gap.Seconds(), longestChange.Seconds(), "s")
		}
		if r.Sink.VolumeDB == nil || *r.Sink.VolumeDB < -18.2 || *r.Sink.VolumeDB > -17.9 {
			t.Errorf("after %s the volume is %v, want -18.1 dB", kindOf(deb), r.Sink.VolumeDB)
		}
		if now := must(os.ReadFile(m.descriptions("alice")[0])); groupOf(now) != groupOf(description) {
			t.Errorf("the group changed from %s to %s", groupOf(description), groupOf(now))
		}
		m.hasNoPrivilege("alice")
		if now := m.sinkOf("alice"); now != sink || player.ended() {
			t.Errorf("after %s the sink is %s, before it was %s; the player has ended: %v", kindOf(deb), now, sink, player.ended())
		}
	}
	m.reaches("alice", 10*time.Second, "what plays is heard", func(r report) bool {
		return len(r.Streams) == 2 && r.Streams[0].PeakDBFS != nil && *r.Streams[0].PeakDBFS > -40
	})
	// Where the next run cannot begin no sink is left to swallow the sound.
	m.root("sh", "-c", "echo '[sink' >>/etc/aes67-sink/config.toml")
	_, _ = m.as("alice", "systemctl", "--user", "restart", "aes67-sink")
	gone := func() bool { // so says a server that answers
		sinks, err := m.as("alice", "pactl", "list", "short", "sinks")
		return err == nil && !strings.Contains(sinks, "aes67")
	}
	eventually(t, 10*time.Second, "with a wrong configuration the sink is gone", gone)
	pass(2 * time.Second)
	if !gone() {
		t.Error("with a wrong configuration the sink is gone, and there again")
	}
	m.root("sed", "-i", "$ d", "/etc/aes67-sink/config.toml")
	m.mustAs("alice", "systemctl", "--user", "start", "aes67-sink")
	m.sending(40 * time.Second)
	player.stop()

	m.root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "remove", "--yes", "--quiet", "aes67-sink")
	eventually(t, 10*time.Second, "the sink is gone", gone)
	m.root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "purge", "--yes", "--quiet", "aes67-sink")
	after := m.files()
	for _, path := range after {
		if !slices.Contains(before, path) {
			t.Errorf("left after purge: %s", path)
		}
	}
	for _, path := range before {
		if !slices.Contains(after, path) {
			t.Errorf("gone after purge: %s", path)
		}
	}
	m.mustAs("alice", "sh", "-c", "rm -r ~/.local/state/aes67-sink")
}

// sinkOf is the sink's number in a user's sound server, "" while there is none.
func (m *machine) sinkOf(user string) string {
	out, _ := m.as(user, "pactl", "list", "short", "sinks")
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "aes67" {
			return f[0]
		}
	}
	return ""
}

func kindOf(deb string) string {
	if versionOf(deb) == oldVersion {
		return "the old package"
	}
	return "the new package"
}

func groupOf(description []byte) string {
	return regexp.MustCompile(`c=IN IP4 (\S+)`).FindString(string(description))
}

// mustOutputFor is mustOutput for what takes longer than a minute.
func mustOutputFor(t testing.TB, within time.Duration, env []string, command ...string) string {
	t.Helper()
	dir := tempDir(t, "out")
	path := filepath.Join(dir, "stdout")
	p := start(t, filepath.Base(command[0]), env, append([]string{"sh", "-c", `exec "$@" >"$0"`, path}, command...)...)
	if err := p.wait(within); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(command, " "), err, tail(p.output.String(), 20))
	}
	return string(must(os.ReadFile(path)))
}
