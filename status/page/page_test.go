package page

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"aes67-sink/health"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fake is a teller of what a test sets; it counts how often it is asked.
type fake struct {
	mu     sync.Mutex
	model  status.Model
	events []recorder.Event
	asked  int
}

func (f *fake) change(by func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by(f)
}

func (f *fake) Model() status.Model {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.model
}

func (f *fake) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (*fake) Sessions() []status.Session {
	return []status.Session{{Name: "pc one", Text: "v=0\r\ns=pc <one>\r\n"}}
}

func (*fake) Listing() status.Listing {
	return status.Listing{
		Sessions: []status.ListedSession{
			{Name: "pc one", Own: true, Via: []string{"sap", "mdns"}, Source: "192.168.10.1", Group: "239.69.10.1", Port: 5004, Encoding: "L24", RateHz: 44100, Channels: 1, PtimeUS: 125},
			{Name: "stage", Via: []string{"sap"}, Source: "192.168.10.9", Group: "239.69.9.1", Port: 5004},
		},
		Masters: []status.ListedMaster{
			{Grandmaster: "00-1B-21-FF-FE-3A-4C-5D", Followed: true, Address: "192.168.10.9", Priority1: 128, Priority2: 127, Class: 248, Why: "the best"},
			{Own: true},
		},
		Notes: []string{"mDNS is not heard"},
	}
}

func (*fake) Reload() status.Reloaded                       { return status.Reloaded{} }
func (*fake) Bundle(context.Context, io.Writer) error       { return nil }
func (*fake) SharedBundle(context.Context, io.Writer) error { return nil }

func (*fake) History() recorder.History {
	track := recorder.Track{UnixS: recorder.Numbers{1, 2, 3}, Series: map[string]recorder.Numbers{
		recorder.OffsetNS: {-100, 0, 300}, recorder.OffsetNS + recorder.MinSuffix: {-900, -800, -700}, recorder.OffsetNS + recorder.MaxSuffix: {700, 800, 900},
	}}
	return recorder.History{Fast: track, Slow: track, Lateness: recorder.Histogram{EdgesUS: recorder.Numbers{1000, 2000, 17000}, Counts: []uint64{9, 4, 2, 1}}}
}

func (*fake) Points(after float64) recorder.Track {
	return recorder.Track{StepS: 0.25, UnixS: recorder.Numbers{after + 0.25}, Series: map[string]recorder.Numbers{recorder.OffsetNS: {7}}}
}

func (f *fake) Events(after uint64) []recorder.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events[min(int(after), len(f.events)):])
}

func (*fake) Incidents() []recorder.Incident {
	return []recorder.Incident{{
		ID: "one", Sentence: "the left stream was <late>", Bill: []recorder.Share{{Name: "timer", Percent: 62.5, MS: 1.25}, {Name: "own work", Percent: 37.5, MS: 0.75}},
		Context: []string{"1 forced switch"},
	}}
}

// lively is a bridge of which everything is known.
func lively() *fake {
	return &fake{
		model: status.Model{
			Version: "1.0.0", UptimeS: 7384, State: status.Sending,
			Sink:    status.Sink{State: "running", Server: "PulseAudio", Name: "AES67 Speakers", RateHz: 48000, Channels: []string{"front-left", "front-right"}, VolumeDB: new(status.Tenths(-12.25)), Muted: new(false)},
			Clock:   status.Clock{State: "locked", Role: "follower", Grandmaster: "00-1B-21-FF-FE-3A-4C-5D", OffsetNS: new(int64(-1240)), ErrorBoundNS: new(int64(1500))},
			Drift:   status.Drift{State: "fine", Mode: "resample", RatioPPB: new(int64(49870)), FillFrames: new(int64(718)), FillTargetFrames: new(int64(720)), Underruns: 12345},
			Network: status.Network{Interface: "eno1", Address: "192.168.10.1", Carrier: new(true)},
			Streams: []status.Stream{{
				Name: "pc <one>", Channels: []string{"front-left"}, Group: "239.69.10.1", Port: 5004, Encoding: "L24", RateHz: 48000, PtimeUS: 1000, Packets: 1234567, Late: 3, Late2: 2, Late17: 1,
				LatenessP50US: new(int64(12)), LatenessP99US: new(int64(40)), LatenessMaxUS: new(int64(17310)), PeakDBFS: new(status.Tenths(-6.04)), LimitedDB: new(status.Tenths(0.5)),
			}},
			LatencyMS: &status.Latency{Buffer: 15, Resampler: 1.4, Packet: 0.5, Total: 16.9}, CeilingDBFS: new(status.Tenths(-1)),
		},
		events: []recorder.Event{
			{Number: 1, At: noon.Add(-20 * time.Hour), Kind: "state", Text: "sending"},
			{Number: 2, At: noon, Kind: "incident", Text: "the left stream was late", Ill: true, Why: "one"},
		},
	}
}

