package daemon

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/config"
)

// noMemory is that of a computer that remembers nothing yet.
func noMemory(t *testing.T) memory {
	t.Helper()
	return remember(filepath.Join(t.TempDir(), "state"), "aes67", zerolog.Nop())
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
