package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// pace is the bare loop in C that the bridge is measured beside (test/peers/pace.c).
var pace = filepath.Join(project, "build", "pace")

const (
	// costTimes is the most that the bridge may use, as a multiple of the bare loop.
	costTimes = 2
	// costWindows are so many measurements of each, in turn; the median counts.
	costWindows = 3
	// costRSS is the most that the bridge may keep in memory, MB.
	costRSS = 25
	// costAll is the most that all programs together may use, as a multiple of what
	// they use with PipeWire's own sender in place of the bridge.
	costAll = 1.2
	// costDeviation is what the time between packets may be off, µs, for 99 of 100.
	costDeviation = 100
)

// TestCost measures what the bridge costs while it follows a grandmaster at
// +20 ppm and a tone plays, beside a bare loop that sends the same packets: as
// root, as an ordinary user whom RealtimeKit gives priority (in a whole machine), and
// as one whom it is refused; idle, and with two busy loops.
func TestCost(t *testing.T) {
	if _, err := os.Stat(pace); err != nil || !asked("TestCost") {
		t.Skip("takes minutes: said by 'make bench-cost'")
	}
	for _, who := range []struct {
		name    string
		prepare func(t testing.TB, w wire) costRig
	}{{"root", costAsRoot}, {"RealtimeKit", costByRealtimeKit}, {"refused", costRefused}} {
		t.Run(who.name+" idle", func(t *testing.T) { measureCost(t, who.prepare, 0) })
		t.Run(who.name+" loaded", func(t *testing.T) { measureCost(t, who.prepare, 2) })
	}
	t.Run("beside PipeWire", func(t *testing.T) { measureCostBeside(t) })
}

// measureCostBeside measures what all programs use together, through PipeWire 1.4's own
// sender and through the bridge, in turn; the medians count.
func measureCostBeside(t *testing.T) {
	var theirs, ours []float64
	for range costWindows {
		t.Run("PipeWire", func(t *testing.T) { theirs = append(theirs, costOfAll(t, startPipeWireSender)) })
		t.Run("bridge", func(t *testing.T) { ours = append(ours, costOfAll(t, startBridgeSender)) })
	}
	if t.Failed() {
		return
	}
	if len(theirs) == 0 || len(ours) == 0 {
		t.Skip("one of them could not be measured")
	}
	t.Logf("sound server, session manager, player and sender: PipeWire's %.1f %% of a core %.1f, the bridge %.1f %% %.1f",
		medianOf(theirs), theirs, medianOf(ours), ours)
	figures.atMost(t, "CPU of all programs, of PipeWire's", medianOf(ours)/medianOf(theirs), costAll, "")
}

// costOfAll is what a sender and all that it needs use while a tone plays, in per cent of
// a core.
func costOfAll(t *testing.T, begin func(testing.TB, wire) sender) float64 {
	length := window(10*time.Second, 60*time.Second)
	s := begin(t, newWire(t))
	s.realtime()
	pids := serverPIDs(s.server)
	pids["player"] = s.play(makeTones(t, 2*length+30*time.Second)).cmd.Process.Pid
	if s.bridge != nil {
		s.bridge.playing(10 * time.Second)
		pids["bridge"] = s.bridge.cmd.Process.Pid
	}
	<-time.After(5 * time.Second) // what begins costs more
	before := map[string]time.Duration{}
	for name, pid := range pids {
		before[name] = cpuOf(t, map[string]int{name: pid})
	}
	<-time.After(length)
	all, text := 0.0, ""
	for _, name := range slices.Sorted(maps.Keys(pids)) {
		used := 100 * (cpuOf(t, map[string]int{name: pids[name]}) - before[name]).Seconds() / length.Seconds()
		all, text = all+used, text+fmt.Sprintf(", %s %.2f", name, used)
	}
	t.Logf("in cycles of %s frames: %.2f %% of a core%s", s.quantum(), all, text)
	return all
}

// serverPIDs are the processes of a sound server.
func serverPIDs(s *server) map[string]int {
	pids := map[string]int{}
	for _, name := range serverParts {
		pids[name] = s.pid(name)
	}
	return pids
}

// costRig is a bridge to be measured.
type costRig struct {
	server   *server
	run      []string // the bridge's command
	priority string   // of the bare loop
	by       string   // who must have given the sender its priority; "-": nobody
	put      func(path string) string
	pid      func(b *bridge) int
	counted  bool // what the server's programs use is measured too
}

func here(path string) string { return path }

func ownPID(b *bridge) int { return b.cmd.Process.Pid }

var serverParts = []string{"pipewire", "wireplumber", "server"}

func costAsRoot(t testing.TB, w wire) costRig {
	s := startServer(t, "pipewire")
	return costRig{s, w.in(pc, powerless(program, "run")...), "20", "", here, ownPID, true}
}

