package e2e

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

const (
	// backWithin is how soon after the server's first sound it must be on the wire.
	backWithin = 300 * time.Millisecond
	// watched is how long the wire is looked at after a standstill.
	watched = 2500 * time.Millisecond
	// soundingPeak is half of the tones' amplitude; blockFrames, 10 ms, hold ten
	// periods of the left one.
	soundingPeak = 0.25
	blockFrames  = 480
	// clickLevel is the least step that counts, full scale 1: -70 dBFS.
	clickLevel = 3.2e-4
	// forgetting is by how much the buffer may have grown after the server was
	// away, in ms: that is no lateness to learn from.
	forgetting = 6
)

// hold is something that is made to stand still.
type hold struct {
	what   string
	length time.Duration
	long   bool // for the full form only
}

// holds lists what is held of a server of a kind, each for a while.
func holds(kind string) (all []hold) {
	parts := map[string][]string{
		"pipewire":   {"pipewire", "pipewire-pulse", "pipewire and pipewire-pulse", "pipewire-pulse's main thread", "the bridge", "the sink, suspended"},
		"pulseaudio": {"pulseaudio", "its main thread", "its null sink's thread", "the bridge", "the sink, suspended"},
	}[kind]
	const tenth = 100 * time.Millisecond
	short := map[string][]time.Duration{
		"pipewire": {20 * tenth}, "pipewire-pulse's main thread": {13 * tenth, 20 * tenth},
		"pulseaudio": {20 * tenth}, "its main thread": {13 * tenth}, "its null sink's thread": {5 * tenth},
		"the bridge": {5 * tenth}, "the sink, suspended": {5 * tenth},
	}
	for _, part := range parts {
		for _, length := range []time.Duration{tenth, 5 * tenth, 13 * tenth, 20 * tenth, 50 * tenth} {
			all = append(all, hold{part, length, !slices.Contains(short[part], length)})
		}
	}
	return all
}

// TestStandstill lets parts of the desktop, or the bridge, stand still under a
// tone, each as a whole or one thread of it: the sound is back at once when they
// go on, as it was.
func TestStandstill(t *testing.T) {
	shared(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // the desktops beside one another
			var desk *desk
			defer func() { desk.close(t) }()
			for _, h := range holds(kind) {
				if h.long && !full {
					continue
				}
				t.Run(fmt.Sprintf("%s for %v", h.what, h.length), func(t *testing.T) {
					measured(t, func(t *attempt) {
						defer func() {
							if t.Failed() || desk != nil && desk.life.Failed() { // the next one finds all in order
								desk.close(t)
								desk = nil
							}
						}()
						if desk == nil {
							desk = newDesk(t, kind, 0)
						}
						desk.standStill(t, h)
					})
				})
			}
		})
	}
	t.Run("cycles", func(t *testing.T) {
		t.Parallel()
		cycles(t)
	})
}

// deafened is what the bridge says of a PipeWire that has taken the links off a
// sink that was suspended (pulse/deaf.go).
const deafened = "gives zeros for what is played"

// outlasts is a buffer that outlasts the shorter standstills of a virtual machine.
const outlasts = "sink.latency=60ms"

// cycles sets PipeWire's graph cycle, before the bridge starts and while it
// plays: with the automatic latency it learns within 5 s what that needs.
func cycles(t *testing.T) {
	changes := [][2]int{{2048, 256}} // first and then
	if full {
		changes = [][2]int{{128, 2048}, {256, 1024}, {1024, 128}, {2048, 256}}
	}
	for _, c := range changes {
		t.Run(fmt.Sprintf("%d then %d frames", c[0], c[1]), func(t *testing.T) {
			measured(t, func(t *attempt) {
				desk := newDesk(t, "pipewire", c[0])
				defer desk.close(t)
				desk.keepsUp(t, c[0])
				desk.server.forceQuantum(c[1])
				desk.keepsUp(t, c[1])
			})
		})
	}
}

// desk is a desktop that plays the tones, with a bridge, a receiver and an
// independent recorder of the same monitor.
type desk struct {
	life     *attempt // whose cleanups end it
	server   *server
	bridge   *bridge
	listener listener
	tap      *tap
}

