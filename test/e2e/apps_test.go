package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// TestApps plays with every program that docs/programs.md has a recipe for, as it says
// there, through each sound server, and judges the two streams on the wire beside what
// the sink's monitor has: sides, pitch, level, gaps and steps, the first sound, pause,
// seek and the next file, and being moved to the sink and away.
//
// APPS chooses by server and program (a regular expression, "PipeWire 1.4.2/mpv").
// APPS_UPDATE=1 writes what was seen into docs/programs.md, with which it is compared
// otherwise.
func TestApps(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	t.Cleanup(func() { appRows.compare(t) })
	for _, place := range appPlaces {
		if place.tree && !everyApp {
			continue
		}
		t.Run(place.String(), func(t *testing.T) {
			if !everyApp { // else how soon there is sound is measured
				t.Parallel()
			}
			r := openAppRoom(t, place)
			if everyApp {
				r.begin()
				r.each(t, "first sound of ", func(*app) bool { return true }, (*appRoom).judgeFirst)
				r.bridge.end()
			}
			if everyApp && slices.ContainsFunc(apps, func(a app) bool { return a.chosen(r) && r.told(&a) }) {
				r.begin()
				r.server.lengthenCycles()
				r.each(t, "", r.told, (*appRoom).judge)
				r.bridge.end()
			}
			r.long = true
			r.begin("--set", inHand)
			if r.kind == "pipewire" {
				r.server.lengthenCycles()
			}
			r.each(t, "", func(a *app) bool { return !everyApp || !r.told(a) }, (*appRoom).judge)
			if everyApp && onlyApps.MatchString(r.name+"/two at once") {
				t.Run("two at once", func(t *testing.T) { r.within(t).judgeTwo() })
			}
		})
	}
}

// told reports whether a program that leaves out what it is late for is told, by its
// server, how long the judges' buffer is: with that it leaves out most. It is judged with
// a desk's.
func (r *appRoom) told(a *app) bool { return a.leavesOut && strings.HasPrefix(r.name, "PipeWire 1.") }

// each runs a test for each program that is chosen and that which says yes to.
func (r *appRoom) each(t *testing.T, name string, which func(*app) bool, test func(*appRoom, *app)) {
	for i := range apps {
		if a := &apps[i]; a.chosen(r) && which(a) {
			t.Run(name+a.name, func(t *testing.T) { test(r.within(t), a) })
		}
	}
}

// everyApp is the whole suite, and onlyApps what is chosen of it.
var (
	everyApp = os.Getenv("APPS") != ""
	onlyApps = regexp.MustCompile(os.Getenv("APPS"))
)

func (a *app) chosen(r *appRoom) bool {
	if !everyApp {
		return a.short == r.kind
	}
	return onlyApps.MatchString(r.name + "/" + a.name)
}

// appPlace is where a sound server is of.
type appPlace struct {
	kind string
	tree bool // Debian 13's; else this computer's
}

var appPlaces = []appPlace{{"pipewire", false}, {"pulseaudio", false}, {"pipewire", true}, {"pulseaudio", true}}

func (p appPlace) String() string {
	if p.tree {
		return p.kind + " of Debian 13"
	}
	return p.kind
}

// appRoom is a bridge with a sound server that programs play to.
type appRoom struct {
	t            testing.TB
	kind, name   string // of the server: its name and version
	server       *server
	wire         wire
	bridge       *bridge
	descriptions [2]string
	files        string // the directory of what is played
	recipe       recipe
	long         bool                 // the bridge has a buffer for judging, longer than any desk's
	leavesOut    bool                 // the program does what it is late for
	firsts       map[string][]outcome // of each program
	own          [2]listener
	monitor      *sidesTap
}

// otherSink is another sink, the default one: what plays to ours was told to.
const otherSink = "elsewhere"

func openAppRoom(t testing.TB, p appPlace) *appRoom {
	t.Helper()
	w, s := newWire(t), newServer(t, p.kind)
	if p.tree {
		s.env = append(s.env, "LAB_CHROOT="+trixieTree(t))
	}
	s.do("start", p.kind)
	r := &appRoom{t: t, kind: p.kind, server: s, wire: w, files: tempDir(t, "apps"), firsts: map[string][]outcome{}}
	r.name = s.version()
	if everyApp && !onlyApps.MatchString(r.name+"/") && !slices.ContainsFunc(apps, func(a app) bool { return a.chosen(r) }) {
		t.Skipf("nothing is chosen of %s", r.name)
	}
	must(0, os.Chmod(r.files, 0o755))
	s.pactl("load-module", "module-null-sink", "sink_name="+otherSink)
	eventually(t, 10*time.Second, "the other sink is the default", func() bool { // WirePlumber may come later
		_, err := output(s.env, "pactl", "set-default-sink", otherSink)
		return err == nil
	})
	return r
}

// begin starts a bridge, as grandmaster, with its volume at 100 %.
func (r *appRoom) begin(arguments ...string) {
	r.t.Helper()
	r.bridge = startBridge(r.t, r.wire, r.server, append([]string{"--set", "network.interface=eth0", "--set", "clock.mode=grandmaster"}, arguments...)...)
	known := r.bridge.reaches(15*time.Second, "the sink is there with a volume", func(s report) bool { return s.Sink.VolumeDB != nil })
	if *known.Sink.VolumeDB < -1 {
		r.bridge.loud(15 * time.Second)
	}
	r.server.realtime()
	r.bridge.sends(silenceOfMasters)
	r.server.pactl("set-default-sink", otherSink)
	r.descriptions = r.bridge.descriptions()
}