// ill lets everything be ill at once.
func ill() *fake {
	f := lively()
	f.model.Problems = []health.Finding{
		{Code: "clock", Title: "The clock is gone", Sentence: "no Announce for 12 s; switch it on", Command: "aes67-sink run", Severity: health.Defect},
		{Code: "governor", Title: "The processor saves power", Sentence: "the governor is powersave", Severity: health.Notice},
	}
	f.model.State, f.model.Clock.State = status.Holdover, "holdover"
	f.model.Status = &status.Health{ExternalSynchronization: health.PartiallyHealthy}
	return f
}

// paired is a bridge with a pair of speakers, of which one is not as it should be.
func paired() *fake {
	f := lively()
	f.model.SliderMoves = "speakers"
	f.model.Speakers = []status.Speaker{
		{
			Name: "desk <one>", Channel: "front-left", Model: "KH 120 II AES67", Serial: "1", Reachable: true, LevelDBSPL: new(status.Tenths(71.75)), Muted: new(false), Local: new(false),
			InputDB: new(status.Tenths(-23.5)), StandbyInM: new(status.Tenths(14)),
		},
		{Name: "desk two", Channel: "front-right", Model: "KH 120 II AES67", Serial: "2", Reachable: true, LevelDBSPL: new(status.Tenths(71.75)), Muted: new(true), Local: new(true), Warnings: []string{"TEMPERATURE"}},
	}
	return f
}

// alone is a pair of which one does not answer, while the slider leaves the speakers alone.
func alone() *fake {
	f := paired()
	f.model.SliderMoves = "stream"
	f.model.Speakers[1] = status.Speaker{Name: "desk two", Channel: "front-right", Problem: "the speaker cannot be reached at [fe80::1%eno1]:45: connection refused; is it on?"}
	return f
}

// rooms is a bridge with two sinks and a third that plays into both.
func rooms() *fake {
	f := lively()
	m := &f.model
	living := status.Room{Sink: m.Sink, Drift: m.Drift, LatencyMS: m.LatencyMS}
	living.Name, living.ID, living.Playing = "Living <room>", "living", new(1)
	kitchen, both := living, living
	kitchen.Name, kitchen.ID, kitchen.Muted, kitchen.Channels = "Kitchen", "kitchen", new(true), []string{"mono"}
	kitchen.Drift.State, kitchen.Drift.Underruns = "coarse", 5
	both.Name, both.ID, both.PlaysInto, both.VolumeDB, both.LatencyMS, both.Playing = "Both", "both", []string{"living", "kitchen"}, nil, nil, nil
	both.State, both.Drift = "preparing", status.Drift{}
	m.Sinks, m.Sink = []status.Room{living, kitchen, both}, living.Sink
	return f
}

// get asks a page, by a language.
func get(t *testing.T, p http.Handler, path, language string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest("GET", "http://localhost"+path, nil)
	request.Header.Set("Accept-Language", language)
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, request)
	return answer
}