// newDesk starts one and waits until it plays; quantum is PipeWire's cycle in
// frames, 0 its own choice.
func newDesk(t *attempt, kind string, quantum int) *desk {
	t.Helper()
	need(t, "parec", "paplay", "chrt")
	d := &desk{life: &attempt{TB: t.TB}}
	started := false
	defer func() {
		if !started {
			d.close(t)
		}
	}()
	w := newWire(d.life)
	startGrandmaster(d.life, w, 0)
	d.server = startServer(d.life, kind)
	if quantum > 0 {
		d.server.forceQuantum(quantum)
	}
	args := []string{"--set", "network.interface=eth0"}
	if quantum == 0 && !full { // what is held is judged, not what the machine does meanwhile
		args = append(args, "--set", outlasts)
	}
	d.bridge = startBridge(d.life, w, d.server, args...)
	d.bridge.loud(15 * time.Second)
	d.server.realtime()
	d.bridge.follows(40 * time.Second)
	d.server.play(makeTones(d.life, window(5*time.Minute, 10*time.Minute)))
	d.tap = tapMonitor(d.life, d.server)
	d.listener = listen(d.life, w, d.bridge.descriptions()[0], nil, 10*time.Minute)
	d.listener.lasts(d.life, 100*time.Millisecond)
	if quantum == 0 { // else it is to be judged whether it plays
		d.sounding(d.life)
	}
	started = true
	return d
}

// close ends all of it; what failed of it is the test's. It may be nil.
func (d *desk) close(t testing.TB) {
	if d == nil {
		return
	}
	ended := d.life
	d.life = &attempt{TB: ended.TB}
	ended.cleanUp()
	ended.deliver(t)
}

// sounding waits until the last half second was sound throughout.
func (d *desk) sounding(t testing.TB) {
	t.Helper()
	eventually(t, 15*time.Second, "the tone is on the wire", func() bool {
		x := d.listener.tail(rtthread.Now().Add(-500 * time.Millisecond)).x
		return len(x) > 19000 && silentUntil(x, nil) == 0
	})
}

// silentUntil is the frame behind the last block without sound; 0: there is none.
// Blocks that are spoilt do not count.
func silentUntil(x []float64, spoilt func(from, to int) bool) (until int) {
	for at := 0; at+blockFrames <= len(x); at += blockFrames {
		if lab.Peak(x[at:at+blockFrames]) < soundingPeak && (spoilt == nil || !spoilt(at, at+blockFrames)) {
			until = at + blockFrames
		}
	}
	return until
}

// steps finds the clicks in a tone, but for what is spoilt.
func steps(x []float64, spoilt func(from, to int) bool) (found []lab.Defect) {
	for _, d := range lab.FindDefects(x, 48000, leftHz) {
		if d.Size > clickLevel && (spoilt == nil || !spoilt(d.Frame, d.Frame)) {
			found = append(found, d)
		}
	}
	return found
}

// spoilt tells of frames whether a standstill of the machine may be heard in them.
func (h heard) spoilt(e excuse) func(from, to int) bool {
	return func(from, to int) bool { return watch.spoilt(h.at(from), h.at(to), e) }
}

// ofDesk is what may explain a break in what a desk sends: what broke off comes
// back within backWithin.
func ofDesk() excuse { return ofSound(backWithin) }

