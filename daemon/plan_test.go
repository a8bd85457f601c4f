package daemon

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/config"
	"aes67-sink/mediaclock"
)

// noMemory is that of a computer that remembers nothing yet.
func noMemory(t *testing.T) memory {
	t.Helper()
	return remember(filepath.Join(t.TempDir(), "state"), zerolog.Nop(), "aes67")
}

// nameOf tells the stream.name of a configuration.
func nameOf(cfg config.Config) func() string { return func() string { return cfg.Stream.Name } }

func TestPlanGivesOneMonoStreamAChannel(t *testing.T) {
	plan := planSessions(config.Default(), noMemory(t).identities, nameOf(config.Default()))
	if ids := plan.Identity.Streams; len(plan.Streams) != 2 || len(ids) != 2 || ids[0].ID == ids[1].ID {
		t.Fatalf("plan %+v", plan)
	}
	if got := plan.Names("pc", 1); !slices.Equal(got, []string{"pc AES67 Speakers Left", "pc AES67 Speakers Right"}) {
		t.Errorf("names %q", got)
	}
	if got := plan.Names("pc", 3); !slices.Equal(got, []string{"pc AES67 Speakers Left #3", "pc AES67 Speakers Right #3"}) {
		t.Errorf("names with a number %q", got)
	}
	for i, s := range plan.Streams {
		if s.First != i || len(s.Channels) != 1 {
			t.Errorf("stream %d: %+v", i, s)
		}
	}
	again := planSessions(config.Default(), noMemory(t).identities, nameOf(config.Default()))
	if again.Identity.Streams[0].ID != plan.Identity.Streams[0].ID {
		t.Error("a session has another id at the next start")
	}
}

func TestPlanGivesOneStreamForAllChannels(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Layout, cfg.Stream.Name = config.Multi, "Hall"
	plan := planSessions(cfg, noMemory(t).identities, nameOf(cfg))
	if len(plan.Streams) != 1 || len(plan.Streams[0].Channels) != 2 {
		t.Errorf("plan %+v", plan)
	}
	if one, two := plan.Names("pc", 1), plan.Names("pc", 2); one[0] != "Hall" || two[0] != "Hall #2" {
		t.Errorf("names %q, %q", one, two)
	}
}

func TestALongNameKeepsChannelAndNumber(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Name = strings.Repeat("long ", 12)
	names := planSessions(cfg, noMemory(t).identities, nameOf(cfg)).Names("pc", 12)
	for i, tail := range []string{" Left #12", " Right #12"} {
		if !strings.HasSuffix(names[i], tail) || len(names[i]) > 63 {
			t.Errorf("name %q of %d bytes", names[i], len(names[i]))
		}
	}
}

// What tells two sinks apart is cut off a long name: a number does it then.
func TestStreamsOfLongNamesAreToldApart(t *testing.T) {
	cfg := loaded(t)
	more := cfg.Sink
	more.ID, more.Name = "kitchen", "Kitchen"
	cfg.More = append(cfg.More, more)
	for _, number := range []int{1, 2} {
		names := sessionNames(cfg, strings.Repeat("x", 62), "pc", number)
		for i, name := range names {
			if len(name) > 63 || slices.Contains(names[:i], name) || !strings.Contains(name, []string{"Left", "Right"}[i%2]) {
				t.Errorf("names %q", names)
			}
		}
	}
}

func TestPlanTakesGivenGroupsAsTheyAre(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Addresses = []netip.Addr{netip.MustParseAddr("239.1.2.3"), netip.MustParseAddr("239.1.2.4")}
	plan := planSessions(cfg, noMemory(t).identities, nameOf(cfg))
	for i, want := range cfg.Stream.Addresses {
		if got := plan.Streams[i].Group; got != want {
			t.Errorf("group %v, want %v", got, want)
		}
	}
}

// rooms are two with streams and one for both, as a list of tables has them.
func rooms() config.Config {
	cfg := config.Default()
	cfg.Sink.Name, cfg.Sink.ID = "Living room", "living"
	pairs := config.Pairs
	cfg.More = []config.Sink{
		{Name: "Everywhere", ID: "all", Rate: 44100, Channels: []string{"front-left", "front-right"}, PlaysInto: []string{"living", "cinema"}},
		{Name: "Cinema", ID: "cinema", Rate: 48000, Channels: []string{"front-left", "front-right", "front-center"}, Layout: &pairs},
	}
	return cfg
}

