package rtthread

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestWhenPriorityIsAskedForAnew(t *testing.T) {
	type step struct {
		after time.Duration
		note  func(a *asking, now aes67.MonoTime)
		wait  time.Duration // until it is asked for next, from then on
	}
	refused, granted, taken, resumed := (*asking).refused, (*asking).granted, (*asking).taken, (*asking).resumed
	for name, steps := range map[string][]step{
		"each refusal doubles the wait": {
			{0, refused, 10 * time.Second}, {10 * time.Second, refused, 20 * time.Second}, {20 * time.Second, refused, 40 * time.Second},
		},
		"what was held for long is asked for at once": {
			{0, granted, 0}, {time.Hour, taken, 0}, {0, refused, 10 * time.Second},
		},
		"what is taken away soon is asked for later and later": {
			{0, granted, 0},
			{time.Second, taken, 10 * time.Second},
			{10 * time.Second, granted, 10 * time.Second},
			{time.Second, taken, 20 * time.Second},
			{20 * time.Second, granted, 20 * time.Second},
			{time.Hour, taken, 0},
		},
		"a resume forgets the refusals": {
			{0, refused, 10 * time.Second},
			{10 * time.Second, refused, 20 * time.Second},
			{time.Second, resumed, 0},
			{0, refused, 10 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a asking
			now := aes67.MonoTime(time.Hour)
			if a.due() > now {
				t.Fatal("the first time is not at once")
			}
			for i, s := range steps {
				now = now.Add(s.after)
				s.note(&a, now)
				if got := a.due().Sub(now); got != s.wait {
					t.Errorf("step %d: asked for in %v, want %v", i, got, s.wait)
				}
			}
		})
	}
}

func TestTheWaitIsBounded(t *testing.T) {
	var a asking
	for range 100 {
		a.refused(a.due())
	}
	if a.wait != askMost {
		t.Errorf("after 100 refusals the wait is %v, want %v", a.wait, askMost)
	}
}
