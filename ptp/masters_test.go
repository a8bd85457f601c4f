package ptp

import (
	"net/netip"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

const testSecond = aes67.RawTime(time.Second)

var ourselves = wire.PortIdentity{Clock: aes67.ClockIdentity{0x02, 1}, Port: 1}

// announced is an Announce of the n-th master.
func announced(n byte, sequence uint16, edit func(*wire.Message)) *wire.Message {
	m := &wire.Message{
		Kind: wire.KindAnnounce, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{n}, Port: 1}, Sequence: sequence, LogInterval: 1,
		Properties: wire.Properties{Priority1: 128, Class: 248, Identity: aes67.ClockIdentity{n}},
	}
	if edit != nil {
		edit(m)
	}
	return m
}

func TestMastersQualify(t *testing.T) {
	type heard struct {
		at       aes67.RawTime
		sequence uint16
	}
	for _, c := range []struct {
		name  string
		heard []heard
		edit  func(*wire.Message)
		now   aes67.RawTime
		want  bool
	}{
		{"one announce is not enough", []heard{{10 * testSecond, 1}}, nil, 11 * testSecond, false},
		{"two within four intervals", []heard{{10 * testSecond, 1}, {17 * testSecond, 2}}, nil, 18 * testSecond, true},
		{"two further apart", []heard{{10 * testSecond, 1}, {19 * testSecond, 2}}, nil, 19 * testSecond, false},
		{"the same one twice", []heard{{10 * testSecond, 1}, {11 * testSecond, 1}}, nil, 11 * testSecond, false},
		{"across the wrap", []heard{{10 * testSecond, 65535}, {12 * testSecond, 0}}, nil, 12 * testSecond, true},
		{"just before the timeout", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, nil, 18*testSecond - 1, true},
		{"three intervals of silence", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, nil, 18 * testSecond, false},
		{"another domain", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.Domain = 1 }, 12 * testSecond, false},
		{"alternate master", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.Flags = wire.FlagAlternateMaster }, 12 * testSecond, false},
		{"255 steps removed", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.Properties.StepsRemoved = 255 }, 12 * testSecond, false},
		{"our own identity", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.Source.Clock = ourselves.Clock }, 12 * testSecond, false},
		{"a boundary clock that follows us", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.Properties.Identity = ourselves.Clock }, 12 * testSecond, false},
		{"interval from the message", []heard{{10 * testSecond, 1}, {24 * testSecond, 2}}, func(m *wire.Message) { m.LogInterval = 2 }, 24 * testSecond, true},
		{"they come more rarely than they tell", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.LogInterval = -3 }, 14 * testSecond, true},
		{"no interval told, as in unicast", []heard{{10 * testSecond, 1}, {12 * testSecond, 2}}, func(m *wire.Message) { m.LogInterval = wire.NoInterval }, 17 * testSecond, true},
	} {
		ms := NewMasters(3, 0)
		for _, h := range c.heard {
			ms.Observe(announced(7, h.sequence, c.edit), h.at, netip.Addr{})
		}
		if got := ms.best(0, ourselves, c.now) != nil; got != c.want {
			t.Errorf("%s: qualified %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTheBestOfSeveralMasters(t *testing.T) {
	ms := NewMasters(3, 0)
	for sequence := range uint16(2) {
		for n := byte(1); n <= 5; n++ {
			ms.Observe(announced(n, sequence, func(m *wire.Message) {
				if n == 4 {
					m.Properties.Priority1 = 10
				}
			}), aes67.RawTime(10+sequence)*testSecond, netip.Addr{})
		}
	}
	if best := ms.best(0, ourselves, 12*testSecond); best == nil || best.Identity[0] != 4 {
		t.Errorf("best is %+v, want master 4", best)
	}
	ms.Observe(announced(4, 9, func(m *wire.Message) { m.Properties.Priority1 = 200 }), 12*testSecond, netip.Addr{})
	if best := ms.best(0, ourselves, 12*testSecond); best == nil || best.Identity[0] != 1 {
		t.Errorf("after master 4 became worse the best is %+v, want master 1", best)
	}
}

func TestAMasterThatSyncsOutlivesLostAnnounces(t *testing.T) {
	ms := NewMasters(3, 0)
	ms.Observe(announced(7, 1, nil), 10*testSecond, netip.Addr{})
	ms.Observe(announced(7, 2, nil), 12*testSecond, netip.Addr{})
	ms.setSyncing(wire.PortIdentity{Clock: aes67.ClockIdentity{7}, Port: 1}, 0, true)
	if ms.best(0, ourselves, 25*testSecond) == nil {
		t.Error("gone after 13 s although its Syncs arrive")
	}
	if ms.best(0, ourselves, 33*testSecond) != nil {
		t.Error("still there after 21 s, ten intervals, without an Announce: all others have another master by then")
	}
	ms.setSyncing(wire.PortIdentity{}, 0, false)
	if ms.best(0, ourselves, 25*testSecond) != nil {
		t.Error("still there after 13 s without Sync or Announce")
	}
}

func TestMastersAreJudgedByWhenTheirAnnouncesCome(t *testing.T) {
	const tenth = testSecond / 10
	for _, c := range []struct {
		name  string
		told  int8            // logMessageInterval
		at    []aes67.RawTime // of the Announces, tenths of a second
		steps []uint16        // of the sequence number; nil: 1 each
		gone  aes67.RawTime   // tenths of a second after the last one
	}{
		{"as told", 1, []aes67.RawTime{0, 20, 40, 60, 80}, nil, 60},
		{"told 1/8 s, one each 2 s", -3, []aes67.RawTime{0, 20, 40}, nil, 60},
		{"told 16 s, one a second", 4, []aes67.RawTime{0, 10, 20, 30, 40, 50, 60, 70, 80}, nil, 30},
		{"told 16 s, one a second, not often enough to believe it", 4, []aes67.RawTime{0, 10, 20}, nil, 480},
		{"some lost", 1, []aes67.RawTime{0, 60, 80, 120, 140}, []uint16{0, 3, 1, 2, 1}, 60},
		{"told 1/8 s, one each 2 s, some lost", -3, []aes67.RawTime{0, 20, 60, 80}, []uint16{0, 1, 2, 1}, 60},
		{"held up and let go together", 1, []aes67.RawTime{0, 80, 80, 80, 80, 80, 80}, []uint16{0, 4, 1, 1, 1, 1, 1}, 60},
		{"numbered with its other messages", 1, []aes67.RawTime{0, 20, 40, 60, 80}, []uint16{0, 9, 9, 9, 9}, 60},
		{"silent for a while, as one that yielded to a better one", 1, []aes67.RawTime{0, 20, 40, 340, 360, 380}, nil, 60},
		{"silent again and again", 1, []aes67.RawTime{0, 20, 40, 340, 360, 380, 680, 700, 720, 1020, 1040, 1060}, nil, 60},
		{"told 2 s, and then one each 10 s", 1, []aes67.RawTime{0, 20, 40, 140, 240, 340, 440}, nil, 300},
		{"started anew", 1, []aes67.RawTime{0, 20, 60, 80}, []uint16{0, 1, 65000, 1}, 60},
	} {
		ms, sequence, now := NewMasters(3, 0), uint16(7), aes67.RawTime(0)
		for i, at := range c.at {
			step := uint16(1)
			if c.steps != nil {
				step = c.steps[i]
			}
			sequence, now = sequence+step, (100+at)*tenth
			ms.Observe(announced(7, sequence, func(m *wire.Message) { m.LogInterval = c.told }), now, netip.Addr{})
		}
		if ms.best(0, ourselves, now+(c.gone-1)*tenth) == nil {
			t.Errorf("%s: gone before %d tenths of a second", c.name, c.gone)
		}
		if ms.best(0, ourselves, now+(c.gone+1)*tenth) != nil {
			t.Errorf("%s: still there after %d tenths of a second", c.name, c.gone)
		}
	}
}

func TestAFloodKeepsMemoryAndTheMasterThatQualified(t *testing.T) {
	ms := NewMasters(3, 0)
	now := 10 * testSecond
	ms.Observe(announced(1, 1, nil), now, netip.Addr{})
	ms.Observe(announced(1, 2, nil), now+testSecond, netip.Addr{})
	for i := range 10_000 {
		now += testSecond / 2000
		ms.Observe(announced(9, 0, func(m *wire.Message) {
			m.Source.Clock = aes67.ClockIdentity{9, byte(i), byte(i >> 8)}
			m.Properties.Identity = m.Source.Clock
		}), now, netip.Addr{})
	}
	if n := len(ms.list); n > maxMasters {
		t.Errorf("%d records, want at most %d", n, maxMasters)
	}
	if best := ms.best(0, ourselves, 11*testSecond); best == nil || best.Identity[0] != 1 {
		t.Errorf("best is %+v, want master 1", best)
	}
	ms.Forget(now + 120*testSecond)
	if n := len(ms.Append(nil)); n != 0 {
		t.Errorf("%d masters listed after two minutes of silence, want none", n)
	}
}
