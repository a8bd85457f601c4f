package ptp

import (
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

func TestCompareFollowsFigures27And28(t *testing.T) {
	base := func(edit func(*dataset)) *dataset {
		d := &dataset{
			Properties: wire.Properties{
				Priority1: 128, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128,
				Identity: aes67.ClockIdentity{0x40}, StepsRemoved: 1,
			},
			sender: wire.PortIdentity{Clock: aes67.ClockIdentity{0x40}, Port: 1},
		}
		edit(d)
		return d
	}
	same := func(*dataset) {}
	for _, c := range []struct {
		name         string
		better, less func(*dataset)
	}{
		{"priority1 before class", func(d *dataset) { d.Priority1 = 127 }, func(d *dataset) { d.Class, d.Identity[0] = 6, 0x30 }},
		{"class before accuracy", func(d *dataset) { d.Class = 6 }, func(d *dataset) { d.Accuracy, d.Identity[0] = 0x20, 0x30 }},
		{"accuracy before variance", func(d *dataset) { d.Accuracy = 0x20 }, func(d *dataset) { d.Variance, d.Identity[0] = 1, 0x30 }},
		{"variance before priority2", func(d *dataset) { d.Variance = 1 }, func(d *dataset) { d.Priority2, d.Identity[0] = 1, 0x30 }},
		{"priority2 before identity", func(d *dataset) { d.Priority2 = 1 }, func(d *dataset) { d.Identity[0] = 0x01 }},
		{"identity as octets", func(d *dataset) { d.Identity[0] = 0x3F }, func(d *dataset) { d.Identity[0] = 0x90 }},
		{"other grandmaster: steps do not count", func(d *dataset) { d.Identity[0], d.StepsRemoved = 0x3F, 9 }, same},
		{"same grandmaster: properties do not count, steps do", same, func(d *dataset) { d.Priority1, d.StepsRemoved = 1, 2 }},
		{"same grandmaster, far fewer steps", same, func(d *dataset) { d.StepsRemoved = 9 }},
		{"same grandmaster and steps: lower sender", same, func(d *dataset) { d.sender.Clock[0] = 0x41 }},
		{"same sender's clock: lower port", same, func(d *dataset) { d.sender.Port = 2 }},
	} {
		a, b := base(c.better), base(c.less)
		if compare(a, b) >= 0 || compare(b, a) <= 0 {
			t.Errorf("%s: got %d and %d, want the first better", c.name, compare(a, b), compare(b, a))
		}
		if compare(a, a) != 0 {
			t.Errorf("%s: a data set is not equal to itself", c.name)
		}
	}
}

func TestChoose(t *testing.T) {
	own := &dataset{Properties: wire.Properties{Priority1: 250, Class: 248, Identity: aes67.ClockIdentity{5}}}
	better := &dataset{Properties: wire.Properties{Priority1: 128, Class: 248, Identity: aes67.ClockIdentity{9}}}
	worse := &dataset{Properties: wire.Properties{Priority1: 251, Class: 248, Identity: aes67.ClockIdentity{9}}}
	for _, c := range []struct {
		name string
		s    situation
		want decision
	}{
		{"still listening", situation{own: own, mayServe: true}, stay},
		{"nobody for the announce timeout", situation{own: own, mayServe: true, silent: true}, serve},
		{"nobody, follower only", situation{own: own, silent: true}, stay},
		{"somebody is about to qualify", situation{own: own, mayServe: true, silent: true, pending: true}, stay},
		{"serving, nobody else", situation{own: own, mayServe: true, serving: true, silent: true}, serve},
		{"serving, somebody is about to qualify", situation{own: own, mayServe: true, serving: true, silent: true, pending: true}, serve},
		{"a better master", situation{own: own, best: better, mayServe: true}, follow},
		{"serving, a better master", situation{own: own, best: better, mayServe: true, serving: true, compete: true}, follow},
		{"a worse master is there first", situation{own: own, best: worse, mayServe: true, silent: true}, follow},
		{"a worse master, competing", situation{own: own, best: worse, mayServe: true, compete: true}, serve},
		{"serving, a worse master comes", situation{own: own, best: worse, mayServe: true, serving: true}, serve},
		{"a worse master, follower only", situation{own: own, best: worse, compete: true}, follow},
	} {
		if got := choose(&c.s); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
