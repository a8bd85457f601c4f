package lab

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestLinkLosesDelaysAndDoubles(t *testing.T) {
	l := NewLink(1, 3*time.Microsecond, Uniform(50*time.Microsecond), 0.3)
	l.Duplicate = 0.1
	const messages = 20_000
	lost, doubled := 0, 0
	var sum time.Duration
	var passed int
	for range messages {
		copies := l.Pass()
		switch len(copies) {
		case 0:
			lost++
		case 2:
			doubled++
		}
		for _, d := range copies {
			if d < 3*time.Microsecond || d > 53*time.Microsecond {
				t.Fatalf("delay %v, want 3 to 53 µs", d)
			}
			sum += d
			passed++
		}
	}
	if share := float64(lost) / messages; math.Abs(share-0.3) > 0.02 {
		t.Errorf("lost %.3f, want 0.3", share)
	}
	if share := float64(doubled) / float64(messages-lost); math.Abs(share-0.1) > 0.02 {
		t.Errorf("doubled %.3f, want 0.1", share)
	}
	if mean := sum / time.Duration(passed); (mean - 28*time.Microsecond).Abs() > time.Microsecond {
		t.Errorf("mean delay %v, want 28 µs", mean)
	}
}

func TestLinksOfOneSeedAreAlike(t *testing.T) {
	for name, jitter := range map[string]Jitter{
		"gaussian": Gaussian(10 * time.Microsecond), "exponential": Exponential(time.Microsecond), "kernel": Kernel(),
		"sum": Sum(Uniform(5), Gaussian(5)), "none": nil,
	} {
		a, b := NewLink(7, 0, jitter, 0.1), NewLink(7, 0, jitter, 0.1)
		for range 1000 {
			x, y := a.Pass(), b.Pass()
			if !slices.Equal(x, y) {
				t.Fatalf("%s: %v and %v of one seed", name, x, y)
			}
			for _, d := range x {
				if d < 0 {
					t.Fatalf("%s: delay %v", name, d)
				}
			}
		}
	}
}