func TestThePageIsWholeWithoutItsScript(t *testing.T) {
	for name, f := range map[string]*fake{"sending": lively(), "ill": ill(), "paired": paired(), "alone": alone(), "rooms": rooms(), "empty": {model: status.Model{State: status.WaitingSoundServer, Problem: "no sound server answers; start one"}}} {
		for _, l := range []string{"en", "de"} {
			answer := get(t, New(f), "/", l)
			if answer.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", name, answer.Code, answer.Body)
			}
			path := fmt.Sprintf("testdata/%s.%s.html", name, l)
			if *update {
				if err := os.WriteFile(path, answer.Body.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), answer.Body.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}

var (
	foreign = regexp.MustCompile(`(?s)<[a-z]+[^>]* lang="en"[^>]*>.*?</[a-z]+>`)
	tags    = regexp.MustCompile(`(?s)<style.*?</style>|<[^>]*>`)
	named   = regexp.MustCompile(`\{\{[^}]*?\.T "([a-z0-9.]+)"`)
	spoken  = regexp.MustCompile(`(?:aria-label|title|data-copied|data-labels|data-short|data-lost|data-busy)="([^"]*)"`)
)

// TestBothLanguagesHaveEveryWord: and the German page has no English but what the
// bridge itself says.
func TestBothLanguagesHaveEveryWord(t *testing.T) {
	for key, row := range words {
		for l := range languages {
			if row[l] == "" {
				t.Errorf("%s has no word in %s", key, l.tag())
			}
		}
		if strings.Count(row[english], "%s") != strings.Count(row[german], "%s") {
			t.Errorf("%s: the languages take other values: %q", key, row)
		}
	}
	for _, key := range named.FindAllStringSubmatch(layout, -1) {
		if _, there := words[key[1]]; !there {
			t.Errorf("the page says %s, which is no word", key[1])
		}
	}
	for name, f := range map[string]*fake{"sending": lively(), "ill": ill(), "paired": paired(), "alone": alone(), "rooms": rooms(), "empty": {}} {
		page := get(t, New(f), "/", "de").Body.String()
		said := foreign.ReplaceAllString(page, "")
		for _, text := range spoken.FindAllStringSubmatch(said, -1) {
			said += "\n" + text[1]
		}
		said = tags.ReplaceAllString(said, "\n")
		for key, row := range words {
			english := row[english]
			if english == row[german] || strings.Contains(english, "%") || strings.Contains(row[german], english) {
				continue
			}
			if regexp.MustCompile(`(?m)(^|\W)` + regexp.QuoteMeta(english) + `($|\W)`).MatchString(said) {
				t.Errorf("%s: the German page says %q (%s)", name, english, key)
			}
		}
		if strings.Contains(page, "‹") {
			t.Errorf("%s: the page has a word that is in no table", name)
		}
	}
}

func TestTheStatesOfTheBridgeHaveWords(t *testing.T) {
	for _, state := range status.States() {
		for _, kind := range []string{"verdict.", "state."} {
			if _, there := words[kind+state]; !there {
				t.Errorf("%s%s is no word", kind, state)
			}
		}
	}
	for _, state := range status.ClockStates() {
		if _, there := words["clock."+state]; !there {
			t.Errorf("clock.%s is no word", state)
		}
	}
	for _, kind := range []string{"state", "problem", "grandmaster", "step", "volume", "server", "link", "priority", "incident"} { // recorder.Event
		if _, there := words["kind."+kind]; !there {
			t.Errorf("kind.%s is no word", kind)
		}
	}
}

func TestPreferred(t *testing.T) {
	for accept, want := range map[string]language{
		"": english, "de": german, "de-AT,de;q=0.9,en;q=0.8": german, "en-GB,en;q=0.9,de;q=0.8": english, "fr,de;q=0.5,en;q=0.4": german,
		"fr": english, "de;q=0": english, "DE": german, "en;q=0.2, de ; q=0.7": german, "de;q=x": english, ";;,=": english,
	} {
		if got := preferred(accept); got != want {
			t.Errorf("%q: %s, want %s", accept, got.tag(), want.tag())
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ name, got, want string }{
		{"a comma in German", german.decimal(-1.25, 2), "−1,25"},
		{"no minus before zero", english.decimal(-0.04, 1), "0.0"},
		{"a plus", english.signed(49.87, 3), "+49.870"},
		{"no plus before zero", german.signed(0, 3), "0,000"},
		{"four digits are one group", count(9999), "9999"},
		{"groups of three", count(1234567), "1\u202f234\u202f567"},
		{"silence", german.decibels(status.SilenceDB, "dBFS"), "still"},
		{"minutes", span(59 * time.Minute), "59\u202fmin"},
		{"hours", span(7384 * time.Second), "2\u202fh 3\u202fmin"},
		{"days", span(49 * time.Hour), "2\u202fd 1\u202fh"},
		{"what is needed", english.short(44.1), "44.1"},
		{"nothing is needed", english.short(48), "48"},
		{"small", german.short(0.125), "0,125"},
		{"late by ms", english.quantity(recorder.LatenessUS, 17310), "17.3\u202fms"},
		{"fewer than nothing", english.quantity(recorder.FillFrames, -12), "−12"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestTheChainFollowsTheBridge(t *testing.T) {
	well := []health.Status{health.Healthy, health.Healthy, health.Healthy, health.Healthy, health.Healthy}
	for _, test := range []struct {
		name   string
		change func(*status.Model)
		at     int
		want   health.Status
	}{
		{"nothing", func(*status.Model) {}, 0, health.Healthy},
		{"no sound server", func(m *status.Model) { m.Sink.State = "waiting" }, 0, health.Unhealthy},
		{"the buffer settles", func(m *status.Model) { m.Drift.State = "coarse" }, 1, health.PartiallyHealthy},
		{"the clock is lost", func(m *status.Model) { m.Clock.State = "holdover" }, 2, health.PartiallyHealthy},
		{"no clock", func(m *status.Model) { m.Clock.State = "listening" }, 2, health.Unhealthy},
		{"without PTP", func(m *status.Model) { m.Clock = status.Clock{Role: "none"} }, 2, health.Inactive},
		{"no cable", func(m *status.Model) { m.Network.Carrier = new(false) }, 3, health.Unhealthy},
		{"no interface", func(m *status.Model) { m.Network = status.Network{} }, 3, health.Inactive},
		{"health knows better", func(m *status.Model) { m.Status = &status.Health{Transmission: health.Unhealthy} }, 4, health.Unhealthy},
		{"health knows no worse", func(m *status.Model) { m.Status = &status.Health{Link: health.Healthy, Essence: health.Inactive} }, 4, health.Healthy},
	} {
		m := lively().model
		test.change(&m)
		want := slices.Clone(well)
		want[test.at] = test.want
		for i, link := range chain(english, &m) {
			if link.State != want[i] {
				t.Errorf("%s: %s is %s, want %s", test.name, link.ID, link.State, want[i])
			}
		}
	}
}

func TestTheVerdict(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*status.Model)
		want   map[string]string
	}{
		{"well", func(*status.Model) {}, map[string]string{"verdict": "Your music is on the network.", "verdict.state": "healthy", "title": "sending – AES67 Speakers"}},
		{"a problem without findings", func(m *status.Model) { m.Problem = "no sound server; start it"; m.State = status.WaitingSoundServer }, map[string]string{
			"verdict": "Waiting for the sound server.", "verdict.sentence": "no sound server; start it", "verdict.state": "unhealthy", "title": "▲ Trouble – AES67 Speakers",
		}},
		{"findings", func(m *status.Model) { *m = ill().model }, map[string]string{
			"verdict": "", "verdict.title": "The clock is gone", "verdict.command": "aes67-sink run", "verdict.state": "partially healthy", "also.1.title": "The processor saves power",
		}},
		{"a notice alone", func(m *status.Model) { m.Problems = ill().model.Problems[1:]; m.Problem = "the governor is powersave" }, map[string]string{
			"verdict": "Your music is on the network.", "verdict.state": "healthy", "verdict.sentence": "", "also.1.title": "The processor saves power", "also.1.state": "inactive",
		}},
	} {
		m := lively().model
		test.change(&m)
		got := texts(english, &picture{model: m})
		for id, want := range test.want {
			if got[id] != want {
				t.Errorf("%s: %s is %q, want %q", test.name, id, got[id], want)
			}
		}
	}
}

func TestEventsAreInTheOrderOfTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	all := byTime([]recorder.Event{{Number: 1, At: now.Add(-time.Minute)}, {Number: 2, At: now}, {Number: 3, At: now}, {Number: 4, At: now.Add(-time.Second)}})
	var numbers []uint64
	for _, e := range all {
		numbers = append(numbers, e.Number)
	}
	if !slices.Equal(numbers, []uint64{3, 2, 4, 1}) {
		t.Errorf("shown are %d, want the newest first, and an incident that was told late at its time", numbers)
	}
}

func TestNothingIsSaidTwice(t *testing.T) {
	m := status.Model{State: status.Sending, Problems: []health.Finding{
		{Title: "Sessions are not heard", Sentence: "sessions are not heard: Avahi does not run", Severity: health.Notice},
		{Title: "Avahi", Sentence: "it does not run", Severity: health.Notice},
	}}
	all := texts(english, &picture{model: m})
	if all["also.1.title"] != "" || all["also.2.title"] != "Avahi" {
		t.Errorf("titles %q and %q, want none where the sentence begins with it", all["also.1.title"], all["also.2.title"])
	}
}

func TestDanteReceiversAreTold(t *testing.T) {
	p := &picture{model: lively().model, spread: measure(lively().History())}
	p.model.UptimeS = 86400
	if got := dropped(english, p); got != "3 in 24 h" {
		t.Errorf("by the histogram %q, want the 3 above 2 ms", got)
	}
	p.model.UptimeS = 180
	if got := dropped(english, p); got != "3 since the start" {
		t.Errorf("of a bridge that began 3 min ago %q: it did not see 24 h", got)
	}
	p.spread = spread{}
	if got := dropped(german, p); got != "2 seit dem Start" {
		t.Errorf("without one %q, want the counter of the streams", got)
	}
	p.model.Streams = nil
	if got := dropped(english, p); got != "none since the start" {
		t.Errorf("of nothing %q", got)
	}
}

func TestFilesAreSentOnce(t *testing.T) {
	p := New(lively())
	for _, name := range []string{"page.js", "page.css", "uplot.js", "uplot.css", "icon.svg", "uplot.LICENSE"} {
		first := get(t, p, "/"+name, "")
		if first.Code != http.StatusOK || first.Body.Len() == 0 || first.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes, %q", name, first.Code, first.Body.Len(), first.Header().Get("Content-Type"))
		}
		request := httptest.NewRequest("GET", "http://localhost/"+name, nil)
		request.Header.Set("If-None-Match", first.Header().Get("ETag"))
		again := httptest.NewRecorder()
		p.ServeHTTP(again, request)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s again: %d, %d bytes", name, again.Code, again.Body.Len())
		}
	}
	if answer := get(t, p, "/page.html", ""); answer.Code != http.StatusNotFound {
		t.Errorf("the template: %d, want none", answer.Code)
	}
}

func TestAllAddressesAreRelative(t *testing.T) {
	f := ill()
	f.model.Speakers = paired().model.Speakers
	page := get(t, New(f), "/", "").Body.String()
	for _, address := range regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(address[1], "/") || strings.Contains(address[1], ":") {
			t.Errorf("%s leads out of a path below which a proxy puts the page", address[1])
		}
	}
	if strings.Contains(page, "style=") || regexp.MustCompile(` on[a-z]+=`).MatchString(page) {
		t.Error("the page has styles or scripts of its own, which its policy forbids")
	}
}