// standStill holds a part, lets it go on and judges what follows, but for what a
// standstill of the machine spoilt meanwhile.
func (d *desk) standStill(t *attempt, h hold) {
	t.Helper()
	d.sounding(t)
	t.certain = true
	before := d.bridge.sends(5 * time.Second)
	from := rtthread.Now()
	release := d.stop(t, h.what)
	pass(h.length)
	release()
	letGo := rtthread.Now()
	pass(watched)
	d.listener.catchesUp(letGo.Add(watched))

	wire := d.listener.tail(letGo)
	if len(wire.arrivals) == 0 {
		t.Fatalf("no packet comes within %v: state %q", watched, d.state())
	}
	x := wire.x
	silent := silentUntil(x, wire.spoilt(ofDesk()))
	delivered, ok := d.tap.sounds(letGo)
	switch {
	case ok:
	case len(x)-silent >= blockFrames: // another recording than the bridge's gets none
		delivered = letGo
	case strings.Contains(d.state(), deafened):
		t.Skipf("the server gives no sound to any recording, and the bridge says so: %s", d.state())
	default:
		t.Fatalf("the server itself gives no sound within %v, and nobody says so: %s", watched, d.state())
	}
	back := wire.arrivals[0].At.Sub(letGo) + time.Duration(float64(silent)/48000*1e9) - max(0, delivered.Sub(letGo))
	if len(x)-silent < blockFrames {
		t.Fatalf("no sound on the wire %v after the server's first: state %q", watched-delivered.Sub(letGo), d.state())
	}
	figures.atMost(t, "sound back after the server's first", back.Seconds(), backWithin.Seconds(), "s")
	if h.what != "the bridge" && h.what != "the sink, suspended" { // the stream goes on without the server
		d.listener.judgeGap(t, from)
	}
	// The server's own steps are those of the programs and of its standstill.
	since := from
	if h.what == "the bridge" { // who is stopped breaks off as it is
		since = letGo
	}
	heard := d.listener.tail(since)
	ours, theirs := steps(heard.x, heard.spoilt(ofDesk())), steps(d.tap.since(from), nil)
	figures.atMost(t, "steps beyond the server's own", float64(max(0, len(ours)-len(theirs))), 0, "")
	if len(ours) > len(theirs) {
		t.Logf("steps, let go at frame %d: %+v; the server's %+v", int(letGo.Sub(since).Seconds()*48000), ours, theirs)
	}
	// The last of it, but for what a standstill of the machine broke off.
	wire = wire.part(max(silent, len(x)-24000), len(x))
	stretches, _ := wire.around(wire.breaks(leftHz))
	if len(stretches) == 0 && wire.spoilt(ofDesk())(0, len(wire.x)-1) {
		figures.not(t, "level and pitch", fmt.Sprintf("the machine left no %v without a break", leastStretch))
	} else {
		gross := figures.never
		if len(stretches) == 0 { // no standstill explains that
			gross = figures.atMost
			stretches = []lab.Run{{Frame: 0, Length: len(wire.x)}}
		}
		last := stretches[len(stretches)-1]
		tone := lab.FitSine(wire.x[last.Frame:last.Frame+last.Length], 48000, leftHz)
		level := math.Abs(lab.DBFS(tone.Amplitude) - toneDBFS)
		figures.atMost(t, "level error", level, 0.1, "dB")
		gross(t, "level error, gross", level, 1, "dB")
		gross(t, "pitch error", 1e6*math.Abs(tone.Hz/leftHz-1), grossPitch, "ppm")
	}

	for tries := 0; ; tries++ { // until there is a second in which the machine goes on
		second := rtthread.Now()
		r := d.bridge.sends(time.Second)
		pass(time.Second)
		after := d.bridge.sends(time.Second)
		faults := after.Drift.Underruns - r.Drift.Underruns + after.Drift.Overruns - r.Drift.Overruns
		unknown := after.Drift.FillFrames == nil // for a moment after a break
		if (faults > 0 || unknown) && watch.spoilt(second, rtthread.Now(), ofDesk()) {
			if tries < 3 {
				continue
			}
			figures.not(t, "the buffer in the next second", fmt.Sprintf("the machine stood still in each of %d", tries+1))
			return
		}
		d.judgeBuffer(t, h, before, after, faults, rtthread.Now().Sub(from))
		return
	}
}

// judgeBuffer judges the second after a hold, which began so long ago.
func (d *desk) judgeBuffer(t *attempt, h hold, before, after report, faults int, since time.Duration) {
	t.Helper()
	figures.atMost(t, "underruns and overruns in the next second", float64(faults), 0, "")
	if after.Drift.FillFrames == nil || after.Drift.FillTargetFrames == nil || before.Drift.FillTargetFrames == nil {
		t.Fatalf("the fill is not known: %s", after.text)
	}
	// Where the machine stood still when the server was measured, the fill is off by no
	// more than that, and comes back at 100 ppm.
	stood := watch.stood(rtthread.Now(), since)
	off := func(name string, frames float64) {
		if beyond := frames - message[d.kind()]; beyond > 0 && beyond <= 48000*stood.Seconds() {
			figures.not(t, name, fmt.Sprintf("%.0f frames, and the machine stood still for %v", frames, stood))
			return
		}
		figures.atMost(t, name, frames, message[d.kind()], "frames")
	}
	// More than the target is latency; less is a reserve that the server has used up
	// by losing time, which it does not do untold.
	over := *after.Drift.FillFrames - *after.Drift.FillTargetFrames
	off("fill above its target", over)
	if after.Drift.ServerJumps == before.Drift.ServerJumps {
		off("fill below its target", -over)
	}
	if h.length >= 500*time.Millisecond {
		figures.atMost(t, "target grown by", (*after.Drift.FillTargetFrames-*before.Drift.FillTargetFrames)/48, forgetting, "ms")
	}
}

