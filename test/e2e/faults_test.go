package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/health"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	flight "aes67-sink/recorder"
)

// TestFaults makes one fault after the other, and each time asks a listener's four
// sources: the problem in the status, the page, doctor and why. Each names the fault and
// nothing beside it, its mend mends it, and then none of them tells of it any more.
//
// FAULTS chooses by name (a regular expression). FAULTS_UPDATE=1 writes what was seen
// into docs/faults.md, with which it is compared otherwise.
func TestFaults(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	t.Cleanup(func() { faultRows.compare(t) })
	for _, g := range faultGroups {
		t.Run(g.name, func(t *testing.T) {
			shared(t)
			mine := slices.DeleteFunc(slices.Clone(g.faults), func(f fault) bool { return !chosen(g, f) })
			if len(mine) == 0 {
				t.Skip("none is chosen: see make faults")
			}
			r := openRoom(t, g)
			for i := range mine {
				r.judge(&mine[i])
			}
		})
	}
}

// TestHealthyRun lets a bridge play: nothing tells of anything that is ill.
func TestHealthyRun(t *testing.T) {
	t.Parallel()
	if !full && os.Getenv("FAULTS") == "" {
		t.Skip("takes a machine of its own: say 'make faults'")
	}
	r := openRoom(t, faultGroups[0])
	from := len(r.output.String())
	for end := time.Now().Add(window(30*time.Second, 30*time.Minute)); time.Now().Before(end); pass(5 * time.Second) {
		r.isWell("a healthy run")
		if all := slices.Concat(r.failures, r.doubts); len(all) > 0 {
			t.Fatal(strings.Join(all, "\n"))
		}
	}
	for line := range strings.Lines(r.output.String()[from:]) {
		// What the machine does when it stands still is a warning, too, and judged above.
		var said struct {
			Level, Message string
			Code           health.Code
			Time           time.Time
		}
		if json.Unmarshal([]byte(line), &said) != nil {
			continue
		}
		ill := said.Message == "ill" && !ofTheMachine(said.Code, rtthread.Now().Add(-time.Since(said.Time)))
		if ill || said.Level == "error" {
			t.Errorf("the log of a healthy run: %s", line)
		}
	}
}

// fault is a row of the matrix.
type fault struct {
	name  string
	short bool // in the short form, too
	code  health.Code
	// only is told by doctor alone: the bridge cannot know, or does not run.
	only bool
	// doctor is its own code for it; empty: code.
	doctor health.Code
	// with are other conditions that are ill with it, and no effects of it.
	with []health.Code
	// cause is why's, where what plays is not heard well; empty: it is.
	cause string
	// passing is a cause that why may tell beside, of what comes with the making.
	passing string
	make    func(*room)
	// undo mends it, where its command cannot in the lab; nil: the command does.
	undo  func(*room)
	lasts time.Duration // until it is told; 0: seconds
	fades time.Duration // until it is no longer told; 0: seconds
}

// faultGroup are faults that befall one bridge.
type faultGroup struct {
	name      string
	plays     bool // music, all the time
	sound     string
	as        func(testing.TB) *server // nil: ours
	arguments []string
	faults    []fault
}

var onlyFaults = regexp.MustCompile(os.Getenv("FAULTS"))

func chosen(g faultGroup, f fault) bool {
	if os.Getenv("FAULTS") == "" && !full {
		return f.short
	}
	return onlyFaults.MatchString(g.name + "/" + f.name)
}

// room is a bridge with all that faults are made of.
type room struct {
	*bridge
	t         testing.TB
	desk      *station
	avahi     *avahiAt
	master    *attempt // has the grandmaster
	clock     lab.Oscillator
	group     faultGroup
	player    *process
	seen      []string // incidents
	crashes   int      // of the sound server, before the fault that is judged
	failures  []string // of the fault that is judged
	doubts    []string // likewise, of what a standstill of the machine may bring
	leftovers []func()
}