// listener reads events.
type listener struct {
	t     *testing.T
	lines *bufio.Scanner
	shut  func()
}

func listen(t *testing.T, address, language string) *listener {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Language", language)
	answer, err := http.DefaultClient.Do(request) //nolint:bodyclose // shut does
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &listener{t, lines, func() { _ = answer.Body.Close() }}
}

// next returns the next event of a name.
func (l *listener) next(name string) string {
	l.t.Helper()
	for l.lines.Scan() {
		if l.lines.Text() == "event: "+name && l.lines.Scan() {
			return strings.TrimPrefix(l.lines.Text(), "data: ")
		}
	}
	l.t.Fatalf("the stream ends without %s: %v", name, l.lines.Err())
	return ""
}

// TestAStreamOutlastsTheTimeoutsOfRequests and tells what changes.
func TestAStreamOutlastsTheTimeoutsOfRequests(t *testing.T) {
	f := lively()
	server := httptest.NewUnstartedServer(New(f))
	const timeout = 2 * time.Second
	began := time.Now()
	server.Config.ReadTimeout, server.Config.WriteTimeout = timeout, timeout
	server.Start()
	defer server.Close()
	l := listen(t, server.URL, "de")
	defer l.shut()
	var all, changed renewal
	if err := json.Unmarshal([]byte(l.next("texts")), &all); err != nil || all.Texts["verdict"] != "Die Musik ist im Netz." {
		t.Fatalf("%v, %q: want all texts at first", err, all.Texts["verdict"])
	}
	f.change(func(f *fake) { f.model.State, f.model.Problem = status.WaitingNetwork, "no cable" })
	if err := json.Unmarshal([]byte(l.next("texts")), &changed); err != nil {
		t.Fatal(err)
	}
	if changed.Texts["verdict.sentence"] != "no cable" || changed.Texts["facts"] != "" || changed.Shape != all.Shape {
		t.Errorf("%+v: want what changed alone, in the same rows", changed)
	}
	f.change(func(f *fake) { f.model.Streams = nil })
	if err := json.Unmarshal([]byte(l.next("texts")), &changed); err != nil || changed.Shape == all.Shape {
		t.Errorf("%v: want another shape when rows vanish", err)
	}
	var m status.Model
	if err := json.Unmarshal([]byte(l.next("status")), &m); err != nil || m.State != status.WaitingNetwork {
		t.Errorf("%v, %s: want status.json", err, m.State)
	}
	var points recorder.Track
	if err := json.Unmarshal([]byte(l.next("points")), &points); err != nil || len(points.UnixS) != 1 {
		t.Errorf("%v, %v: want a point", err, points)
	}
	for time.Since(began) < 2*timeout {
		l.next("status")
	}
}