// keepsUp judges ten seconds, five after the cycle was set.
func (d *desk) keepsUp(t *attempt, quantum int) {
	t.Helper()
	pass(5 * time.Second)
	before, err := d.bridge.look()
	from := rtthread.Now()
	pass(10 * time.Second)
	after, err2 := d.bridge.look()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	name := fmt.Sprintf("cycle %d: ", quantum)
	h := d.listener.tail(from)
	breaks := h.breaks(leftHz)
	words, excused := h.unexplained(breaks, ofDesk())
	_, judged := h.around(breaks)
	figures.atMost(t, name+"breaks", float64(len(words)), 0, "")
	if len(words) > 0 {
		t.Logf("%s%s", name, strings.Join(words[:min(5, len(words))], "; "))
	}
	if h.seconds(judged) < 5 && len(words) == 0 {
		figures.not(t, name+"length", fmt.Sprintf("the machine left %.1f of %.1f s", h.seconds(judged), h.seconds(len(h.x))))
	}
	underruns := after.Drift.Underruns - before.Drift.Underruns
	figures.atMost(t, name+"underruns beyond standstills of the machine", float64(max(0, underruns-excused)), 0, "")
	if after.LatencyMS != nil {
		t.Logf("%sbuffer %.1f ms", name, after.LatencyMS.Buffer)
	}
}

func (d *desk) kind() string {
	return strings.TrimSpace(string(must(os.ReadFile(filepath.Join(d.server.dir, "kind")))))
}

// state is what the bridge says of itself.
func (d *desk) state() string {
	r, err := d.bridge.look()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s, problem %q, %d underruns, %d overruns", r.State, r.Problem, r.Drift.Underruns, r.Drift.Overruns)
}

// stop lets a part stand still; what it returns lets it go on.
func (d *desk) stop(t *attempt, what string) (release func()) {
	t.Helper()
	switch what {
	case "pipewire":
		return freeze(t, d.server.pid("pipewire"))
	case "pipewire-pulse", "pulseaudio":
		return freeze(t, d.server.pid("server"))
	case "pipewire and pipewire-pulse":
		return freeze(t, d.server.pid("pipewire"), d.server.pid("server"))
	case "the bridge":
		return freeze(t, d.bridge.cmd.Process.Pid)
	case "pipewire-pulse's main thread", "its main thread":
		return freezeThread(t, d.server.pid("server"))
	case "its null sink's thread":
		return freezeThread(t, d.server.thread("null-sink"))
	case "the sink, suspended":
		d.server.pactl("suspend-sink", "aes67", "1")
		return func() { d.server.pactl("suspend-sink", "aes67", "0") }
	}
	t.Fatalf("%s: no such part", what)
	return nil
}

// pid is the process id of one of the server's programs (sound-server.sh); one that has
// crashed is begun anew at once.
func (s *server) pid(name string) (pid int) {
	s.t.Helper()
	mark := []byte("LAB_PART=" + filepath.Join(s.dir, name) + "\x00")
	eventually(s.t, 5*time.Second, name+" runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.dir, name+".pid"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		return bytes.Contains(environment, mark)
	})
	return pid
}

// thread finds a thread of the server by the beginning of its name.
func (s *server) thread(name string) int {
	s.t.Helper()
	tasks := fmt.Sprintf("/proc/%d/task", s.pid("server"))
	for _, task := range must(os.ReadDir(tasks)) {
		comm, _ := os.ReadFile(filepath.Join(tasks, task.Name(), "comm"))
		if strings.HasPrefix(string(comm), name) {
			return must(strconv.Atoi(task.Name()))
		}
	}
	s.t.Fatalf("the server has no thread %q", name)
	return 0
}

// freeze stops whole processes.
func freeze(t testing.TB, pids ...int) (release func()) {
	t.Helper()
	var held []int // of processes: their numbers may be others' when they go on
	release = func() {
		for _, fd := range held {
			_ = unix.PidfdSendSignal(fd, unix.SIGCONT, nil, 0)
			_ = unix.Close(fd)
		}
		held = nil
	}
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			held = append(held, fd)
			err = unix.PidfdSendSignal(fd, unix.SIGSTOP, nil, 0)
		}
		if err != nil {
			release()
			t.Fatalf("stopping process %d: %v", pid, err)
		}
	}
	return release
}

// freezeThread stops one thread of another process, and none beside it, as its
// debugger (ptrace(2)). A debugger is a thread, so this one is kept.
func freezeThread(t testing.TB, tid int) (release func()) {
	t.Helper()
	stopped, goOn, done := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: with it would go what it holds
		if err := unix.PtraceSeize(tid); err != nil {
			stopped <- err
			return
		}
		err := unix.PtraceInterrupt(tid)
		if err == nil {
			_, err = unix.Wait4(tid, nil, unix.WALL, nil)
		}
		stopped <- err
		<-goOn
		_ = unix.PtraceDetach(tid)
	}()
	if err := <-stopped; err != nil {
		t.Fatalf("stopping thread %d: %v", tid, err)
	}
	return func() { close(goOn); <-done }
}

// pass lets time pass: a standstill has a length, and so has what is judged.
func pass(length time.Duration) { <-time.After(length) }