// version is a server's name and version, by pactl.
func (s *server) version() string {
	s.t.Helper()
	var name, version string
	for line := range strings.Lines(s.pactl("info")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Server Name":
			name = value
		case "Server Version":
			version = value
		}
	}
	if _, on, ok := strings.Cut(name, "(on "); ok {
		return strings.TrimSuffix(on, ")")
	}
	version, _, _ = strings.Cut(version, "-")
	return "PulseAudio " + version
}

// within returns the room as a test of it sees it, with listeners of its own.
func (r *appRoom) within(t testing.TB) *appRoom {
	t.Helper()
	mine, s := *r, *r.server
	s.t = t
	mine.t, mine.server = t, &s
	for i, description := range r.descriptions {
		mine.own[i] = listen(t, r.wire, description, nil, 3*time.Minute)
	}
	mine.monitor = tapSides(t, &s)
	mine.own[0].lasts(t, 200*time.Millisecond)
	mine.own[1].lasts(t, 200*time.Millisecond)
	return &mine
}

// firstTries is how often a program begins, to see how soon there is sound.
const firstTries = 3

// judgeFirst lets a program begin, with the buffer that the bridge has by itself.
func (r *appRoom) judgeFirst(a *app) {
	r.t.Helper()
	if a.only != "" && a.only != r.kind {
		return
	}
	need(r.t, a.needs...)
	r.recipe = recipeOf(r.t, a.name)
	r.server.install(r.recipe)
	var in remote
	if a.served {
		in = a.hold(r, a)
		defer in.process.stop()
	}
	c := clip{48000, 16, 2, 500 * time.Millisecond, 0}
	file := c.write(r.t, r.files)
	for range firstTries {
		out := outcome{leftFirst: a.tones}
		at := rtthread.Now()
		silence := in.pause
		if a.served {
			in.load(file)
			at = in.play()
		} else {
			silence = r.run(a, 0, file).stop
		}
		soon(3*time.Second, r.sounding)
		wire, monitor := r.heardSince(at)
		if out.begins(at, wire, monitor) {
			r.firsts[a.name] = append(r.firsts[a.name], out)
		}
		silence()
		pass(200 * time.Millisecond)
		r.sounding()
	}
}

// judge plays all that a program shall play and fills its row of the table.
func (r *appRoom) judge(a *app) {
	r.t.Helper()
	row := appRow{program: a.name, server: r.name}
	if a.only != "" && a.only != r.kind {
		row.cannot(a.why("server", r.kind))
		appRows.add(row)
		return
	}
	need(r.t, a.needs...)
	r.recipe = recipeOf(r.t, a.name)
	r.server.install(r.recipe)
	var held *remote
	hold := func() remote {
		if held == nil {
			in := a.hold(r, a)
			held = &in
		}
		return *held
	}
	length := 900 * time.Millisecond
	if r.leavesOut = a.leavesOut; r.leavesOut {
		length = 3 * time.Second
	}
	for _, c := range clips(length) {
		if !everyApp && (c.channels != 2 || c.rate == 48000) {
			continue
		}
		if a.tones && c.channels != 2 {
			continue
		}
		column, what := c.column()
		out := r.again(a.why(what, r.kind) != "" || a.why(column, r.kind) != "", func() outcome {
			switch {
			case a.tones:
				return r.playTones(a, c)
			case a.served:
				return r.playHeld(hold(), c)
			}
			return r.playFile(a, c)
		})
		row.clip(r.t, a, r.kind, c, out)
	}
	if everyApp {
		row.first(r.t, a, r.kind, r.firsts[a.name])
		if a.hold != nil {
			row.cell(r.t, a, r.kind, "Pause, seek, next", r.again(false, func() outcome { return r.transport(hold()) }))
		} else {
			row.put("Pause, seek, next", "–")
		}
		switch {
		case a.tones: // it hands its sound over at once, and a stream that drains is moved late if at all
			row.put("Moved", "–")
		case a.served:
			row.cell(r.t, a, r.kind, "Moved", r.again(false, func() outcome { return r.moveHeld(hold()) }))
		default:
			row.cell(r.t, a, r.kind, "Moved", r.again(false, func() outcome { return r.moveFile(a) }))
		}
		appRows.add(row)
	}
	if held != nil {
		held.process.stop()
	}
	r.t.Logf("| %s |", strings.Join(append([]string{row.program, row.server}, row.cells...), " | "))
}

// again takes anew what the machine spoilt, but for what is known to fail and what is wrong
// whatever it did.
func (r *appRoom) again(known bool, try func() outcome) (out outcome) {
	tries := mostTries
	if everyApp {
		tries = 5 // short, and the machine may be busy
	}
	for n := range tries {
		soon(5*time.Second, func() bool { // what a try before has left in the buffers is over
			r.sounding()
			pass(300 * time.Millisecond)
			return !r.sounding()
		})
		from, before := rtthread.Now(), r.bridge.sends(5*time.Second)
		if out = try(); len(out.faults) == 0 {
			return out
		}
		now, after := rtthread.Now(), r.bridge.sends(5*time.Second)
		stood := watch.stood(now, now.Sub(from))
		r.t.Logf("try %d: %s (the machine stood still for %v; %d underruns, %d server jumps, first sound after %v, %v behind the monitor)", n+1, strings.Join(out.faults, "; "), stood,
			after.Drift.Underruns-before.Drift.Underruns, after.Drift.ServerJumps-before.Drift.ServerJumps, out.first, out.ours)
		if known || out.wrong || stood <= standstill && watch.waited(from, now) <= standstill {
			return out
		}
	}
	out.spoilt = true
	return out
}