const (
	toldWithin   = 20 * time.Second // a fault that nothing says more of
	mendedWithin = 30 * time.Second
)

func openRoom(t testing.TB, g faultGroup) *room {
	t.Helper()
	need(t, "paplay", "ip", "curl")
	w := newWire(t)
	r := &room{t: t, master: partOf(t), group: g, avahi: startAvahi(t, w, pc, "faults")}
	t.Cleanup(func() { r.master.cleanUp() })
	must(0, os.Chmod(r.avahi.dir, 0o755))
	var s *server
	switch {
	case g.as != nil:
		s = g.as(t)
	case g.sound != "":
		s = startServer(t, g.sound)
	default:
		s = startServer(t, "pipewire")
	}
	s.env = append(s.env, r.avahi.env(), "USER="+map[bool]string{true: "root", false: "nobody"}[len(s.as) == 0])
	startGrandmasterAs(r.master, w, 0, func(c *lab.GrandmasterConfig) { r.clock = c.Clock })
	r.desk = stationAt(w, s)
	if len(s.as) > 0 {
		r.mayHavePTP(true)
	}
	r.start()
	return r
}

// start starts the bridge, and waits until all is well.
func (r *room) start(arguments ...string) {
	r.t.Helper()
	r.starts(arguments...)
	r.settles()
}

// starts starts the bridge, with its group's arguments and others.
func (r *room) starts(arguments ...string) {
	r.t.Helper()
	always := []string{"--set", "stream.when=always", "--set", "sink.when-offline=keep", "--set", "sink.latency=200ms"}
	r.bridge = r.desk.run(slices.Concat(always, r.group.arguments, arguments)...)
}

// restart has the bridge begin anew with arguments beside those of its group.
func (r *room) restart(arguments ...string) {
	r.t.Helper()
	r.end()
	r.starts(arguments...)
}

// settles waits until the bridge is as it is to be, and what plays is heard.
func (r *room) settles() {
	r.t.Helper()
	r.reaches(90*time.Second, "nothing is ill", func(m report) bool {
		return m.State == "sending" && len(r.unasked(nil, m.Problems)) == 0 && m.Clock.State == "locked" && m.Announce.MDNS == "established"
	})
	if !r.group.plays {
		return
	}
	if m := r.now(); m.Sink.VolumeDB == nil || *m.Sink.VolumeDB < -0.1 {
		if m.Sink.VolumeDB == nil || *m.Sink.VolumeDB > -39.9 {
			r.turn(-40)
		}
		r.loud(15 * time.Second)
		r.desk.realtime()
	}
	if r.player == nil || r.player.ended() {
		// What plays ends with the sound server, and begins again with it.
		r.player = start(r.t, "player", r.desk.env, "sh", "-c", `while kill -0 "$1"; do paplay --device=aes67 "$0" || sleep 0.3; done`, makeTones(r.t, time.Minute), fmt.Sprint(os.Getpid()))
	}
	eventually(r.t, 20*time.Second, "what plays is heard", r.sounds)
	r.incidents()
	pass(betweenFaults)
	r.incidents()
}

// turn sets the sink's volume, in one step.
func (r *room) turn(db float64) {
	r.t.Helper()
	const norm = 65536 // 0 dB, of a cubic scale (pa_sw_volume_from_dB)
	r.desk.pactl("set-sink-volume", "aes67", fmt.Sprint(math.Round(norm*math.Pow(10, db/60))))
	r.reaches(10*time.Second, fmt.Sprintf("the volume is %g dB", db), func(m report) bool {
		return m.Sink.VolumeDB != nil && math.Abs(*m.Sink.VolumeDB-db) < 0.1
	})
}

func (r *room) sounds() bool {
	m, err := r.look()
	return err == nil && len(m.Streams) == 2 && m.Streams[0].PeakDBFS != nil && *m.Streams[0].PeakDBFS > toneDBFS-0.5
}

