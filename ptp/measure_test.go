package ptp

import (
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

func TestExchangeJoinsT1AndT2(t *testing.T) {
	const t1, t2 = aes67.PTPTime(1_000_000), aes67.RawTime(5_000_900)
	sync := wire.Message{Kind: wire.KindSync, Sequence: 7, Flags: wire.FlagTwoStep, Correction: 100}
	oneStep := wire.Message{Kind: wire.KindSync, Sequence: 7, Time: t1, Correction: 100}
	followUp := wire.Message{Kind: wire.KindFollowUp, Sequence: 7, Time: t1, Correction: 30}
	other := wire.Message{Kind: wire.KindFollowUp, Sequence: 8, Time: t1}
	old := wire.Message{Kind: wire.KindFollowUp, Sequence: 7 + pendingSyncs, Time: t1}
	type step struct {
		m  wire.Message
		at aes67.RawTime
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []int64 // offsets measured
	}{
		{"two-step: both corrections count", []step{{sync, t2}, {followUp, 0}}, []int64{4_000_770}},
		{"Follow_Up first", []step{{followUp, 0}, {sync, t2}}, []int64{4_000_770}},
		{"one-step", []step{{oneStep, t2}}, []int64{4_000_800}},
		{"a second Follow_Up", []step{{sync, t2}, {followUp, 0}, {followUp, 0}}, []int64{4_000_770}},
		{"a second Sync, later", []step{{sync, t2}, {sync, t2 + 500}, {followUp, 0}, {sync, t2 + 900}}, []int64{4_000_770}},
		{"one-step twice", []step{{oneStep, t2}, {oneStep, t2 + 5}}, []int64{4_000_800}},
		{"Follow_Up of another Sync", []step{{sync, t2}, {other, 0}}, nil},
		{"a Follow_Up that never comes", []step{{sync, t2}, {old, 0}, {followUp, 0}}, nil},
	} {
		var x exchange
		var got []int64
		for _, s := range c.steps {
			var one track.Sample
			var ok bool
			if s.m.Kind == wire.KindSync {
				one, ok = x.sync(&s.m, s.at)
			} else {
				one, ok = x.followUp(&s.m)
			}
			if ok {
				got = append(got, one.Offset)
				if one.At != t2 {
					t.Errorf("%s: measured at %d, want %d", c.name, one.At, t2)
				}
			}
		}
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestExchangeJoinsT3AndT4(t *testing.T) {
	const t3, t4 = aes67.RawTime(9_000_000), aes67.PTPTime(5_002_000)
	x := exchange{sequence: 65535, heardSync: true, offset: 3_999_500}
	first, _ := x.request(1)
	second, _ := x.request(2)
	if first != 65535 || second != 0 {
		t.Fatalf("sequence numbers %d and %d, want 65535 and 0", first, second)
	}
	answer := wire.Message{Kind: wire.KindDelayResp, Sequence: first, Time: t4, Correction: 1000}
	if _, ok := x.response(&answer); ok {
		t.Error("measured without T3")
	}
	one, ok := x.sent(first, t3)
	if want := (track.Sample{At: t3, Offset: 3_999_000}); !ok || one != want {
		t.Errorf("got %v, %v; want %v", one, ok, want)
	}
	if _, ok := x.response(&answer); ok {
		t.Error("measured twice from one answer, doubled")
	}
	if _, ok := x.sent(second, t3+10); ok {
		t.Error("measured without an answer")
	}
	late := wire.Message{Kind: wire.KindDelayResp, Sequence: 17, Time: t4}
	if _, ok := x.response(&late); ok {
		t.Error("measured from an answer to what was never asked")
	}
	answer.Sequence = second
	if _, ok := x.response(&answer); !ok {
		t.Error("T3 before the answer: not measured")
	}
}

func TestUnansweredNeedsRequestsAndTime(t *testing.T) {
	x := exchange{heardSync: true}
	now := aes67.RawTime(time.Second)
	for range deafRequests {
		if x.unanswered(now) {
			t.Fatal("called deaf too soon")
		}
		x.request(now)
		now += aes67.RawTime(time.Second)
	}
	if !x.unanswered(now) {
		t.Errorf("%d requests in %v without an answer: not called deaf", deafRequests, now)
	}
	x.response(&wire.Message{Sequence: 0, Time: aes67.PTPTime(time.Second)})
	if x.unanswered(now) {
		t.Error("an answer came: still called deaf")
	}
}

// After a pause of ours all Syncs are read before the first Follow_Up.
func TestExchangeJoinsManyThatWereHeldUp(t *testing.T) {
	var x exchange
	joined := 0
	for n := range uint16(pendingSyncs) {
		x.sync(&wire.Message{Kind: wire.KindSync, Sequence: 65_500 + n, Flags: wire.FlagTwoStep}, aes67.RawTime(n)*1e7)
	}
	for n := range uint16(pendingSyncs) {
		if _, ok := x.followUp(&wire.Message{Kind: wire.KindFollowUp, Sequence: 65_500 + n, Time: aes67.PTPTime(n) * 1e7}); ok {
			joined++
		}
	}
	if joined < 32 {
		t.Errorf("%d of %d Syncs met their Follow_Up, want 32 at least: a quarter of a second of 128 a second", joined, pendingSyncs)
	}
}