func TestNothingIsAskedWhileNobodyLooks(t *testing.T) {
	f := lively()
	p := New(f)
	server := httptest.NewServer(p)
	defer server.Close()
	var all []*listener
	for range mostStreams {
		l := listen(t, server.URL, "en")
		l.next("status")
		all = append(all, l)
	}
	answer, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("one more than %d: %s", mostStreams, answer.Status)
	}
	before := f.questions()
	all[0].next("status")
	if asked := f.questions() - before; asked > 2 {
		t.Errorf("%d questions a second for %d who look, want one", asked, mostStreams)
	}
	for _, l := range all {
		l.shut()
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		p.hub.mu.Lock()
		running := p.hub.stop != nil
		p.hub.mu.Unlock()
		if !running {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the pump runs while nobody looks")
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestASlowReaderIsDropped has one who reads nothing beside one who reads.
func TestASlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(lively())
		slow, quick := &stream{events: make(chan []byte, backlog), fresh: true}, &stream{events: make(chan []byte, backlog), fresh: true}
		if !h.join(slow) || !h.join(quick) {
			t.Fatal("no room")
		}
		for range backlog + 2 {
			<-quick.events
		}
		for range backlog {
			<-slow.events
		}
		if _, open := <-slow.events; open {
			t.Error("the slow reader is not dropped")
		}
		h.leave(slow)
		<-quick.events
		h.leave(quick)
		synctest.Wait()
	})
}

// broken is a bridge of which a part broke, once.
type broken struct {
	*fake
	asked atomic.Int32
}

func (b *broken) Points(after float64) recorder.Track {
	if b.asked.Add(1) == 3 {
		panic("a broken invariant")
	}
	return b.fake.Points(after)
}

// TestAPanicEndsTheStreamsAlone and not the program; who asks again looks on.
func TestAPanicEndsTheStreamsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(&broken{fake: lively()})
		s, other := &stream{events: make(chan []byte, backlog), fresh: true}, &stream{events: make(chan []byte, backlog), fresh: true}
		if !h.join(s) || !h.join(other) {
			t.Fatal("no room")
		}
		for range s.events { // until it is closed
		}
		for range other.events {
		}
		h.leave(s)
		again := &stream{events: make(chan []byte, backlog), fresh: true}
		if !h.join(again) {
			t.Fatal("no room")
		}
		h.leave(other)
		<-again.events
		h.leave(again)
		synctest.Wait()
	})
}
