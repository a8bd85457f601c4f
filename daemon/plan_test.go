package main

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/bridge"
	"aes67-sink/config"
)

// newIdentityFile is the file of a machine that remembers nothing yet.
func newIdentityFile(t *testing.T) identityFile {
	t.Helper()
	return identityFile{path: filepath.Join(t.TempDir(), "state", "sessions-aes67.json"), log: zerolog.Nop()}
}

func TestPlanGivesOneMonoStreamAChannel(t *testing.T) {
	plan := planSessions(config.Default(), newIdentityFile(t))
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
	again := planSessions(config.Default(), newIdentityFile(t))
	if again.Identity.Streams[0].ID != plan.Identity.Streams[0].ID {
		t.Error("a session has another id at the next start")
	}
}

func TestPlanGivesOneStreamForAllChannels(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Layout, cfg.Stream.Name = config.Multi, "Hall"
	plan := planSessions(cfg, newIdentityFile(t))
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
	names := planSessions(cfg, newIdentityFile(t)).Names("pc", 12)
	for i, tail := range []string{" Left #12", " Right #12"} {
		if !strings.HasSuffix(names[i], tail) || len(names[i]) > 63 {
			t.Errorf("name %q of %d bytes", names[i], len(names[i]))
		}
	}
}

func TestPlanTakesGivenGroupsAsTheyAre(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Addresses = []netip.Addr{netip.MustParseAddr("239.1.2.3"), netip.MustParseAddr("239.1.2.4")}
	plan := planSessions(cfg, newIdentityFile(t))
	for i, want := range cfg.Stream.Addresses {
		if got := plan.Streams[i].Group; got != want {
			t.Errorf("group %v, want %v", got, want)
		}
	}
}

func TestIdentityIsRemembered(t *testing.T) {
	file := newIdentityFile(t)
	want := bridge.Identity{Base: "pc", Number: 2, Streams: []bridge.SessionIdentity{
		{ID: 7, Version: 9, Group: netip.MustParseAddr("239.69.1.1"), Text: "v=0\r\n"}, {ID: 8},
	}}
	file.Save(want)
	got := planSessions(config.Default(), file).Identity
	if got.Base != want.Base || got.Number != want.Number || !slices.Equal(got.Streams, want.Streams) {
		t.Errorf("remembered %+v, want %+v", got, want)
	}
	if all := texts(got); len(all) != 1 || all[0] != "v=0\r\n" {
		t.Errorf("texts %q", all)
	}
}

func TestAnUnreadableIdentityBeginsAnew(t *testing.T) {
	for name, text := range map[string]string{
		"rubbish": "\x00{", "too long": `"` + strings.Repeat("x", maxIdentity) + `"`, "too many": `{"streams":[{},{},{},{},{},{},{},{},{}]}`,
		"no address": `{"streams":[{"group":"here"}]}`,
	} {
		file := newIdentityFile(t)
		if err := replaceFile(file.path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := file.Load(); len(got.Streams) != 0 || got.Number != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