// unasked takes from findings what the machine itself did.
func (r *room) unasked(f *fault, told []health.Finding) []health.Finding {
	return slices.DeleteFunc(slices.Clone(told), func(one health.Finding) bool {
		if one.Code == "realtime" && r.group.as != nil {
			return true // nobody gives the unprivileged that in the lab, and a busy machine lets packets be late
		}
		return (f == nil || f.code != one.Code) && ofTheMachine(one.Code, rtthread.Now())
	})
}

// ip runs it on the computer.
func (r *room) ip(line string) {
	r.t.Helper()
	mustOutput(r.t, nil, append([]string{"ip", "-n", r.desk.wire.prefix + "-" + pc}, strings.Fields(line)...)...)
}

// here runs a command on the computer.
func (r *room) here(command ...string) {
	r.t.Helper()
	mustOutput(r.t, r.desk.env, r.desk.wire.in(pc, command...)...)
}

// judge makes a fault, asks all four, mends it, and asks again; once more where all that
// was not so are incidents of a machine that stood still meanwhile.
func (r *room) judge(f *fault) {
	r.t.Helper()
	for try := 1; ; try++ {
		from, row := rtthread.Now(), ""
		r.failures, r.doubts, r.crashes = nil, nil, r.desk.crashes()
		row = r.try(f)
		now := rtthread.Now()
		stood := watch.stood(now, now.Sub(from))
		r.t.Logf("%s: %.0f s, in which the machine stood still for %v", f.name, now.Sub(from).Seconds(), stood)
		all := slices.Concat(r.failures, r.doubts)
		if len(all) == 0 {
			faultRows.add(f.name, row)
			return
		}
		if len(r.failures) > 0 || stood < standstill || try == mostTries {
			r.t.Error(strings.Join(all, "\n"))
			return
		}
		r.t.Logf("once more: %s", strings.Join(all, "\n"))
	}
}

// fail notes what is not as it is to be.
func (r *room) fail(format string, values ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, values...))
}

// doubt notes what is not, and may be of a standstill of the machine.
func (r *room) doubt(format string, values ...any) {
	r.doubts = append(r.doubts, fmt.Sprintf(format, values...))
}

// try is judge once; it returns the fault's row.
func (r *room) try(f *fault) (row string) {
	r.t.Helper()
	f.make(r)
	var told health.Finding
	if !f.only {
		told = r.problem(f)
	}
	d := r.diagnosed(f)
	switch {
	case f.only:
		told = d
	case f.code != "status-not-served": // of which the page itself cannot tell
		r.pageSays(f, &told)
	}
	if f.cause != "" {
		r.explained(f)
	} else if r.group.plays {
		for _, k := range r.incidents() {
			if k.Cause != f.passing {
				r.unexpected(f.name, k)
			}
		}
	}
	command, mend := cmp.Or(told.Command, d.Command), "undone"
	if command != "" {
		mend = "`" + r.plain(command) + "`"
	}
	switch {
	case f.undo != nil:
		f.undo(r)
	case command == "":
		r.t.Fatalf("%s: no command mends it: %+v; %v", f.name, told, r.failures)
	default:
		r.run(command)
	}
	var m report
	var err error
	if !soon(max(f.fades, mendedWithin), func() bool {
		m, err = r.look()
		return err == nil && len(r.unasked(nil, m.Problems)) == 0
	}) {
		r.t.Fatalf("%s: mended, and it is still told %+v %v; %v", f.name, m.Problems, err, r.failures)
	}
	r.settles()
	r.isWell(f.name + ", mended")
	cause, problem := "", ""
	switch {
	case f.cause != "":
		cause = "`" + f.cause + "`"
	case r.group.plays:
		cause = "(nothing is heard of it)"
	}
	if !f.only {
		problem = "`" + string(f.code) + "`: " + told.Title
	}
	return fmt.Sprintf("| %s | %s | `%s` | %s | %s |", f.name, problem, f.inDoctor(), cause, mend)
}