// costRefused runs a copy of the program that may open the PTP ports as nobody;
// nothing gives it real-time priority.
func costRefused(t testing.TB, w wire) costRig {
	s := startUnprivileged(t, "pipewire")
	return costRig{s, w.in(pc, capable(t, s.dir, "run")...), "0", "-", here, ownPID, true}
}

// costByRealtimeKit runs it as alice, at the same path in a booted machine.
func costByRealtimeKit(t testing.TB, w wire) costRig {
	need(t, "systemd-nspawn", "debootstrap")
	m := bootMachine(t, w, "bookworm", "pipewire", false)
	inside := filepath.Join("/proc", m.leader(), "root", program)
	must(0, os.MkdirAll(filepath.Dir(inside), 0o755))
	must(0, os.WriteFile(inside, must(os.ReadFile(program)), 0o755))
	m.root("setcap", "cap_net_bind_service+ep", program)
	control := "XDG_RUNTIME_DIR=" + filepath.Join("/proc", m.leader(), "root/run/user/1000") // for us; alice has her own
	s := &server{t: t, dir: m.dir, env: append(m.env, control), as: []string{script("machine.sh"), "as", m.dir, "alice"}}
	space := must(os.Readlink(filepath.Join("/proc", m.leader(), "ns/pid")))
	pid := func(*bridge) int {
		for _, comm := range must(filepath.Glob("/proc/[0-9]*/comm")) {
			name, _ := os.ReadFile(comm)
			theirs, _ := os.Readlink(filepath.Join(filepath.Dir(comm), "ns/pid"))
			if string(name) == "aes67-sink\n" && theirs == space {
				return must(strconv.Atoi(filepath.Base(filepath.Dir(comm))))
			}
		}
		t.Fatal("the bridge is not in the machine")
		return 0
	}
	return costRig{s, s.by(program, "run"), "20", "RealtimeKit", m.put, pid, false}
}

func measureCost(t *testing.T, prepare func(testing.TB, wire) costRig, load int) {
	length := window(6*time.Second, 60*time.Second)
	w := newWire(t)
	rig := prepare(t, w)
	s := rig.server
	startGrandmaster(t, w, 20_000)
	for range load {
		start(t, "busy", nil, "sh", "-c", "while :; do :; done")
	}
	loop := func() paceReport {
		return paced(t, mustOutput(t, nil, w.in(pc, pace, strconv.Itoa(int(length.Seconds())), rig.priority)...), length)
	}

	b := &bridge{start(t, "bridge", s.env, append(rig.run, "--set", "network.interface=eth0")...), s}
	b.loud(20 * time.Second)
	others := map[string]int{}
	if rig.counted {
		s.realtime()
		others = serverPIDs(s)
	}
	b.follows(60 * time.Second)
	player := s.play(rig.put(makeTones(t, 2*(costWindows+1)*length+60*time.Second)))
	b.playing(10 * time.Second)
	others["player"] = player.cmd.Process.Pid
	pid := rig.pid(b)

	var bare paceReport
	var cost, own, times, all, wakes []float64
	for range costWindows {
		bare = loop() // just before, for the machine is not the same for long
		before, beside := threadsOf(t, pid), cpuOf(t, others)
		<-time.After(length)
		after := threadsOf(t, pid)
		cpu, woken := 0.0, 0.0
		for tid, now := range after {
			was := before[tid]
			cpu += (now.cpu - was.cpu).Seconds() / length.Seconds()
			woken += float64(now.wakes-was.wakes) / length.Seconds()
		}
		cost, own, times, wakes = append(cost, bare.cpu), append(own, 100*cpu), append(times, 100*cpu/bare.cpu), append(wakes, woken)
		all = append(all, 100*(cpu+(cpuOf(t, others)-beside).Seconds()/length.Seconds()))
		if len(own) == costWindows {
			t.Log(perThread(before, after, length))
		}
	}
	from := rtthread.Now()
	description := filepath.Join(tempDir(t, "sdp"), "left.sdp")
	must(0, os.WriteFile(description, []byte(mustOutput(t, s.env, s.by(program, "sdp", sides[0].name)...)), 0o644))
	heard := listen(t, w, description, nil, 0)
	heard.lasts(t, length)
	timing, stood := heard.Report(0).Deviation, watch.stood(rtthread.Now(), rtthread.Now().Sub(from))
	last := b.sends(10 * time.Second)
	rss := residentMB(t, pid)

	t.Logf("bare loop: %.2f %% of a core %.1f; late by p99 %.0f, p99.9 %.0f, at most %.0f µs", medianOf(cost), cost, bare.p99, bare.p999, bare.most)
	t.Logf("bridge: %.2f %% of a core %.1f; %.0f wake-ups/s; sender %s %d %s; underruns %d",
		medianOf(own), own, medianOf(wakes), last.Sender.Policy, last.Sender.Priority, last.Sender.By, last.Drift.Underruns)
	if rig.counted {
		t.Logf("with sound server, session manager and player: %.1f %% of a core", medianOf(all))
	}
	t.Logf("time between packets off by p50 %.0f, p99 %.0f, p99.9 %.0f, at most %.0f µs; the machine itself stood still for up to %v",
		timing.P50, timing.P99, timing.P999, timing.Max, stood)
	figures.atMost(t, "CPU, as a multiple of the bare loop", medianOf(times), costTimes, "")
	figures.atMost(t, "RSS", rss, costRSS, "MB")
	if rig.by == "-" {
		return // without priority the pacing is anybody's guess
	}
	if last.Sender.Priority == 0 || last.Sender.By != rig.by {
		t.Errorf("sender %+v, want priority by %q", last.Sender, rig.by)
	}
	const pacing = "time between packets, p99 of the deviation"
	if stood <= standstill {
		figures.atMost(t, pacing, timing.P99, costDeviation, "µs")
	} else {
		figures.not(t, pacing, fmt.Sprintf("the machine stood still for %v", stood))
	}
}

