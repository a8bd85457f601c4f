package main

import (
	"net/netip"
	"strings"
	"testing"

	"aes67-sink/config"
	"aes67-sink/sap"
	"aes67-sink/sdp"
)

func TestPlanGivesOneMonoStreamAChannel(t *testing.T) {
	plan := planSessions(config.Default(), func() []sap.Heard { return nil })
	if len(plan.Streams) != 2 || len(plan.IDs) != 2 || plan.IDs[0] == plan.IDs[1] {
		t.Fatalf("plan %+v", plan)
	}
	for i, side := range []string{"Left", "Right"} {
		s := plan.Streams[i]
		if !strings.HasSuffix(s.Name, "AES67 Speakers "+side) || s.First != i || len(s.Channels) != 1 {
			t.Errorf("stream %d: %+v", i, s)
		}
	}
	again := planSessions(config.Default(), nil)
	if again.IDs[0] != plan.IDs[0] {
		t.Error("a session has another id at the next start")
	}
}

func TestPlanGivesOneStreamForAllChannels(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Layout, cfg.Stream.Name = config.Multi, "Hall"
	plan := planSessions(cfg, func() []sap.Heard { return nil })
	if len(plan.Streams) != 1 || plan.Streams[0].Name != "Hall" || len(plan.Streams[0].Channels) != 2 {
		t.Errorf("plan %+v", plan)
	}
}

func TestPlanAvoidsAGroupThatSomebodyElseAnnounces(t *testing.T) {
	var heard []sap.Heard
	plan := planSessions(config.Default(), func() []sap.Heard { return heard })
	here := netip.MustParseAddr("192.168.10.1")
	before, err := plan.Groups(here)
	if err != nil {
		t.Fatal(err)
	}
	heard = []sap.Heard{{Description: sdp.Description{Group: before[0]}}}
	after, err := plan.Groups(here)
	if err != nil {
		t.Fatal(err)
	}
	if after[0] == before[0] || after[0] == after[1] || after[1] != before[1] {
		t.Errorf("groups %v, with %v taken %v", before, before[0], after)
	}
}

func TestPlanTakesGivenGroupsAsTheyAre(t *testing.T) {
	cfg := config.Default()
	cfg.Stream.Addresses = []netip.Addr{netip.MustParseAddr("239.1.2.3"), netip.MustParseAddr("239.1.2.4")}
	plan := planSessions(cfg, func() []sap.Heard { return nil })
	got, err := plan.Groups(netip.MustParseAddr("10.0.0.1"))
	if err != nil || got[0] != cfg.Stream.Addresses[0] || got[1] != cfg.Stream.Addresses[1] {
		t.Errorf("groups %v, %v", got, err)
	}
}
