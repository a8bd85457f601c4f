package health

import (
	"testing"
	"time"
)

func TestStatuses(t *testing.T) {
	rest := Activity{Rests: true, Linked: true, Sync: Synchronized}
	waiting := Activity{}
	serving, held := sending, sending
	serving.Sync, held.Sync = SynchronizesOthers, HeldOver
	type at struct {
		ms   int
		does Activity
		ill  []Code
		want map[Domain]Status // of those that matter
		says string            // of Overall
	}
	const (
		partially                 = PartiallyHealthy
		link, sent, sync, essence = Link, Transmission, ExternalSynchronization, Essence
	)
	for name, steps := range map[string][]at{
		"all is well": {{0, sending, nil, map[Domain]Status{Overall: Healthy, link: Healthy, sent: Healthy, sync: Healthy, essence: Healthy}, ""}},
		"at rest":     {{0, rest, []Code{"no-carrier"}, map[Domain]Status{Overall: Inactive, link: Unhealthy, sent: Inactive, essence: Inactive, sync: Healthy}, "of no-carrier"}},
		"a beginning is healthy for 3 s": {
			{0, rest, nil, map[Domain]Status{Overall: Inactive}, ""},
			{1000, sending, []Code{"packets-not-sent"}, map[Domain]Status{Overall: Healthy, sent: Healthy}, ""},
			{3999, sending, []Code{"packets-not-sent"}, map[Domain]Status{sent: Healthy}, ""},
			{4000, sending, []Code{"packets-not-sent"}, map[Domain]Status{Overall: Unhealthy, sent: Unhealthy}, "of packets-not-sent"},
		},
		"worse at once, better after 3 s": {
			{0, sending, nil, nil, ""},
			{5000, sending, []Code{"sound-broke-off"}, map[Domain]Status{Overall: partially, essence: partially, sent: Healthy}, "of sound-broke-off"},
			{6000, sending, []Code{"volume-not-taken"}, map[Domain]Status{Overall: Unhealthy, essence: Unhealthy}, "of volume-not-taken"},
			{7000, sending, nil, map[Domain]Status{essence: Unhealthy}, "of volume-not-taken"},
			{8000, sending, []Code{"sound-broke-off"}, map[Domain]Status{essence: Unhealthy}, "of sound-broke-off"},
			{9999, sending, []Code{"sound-broke-off"}, map[Domain]Status{essence: Unhealthy}, "of sound-broke-off"},
			{10000, sending, []Code{"sound-broke-off"}, map[Domain]Status{essence: partially}, "of sound-broke-off"},
			{11000, sending, nil, map[Domain]Status{essence: partially}, "of sound-broke-off"},
			{14000, sending, nil, map[Domain]Status{essence: Healthy, Overall: Healthy}, "Previously: of sound-broke-off"},
			{15000, rest, nil, map[Domain]Status{essence: Inactive, Overall: Inactive}, ""},
		},
		"what comes back within 3 s was never better": {
			{0, sending, nil, nil, ""},
			{5000, sending, []Code{"no-carrier"}, map[Domain]Status{link: Unhealthy}, "of no-carrier"},
			{6000, sending, nil, map[Domain]Status{link: Unhealthy}, "of no-carrier"},
			{7000, sending, []Code{"no-carrier"}, map[Domain]Status{link: Unhealthy}, "of no-carrier"},
			{9500, sending, nil, map[Domain]Status{link: Unhealthy}, "of no-carrier"},
			{12500, sending, nil, map[Domain]Status{link: Healthy}, "Previously: of no-carrier"},
		},
		"nothing is sent": {
			{0, waiting, nil, map[Domain]Status{Overall: Healthy, sent: Healthy}, ""},
			{3000, waiting, []Code{"sound-server-missing"}, map[Domain]Status{Overall: Unhealthy, sent: Unhealthy, essence: Unhealthy, link: Inactive, sync: Inactive}, "of sound-server-missing"},
		},
		"a notice is healthy":    {{0, sending, nil, nil, ""}, {4000, sending, []Code{"interface-renamed"}, map[Domain]Status{Overall: Healthy, link: Healthy}, ""}},
		"the grandmaster itself": {{0, serving, nil, map[Domain]Status{Overall: Healthy, sync: Inactive}, ""}},
		"holdover":               {{0, sending, nil, nil, ""}, {4000, held, []Code{"holdover"}, nil, ""}, {8000, held, []Code{"holdover"}, map[Domain]Status{Overall: partially, sync: partially}, "of holdover"}},
		"a clock's fault is no silence while one sends": {{0, sending, nil, nil, ""}, {4000, sending, []Code{"no-sync"}, map[Domain]Status{Overall: partially, sync: partially}, "of no-sync"}},
		"a clock is waited for": {
			{0, Activity{Linked: true}, nil, nil, ""},
			{4000, Activity{Linked: true}, []Code{"no-master"}, map[Domain]Status{Overall: Unhealthy, sync: Unhealthy, sent: Unhealthy, essence: Healthy}, "of no-master"},
		},
	} {
		var tracker Tracker
		for _, s := range steps {
			tracker.Observe(start.Add(time.Duration(s.ms)*time.Millisecond), of(s.ill...), s.does)
			v := tracker.Verdict()
			for d, want := range s.want {
				if v.Statuses[d] != want {
					t.Errorf("%s: after %d ms %s is %q, want %q", name, s.ms, d, v.Statuses[d], want)
				}
			}
			if v.Messages[Overall] != s.says {
				t.Errorf("%s: after %d ms it says %q, want %q", name, s.ms, v.Messages[Overall], s.says)
			}
		}
	}
}

func TestTransitionsToWorseAreCounted(t *testing.T) {
	var tracker Tracker
	for i, step := range []struct {
		ill   []Code
		rests bool
		want  uint64
	}{
		{nil, false, 0},
		{[]Code{"sound-broke-off"}, false, 1},
		{[]Code{"sound-broke-off"}, false, 1},
		{[]Code{"monitor-dead"}, false, 2},
		{nil, false, 2},
		{nil, false, 2}, // better by now
		{[]Code{"monitor-dead"}, false, 3},
		{[]Code{"monitor-dead"}, true, 3},
		{[]Code{"monitor-dead"}, false, 3}, // a beginning
		{[]Code{"monitor-dead"}, false, 4},
	} {
		does := sending
		does.Rests = step.rests
		tracker.Observe(start.Add(time.Duration(i)*4*time.Second), of(step.ill...), does)
		if got := tracker.Verdict().Transitions[Essence]; got != step.want {
			t.Errorf("step %d: %d transitions, want %d", i, got, step.want)
		}
	}
}

// TestAVerdictIsNotChangedAnyMore: others read it.
func TestAVerdictIsNotChangedAnyMore(t *testing.T) {
	var tracker Tracker
	tracker.Observe(start, nil, sending)
	before := tracker.Verdict()
	tracker.Observe(start.Add(time.Minute), of("no-carrier"), sending)
	if before.Statuses[Link] != Healthy || len(before.Messages) != 0 || before.Transitions[Link] != 0 {
		t.Errorf("it became %+v", before)
	}
}