// paceReport is what the bare loop printed: CPU in per cent of a core, wake-ups
// a second, lateness in µs.
type paceReport struct{ cpu, wakes, p50, p99, p999, most float64 }

func paced(t testing.TB, text string, length time.Duration) (r paceReport) {
	t.Helper()
	if _, err := fmt.Sscan(text, &r.cpu, &r.wakes, &r.p50, &r.p99, &r.p999, &r.most); err != nil {
		t.Fatalf("pace: %v: %q", err, text)
	}
	r.cpu *= 100 / length.Seconds()
	r.wakes /= length.Seconds()
	return r
}

// threadUse is what a thread has used since it began.
type threadUse struct {
	cpu    time.Duration
	wakes  uint64 // it gave up its processor to wait
	policy string // as in sched(7), with the priority
}

// threadsOf reads what each thread of a process has used (proc(5)).
func threadsOf(t testing.TB, pid int) map[int]threadUse {
	t.Helper()
	threads := map[int]threadUse{}
	for _, dir := range must(filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))) {
		schedstat, err := os.ReadFile(filepath.Join(dir, "schedstat"))
		status, statusErr := os.ReadFile(filepath.Join(dir, "status"))
		stat, statErr := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil || statusErr != nil || statErr != nil {
			continue // it has ended
		}
		var use threadUse
		_, _ = fmt.Sscan(string(schedstat), &use.cpu)
		use.wakes = uint64(procField(string(status), "voluntary_ctxt_switches:"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 38 { // rt_priority and policy are 40 and 41
			use.policy = map[string]string{"0": "OTHER", "1": "FIFO", "2": "RR"}[fields[38]] + " " + fields[37]
		}
		threads[must(strconv.Atoi(filepath.Base(dir)))] = use
	}
	if len(threads) == 0 {
		t.Fatalf("process %d has ended", pid)
	}
	return threads
}

// cpuOf adds up what processes have used.
func cpuOf(t testing.TB, pids map[string]int) (cpu time.Duration) {
	t.Helper()
	for _, pid := range pids {
		for _, use := range threadsOf(t, pid) {
			cpu += use.cpu
		}
	}
	return cpu
}

// perThread lists the threads that used something, the busiest first.
func perThread(before, after map[int]threadUse, length time.Duration) string {
	type line struct {
		cpu  float64
		text string
	}
	var lines []line
	for tid, now := range after {
		was := before[tid]
		cpu := 100 * (now.cpu - was.cpu).Seconds() / length.Seconds()
		if wakes := float64(now.wakes-was.wakes) / length.Seconds(); wakes >= 1 {
			lines = append(lines, line{cpu, fmt.Sprintf("%8d %-9s %6.2f %% %6.0f wake-ups/s", tid, now.policy, cpu, wakes)})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return int(1e6 * (b.cpu - a.cpu)) })
	text := "threads:"
	for _, l := range lines {
		text += "\n" + l.text
	}
	return text
}

// residentMB reads how much of a process is in memory.
func residentMB(t testing.TB, pid int) float64 {
	t.Helper()
	return procField(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))), "VmRSS:") * 1024 / 1e6
}

// procField finds a number in a file such as /proc/PID/status.
func procField(text, name string) float64 {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), name); found {
			return must(strconv.ParseFloat(strings.Fields(rest)[0], 64))
		}
	}
	return 0
}

func medianOf(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
