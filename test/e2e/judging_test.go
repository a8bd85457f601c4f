package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

// The instants of these tests lie long before any other test's, in the computer's
// first minute, so that what they tell the watchman excuses nothing else.

// laidOut is a sound that came packet by packet from an instant on.
func laidOut(x []float64, from aes67.MonoTime) heard {
	h := heard{x: x, rate: 48000}
	for at := 0; at < len(x); at += 48 {
		h.arrivals = append(h.arrivals, lab.Arrival{At: from.Add(aes67.Frames(at).Duration(48000)), Frame: at})
	}
	return h
}

func (w *watchman) tell(p pause) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, p)
}

func TestOnlyABreakBehindAStandstillIsExcused(t *testing.T) {
	const second = aes67.MonoTime(time.Second)
	from := 10 * second
	x := tone(leftHz, 48000, 5*48000, 0)
	clear(x[48000:48960]) // 20 ms at 11 s
	clear(x[3*48000 : 3*48000+960])
	watch.tell(pause{10*second + 950_000_000, 10*second + 954_000_000})
	watch.tell(pause{12*second + 950_000_000, 12*second + 952_000_000}) // too short to be heard
	h := laidOut(x, from)
	breaks := h.breaks(leftHz)
	if len(breaks) != 2 {
		t.Fatalf("%d breaks, want 2: %+v", len(breaks), breaks)
	}
	words, excused := h.unexplained(breaks, ofSound(0))
	if len(words) != 1 || !strings.Contains(words[0], "at 3.000 s") || !strings.Contains(words[0], "stood still for 2ms") || excused == 0 {
		t.Errorf("unexplained: %q, and %d excused", words, excused)
	}
	stretches, judged := h.around(breaks)
	if seconds := h.seconds(judged); len(stretches) != 3 || seconds < 4.5 || seconds > 4.6 {
		t.Errorf("%d stretches of %.2f s in all, want 3 of 4.56", len(stretches), seconds)
	}
}

func TestAStandstillExcusesNoLongSilence(t *testing.T) {
	const second = aes67.MonoTime(time.Second)
	x := tone(leftHz, 48000, 4*48000, 0)
	clear(x[48000 : 3*48000]) // two seconds at 21 s
	watch.tell(pause{20*second + 950_000_000, 20*second + 960_000_000})
	h := laidOut(x, 20*second)
	words, _ := h.unexplained(h.breaks(leftHz), ofSound(0))
	if len(words) != 1 || !strings.Contains(words[0], "long after") {
		t.Errorf("unexplained: %q, want one silence that lasts too long", words)
	}
}

func TestStandstillsAddUpWithinAWhile(t *testing.T) {
	const ms = aes67.MonoTime(time.Millisecond)
	all := merged([]pause{{100 * ms, 102 * ms}, {30 * ms, 32 * ms}, {31 * ms, 33 * ms}, {50 * ms, 52 * ms}})
	if want := []pause{{30 * ms, 33 * ms}, {50 * ms, 52 * ms}, {100 * ms, 102 * ms}}; !slices.Equal(all, want) {
		t.Errorf("merged %v, want %v", all, want)
	}
	if got := most(all); got != 5*time.Millisecond {
		t.Errorf("%v within %v, want 5ms", got, together)
	}
}

func TestAStandstillExplainsADeadlineOfWhichItTookATenth(t *testing.T) {
	const second = aes67.MonoTime(time.Second)
	watch.tell(pause{40*second + 950_000_000, 41*second + 10_000_000}) // 10 ms of it in the last second
	watch.tell(pause{41*second + 500_000_000, 41*second + 550_000_000})
	if watch.delays(42*second, time.Second) {
		t.Error("60 ms explain that a second was too short")
	}
	watch.tell(pause{41*second + 700_000_000, 41*second + 740_000_000})
	if !watch.delays(42*second, time.Second) {
		t.Error("100 ms do not explain that a second was too short")
	}
}

// TestFiguresAloneAreExcused: whatever else fails, also in a part of an attempt, has failed.
func TestFiguresAloneAreExcused(t *testing.T) {
	a := &attempt{TB: t}
	part := partOf(a)
	done := make(chan struct{})
	go func() {
		defer close(done)
		figures.atMost(part, "lateness", 2, 1, "ms")
		figures.never(a, "memory", 2, 1, "MiB")
		judgePeak(a, "peak", toneDBFS+overshoot+0.1, 0.1)
		part.Fatal("a word is missing")
	}()
	<-done
	if len(a.beyond) != 2 || len(a.failures) != 3 || len(a.rows) != 4 {
		t.Fatalf("beyond %q, failures %q, rows %+v", a.beyond, a.failures, a.rows)
	}
	a.excuse(10 * time.Millisecond)
	var verdicts []string
	for _, r := range a.rows {
		verdicts = append(verdicts, r.verdict)
	}
	if want := []string{notJudged, surely, notJudged, surely}; !slices.Equal(verdicts, want) || len(a.failures) != 3 || len(a.beyond) != 0 {
		t.Errorf("verdicts %q, want %q; failures %q, beyond %q", verdicts, want, a.failures, a.beyond)
	}
}

func TestWhatIsExactIsFoundAroundWhatIsNot(t *testing.T) {
	source := noise(20_000).Channels[0]
	x := make([]float64, 700) // silence first
	x = append(x, source[:5000]...)
	for i := range 3000 { // resampled
		x = append(x, (source[5000+i]+source[5001+i])/2)
	}
	x = append(x, source[9000:15_000]...)
	x = append(x, source[15_001:]...) // one is missing
	others, same := exact(laidOut(x, aes67.MonoTime(30*time.Second)), source)
	if len(others) != 2 || others[0].Frame != 5700 || others[0].Length < 3000 || others[0].Length > 3480 || others[1].Length != 0 {
		t.Errorf("others: %+v, want 3000 frames at 5700 and an edge at 14700", others)
	}
	if same < 15_500 || same > 16_000 {
		t.Errorf("%d frames are the source's, want nearly 15999", same)
	}

	source = noise(400_000).Channels[0]
	x = slices.Concat(source[:5000], make([]float64, 100_000), source[250_000:]) // a leap, further than was heard
	if others, same = exact(laidOut(x, aes67.MonoTime(30*time.Second)), source); len(others) != 1 || same < 5000+100_000 {
		t.Errorf("%d frames are the source's, want 105000 and more, around %+v", same, others)
	}
}