func TestPlanOfSeveralSinks(t *testing.T) {
	plan := planSessions(rooms(), noMemory(t).identities, nameOf(rooms()))
	want := []string{"pc Living room Left", "pc Living room Right", "pc Cinema Left+Right", "pc Cinema Center"}
	if got := plan.Names("pc", 1); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	var first []int
	for _, s := range plan.Streams {
		first = append(first, s.First)
	}
	if !slices.Equal(first, []int{0, 1, 2, 4}) {
		t.Errorf("first channels %v", first)
	}
	named := planSessions(rooms(), noMemory(t).identities, func() string { return "Home" }).Names("pc", 2)
	if want := []string{"Home Left #2", "Home Right #2", "Home Cinema Left+Right #2", "Home Cinema Center #2"}; !slices.Equal(named, want) {
		t.Errorf("names %q, want %q", named, want)
	}
}

// TestASinkAtTheEndLeavesTheOthersAsTheyAre adds a table behind those there are.
func TestASinkAtTheEndLeavesTheOthersAsTheyAre(t *testing.T) {
	m := noMemory(t)
	fewer := rooms()
	fewer.More = fewer.More[:0:0]
	for _, name := range []string{"", "Home"} {
		before := planSessions(fewer, m.identities, func() string { return name })
		after := planSessions(rooms(), m.identities, func() string { return name })
		if got, want := after.Names("pc", 1)[:2], before.Names("pc", 1); !slices.Equal(got, want) {
			t.Errorf("names %q, before %q", got, want)
		}
		if got, want := after.Identity.Streams[:2], before.Identity.Streams; !slices.Equal(got, want) {
			t.Errorf("identities %v, before %v", got, want)
		}
		ids := map[uint64]bool{}
		for _, s := range after.Identity.Streams {
			ids[s.ID] = true
		}
		if len(ids) != 4 {
			t.Errorf("ids %v: one twice", after.Identity.Streams)
		}
	}
}

func TestEachSinkRemembersItsVolume(t *testing.T) {
	m := remember(t.TempDir(), zerolog.Nop(), rooms().SinkIDs()...)
	var files []string
	for _, v := range m.volumes {
		files = append(files, filepath.Base(v.keeper.Path))
	}
	if want := []string{"volume-living.json", "volume-all.json", "volume-cinema.json"}; !slices.Equal(files, want) || len(m.parts()) != 4 {
		t.Errorf("files %q of %d parts, want %q", files, len(m.parts()), want)
	}
}

// TestSeatsOfSeveralSinks builds them as the program does.
func TestSeatsOfSeveralSinks(t *testing.T) {
	m := remember(t.TempDir(), zerolog.Nop(), rooms().SinkIDs()...)
	e := &edges{cfg: rooms(), clock: &mediaclock.Clock{}}
	if err := e.furnish(m.volumes, func() bool { return false }, func(string) zerolog.Logger { return zerolog.Nop() }); err != nil {
		t.Fatal(err)
	}
	var of [][2]int
	for c := range e.rooms.Channels() {
		number, own := e.seats.of(c)
		of = append(of, [2]int{number, own})
	}
	if want := [][2]int{{0, 0}, {0, 1}, {2, 0}, {2, 1}, {2, 2}}; !slices.Equal(of, want) {
		t.Errorf("channels are of %v, want %v", of, want)
	}
	if e.rooms.Adds(0) == 0 || len(e.rooms.Pipelines()) != 3 || planRecording(rooms()).Channels != 5 {
		t.Errorf("%d pipelines, %d channels recorded", len(e.rooms.Pipelines()), planRecording(rooms()).Channels)
	}
	if one, all := e.seats.inputs(true); one.Ready || len(all) != 3 {
		t.Errorf("before anything runs: %+v, %+v", one, all)
	}
	quieter := rooms()
	quieter.More[1].Gains = []float64{-6, 0, 0}
	e.setGains(quieter)
	// A file in which sinks changed places, and one that is not made yet.
	moved := rooms()
	moved.Sink, moved.More[0] = moved.More[0], moved.Sink
	moved.More = append(moved.More, moved.More[0])
	moved.More[2].ID, moved.More[2].Gains = "later", []float64{-1, -1}
	e.setGains(moved)
	room := e.seatModel(1, true)
	if room.ID != "all" || !slices.Equal(room.PlaysInto, []string{"living", "cinema"}) || room.LatencyMS.Mix == nil {
		t.Errorf("told %+v", room)
	}
}