func (f *fault) inDoctor() health.Code {
	if f.doctor != "" {
		return f.doctor
	}
	return f.code
}

// problem waits until the status tells of the fault, and of nothing else.
func (r *room) problem(f *fault) (told health.Finding) {
	r.t.Helper()
	var all []health.Code
	is := func() bool {
		m, err := r.look()
		if err != nil {
			return false
		}
		all, told = nil, health.Finding{}
		for i, p := range r.unasked(f, m.Problems) {
			all = append(all, p.Code)
			if i == 0 {
				told = p
			}
		}
		return slices.Equal(all, append([]health.Code{f.code}, f.with...))
	}
	if !soon(max(f.lasts, toldWithin), is) {
		m, _ := r.look()
		r.fail("%s: the problems are %v, want %s: %+v", f.name, all, f.code, m.Problems)
		return told
	}
	pass(time.Second)
	if !is() {
		r.fail("%s: the problems become %v, want %s", f.name, all, f.code)
	}
	return told
}

// page is what a reader without JavaScript sees of the verdict.
func (r *room) page() string {
	r.t.Helper()
	text, err := output(nil, r.desk.wire.in(pc, "curl", "-sS", "--max-time", "5", "http://127.0.0.1:6767/")...)
	if err != nil {
		r.fail("the page: %v", err)
	}
	_, text, _ = strings.Cut(text, `<section class="verdict"`)
	text, _, found := strings.Cut(text, `<section aria-labelledby="chain"`)
	if !found {
		r.fail("the page has no verdict")
	}
	return html.UnescapeString(strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")), " "))
}

func (r *room) pageSays(f *fault, told *health.Finding) {
	r.t.Helper()
	var page string
	if !soon(3*time.Second, func() bool {
		page = r.page()
		return strings.Contains(page, told.Sentence) && strings.Contains(page, told.Command)
	}) {
		r.fail("%s: the page has no %q with %q: %s", f.name, told.Sentence, told.Command, page)
	}
}

// diagnose asks doctor.
func (r *room) diagnose() (told []health.Finding, code int) {
	r.t.Helper()
	command := append([]string{program, "doctor", "--json", "--set", "network.interface=eth0"}, r.group.arguments...)
	p := start(r.t, "doctor", r.desk.env, r.desk.wire.in(pc, r.desk.by(command...)...)...)
	from := rtthread.Now()
	ended := p.wait(20 * time.Second)
	code = exitCode(ended)
	text := p.output.String()
	var d struct {
		Items []struct {
			health.Finding
			Outcome  string
			HiddenBy string `json:"hidden_by"`
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		r.fail("doctor --json: %v: %q; it ended after %v with %v", err, text, rtthread.Now().Sub(from), ended)
	}
	for _, item := range d.Items {
		if item.Outcome == "ill" && item.HiddenBy == "" {
			told = append(told, item.Finding)
		}
	}
	return told, code
}

// diagnosed asks doctor, and returns its finding.
func (r *room) diagnosed(f *fault) (d health.Finding) {
	r.t.Helper()
	told, code := r.diagnose()
	var codes []health.Code
	for _, one := range r.unasked(f, told) {
		codes = append(codes, one.Code)
		if one.Code == f.inDoctor() {
			d = one
		}
	}
	if want := append([]health.Code{f.inDoctor()}, f.with...); !slices.Equal(codes, want) || code != 1 {
		r.fail("%s: doctor names %v and ends with %d, want %v: %+v", f.name, codes, code, want, told)
	}
	return d
}

// incidents asks why for those that have come since it was last asked.
func (r *room) incidents() (all []flight.Incident) {
	r.t.Helper()
	text := mustOutput(r.t, r.desk.env, r.desk.by(program, "why", "--all", "--json")...)
	var kept []flight.Incident
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		r.fail("why --json: %v: %s", err, text)
	}
	for _, k := range slices.Backward(kept) {
		if !slices.Contains(r.seen, k.ID) {
			r.seen = append(r.seen, k.ID)
			all = append(all, k)
		}
	}
	return all
}

// explained waits for why to name a fault.
func (r *room) explained(f *fault) {
	r.t.Helper()
	found, others := false, ""
	if !soon(explained, func() bool {
		for _, k := range r.incidents() {
			if k.Cause != f.cause {
				r.unexpected(f.name, k)
				others += "\n" + k.Sentence
				continue
			}
			found = true
			r.t.Logf("%s: %s", f.name, k.Sentence)
		}
		return found
	}) {
		note := r.fail
		if others != "" { // the machine's, or they have failed
			note = r.doubt
		}
		note("%s: why tells nothing of the cause %s, but%s", f.name, f.cause, others)
	}
}

// unexpected judges an incident that nobody made: the machine may have.
func (r *room) unexpected(what string, k flight.Incident) {
	r.t.Helper()
	began := rtthread.Now().Add(-time.Since(k.At))
	stood := max(watch.stood(began.Add(time.Second), 3*time.Second), watch.waited(began.Add(-time.Second), began.Add(time.Second)))
	if slices.Contains(ownFaults, k.Cause) && stood > time.Millisecond {
		r.t.Logf("%s: the machine stood still for %v: %s", what, stood, k.Sentence)
		return
	}
	note := r.fail
	switch {
	case slices.Contains(ownFaults, k.Cause),
		k.Cause == flight.CauseClockLost && stood > standstill, // the lab's grandmaster stood still, too
		k.Cause == flight.CauseServerLost && r.desk.crashes() > r.crashes:
		note = r.doubt
	}
	note("%s, and why says (the machine stood still for %v): %s", what, stood, k.Sentence)
}

// isWell holds that nothing is ill, whomever one asks, but for what the machine did.
func (r *room) isWell(what string) {
	r.t.Helper()
	var m report
	if !soon(10*time.Second, func() bool { // a status is worse for some seconds
		m, _ = r.look()
		return m.Status.Overall == health.Healthy || len(m.Problems) > 0
	}) || len(r.unasked(nil, m.Problems)) > 0 {
		r.fail("%s: the status says %s, %+v", what, m.Status.Overall, m.Problems)
	}
	told, code := r.diagnose()
	if ill := r.unasked(nil, told); len(ill) > 0 || code != min(len(told), 1) {
		r.fail("%s: doctor ends with %d: %+v", what, code, ill)
	}
	page := ""
	if !soon(10*time.Second, func() bool {
		if page = r.page(); strings.Contains(page, `data-state="healthy"`) {
			return true
		}
		m, _ := r.look()
		return len(m.Problems) > 0 && len(r.unasked(nil, m.Problems)) == 0 // the machine's
	}) {
		r.fail("%s: the page says %s", what, page)
	}
	for _, k := range r.incidents() {
		r.unexpected(what, k)
	}
}

// run does what a listener pastes into a terminal.
func (r *room) run(command string) {
	r.t.Helper()
	as := r.desk.by("sh", "-c", command)
	if strings.Contains(command, "sudo ") {
		as = []string{"sh", "-c", strings.ReplaceAll(command, "sudo ", "")}
	}
	mustOutput(r.t, r.desk.env, append([]string{"nsenter", "--target", fmt.Sprint(r.cmd.Process.Pid), "--net", "--mount", "--"}, as...)...)
}

// plain is a command without what is of this run.
func (r *room) plain(command string) string {
	command = strings.ReplaceAll(strings.ReplaceAll(command, r.desk.dir+"/home", "~"), project+"/build/", "/usr/bin/")
	command = regexp.MustCompile(`/tmp/e2e-\S*/aes67-sink`).ReplaceAllString(command, "/usr/bin/aes67-sink")
	return regexp.MustCompile(`(kill|unload-module) \d+`).ReplaceAllString(command, "$1 NUMBER")
}
