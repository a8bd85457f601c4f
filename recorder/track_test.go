package recorder

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"
)

// TestAHistoryOfADay lets 25 hours pass with a fill that rises in each minute.
func TestAHistoryOfADay(t *testing.T) {
	l := newDesk(testPlan).look
	const looks = 25 * 3600 * 4
	h := newHistory(2)
	at := l.At
	for n := range looks {
		at = at.Add(LookEach)
		l.At, l.Raw = at, l.Raw.Add(LookEach)
		l.Fill = 1000 + float64(n%240)
		l.OffsetNS = math.NaN()
		h.add(&l, 40)
		h.late(40*time.Microsecond, l.Raw)
	}
	all := h.all()
	if n := len(all.Fast.UnixS); n != fastPoints || all.Fast.StepS != 0.25 || all.Fast.UnixS[n-1] != float64(at.Unix()) {
		t.Errorf("fast: %d points of %v s to %v", n, all.Fast.StepS, all.Fast.UnixS[n-1])
	}
	if n := len(all.Slow.UnixS); n != slowPoints || all.Slow.StepS != 60 {
		t.Errorf("slow: %d points of %v s", n, all.Slow.StepS)
	}
	for name, want := range map[string]float64{
		FillFrames: 1120, FillFrames + MinSuffix: 1000, FillFrames + MaxSuffix: 1239,
		LatenessUS: 40, PeakPrefix + "1" + MaxSuffix: -7, TargetFrames + MinSuffix: 1056,
	} {
		if series := all.Slow.Series[name]; len(series) != slowPoints || series[7] != want {
			t.Errorf("%s: %v of %d, want %v", name, series[7], len(series), want)
		}
	}
	if x := all.Slow.Series[OffsetNS][9]; !math.IsNaN(x) {
		t.Errorf("an offset that was never known is %v", x)
	}
	if n := all.Lateness.Counts[3]; n < 23*3600*4 || n > 24*3600*4 {
		t.Errorf("%d packets of a day, want 24 h of 4 a second", n)
	}
	if len(all.Lateness.Counts) != len(all.Lateness.EdgesUS)+1 {
		t.Errorf("%d counts between %d edges", len(all.Lateness.Counts), len(all.Lateness.EdgesUS))
	}
	text, err := json.Marshal(all)
	if err != nil || len(text) > 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if got := h.fast.track(float64(at.Unix()) - 1); len(got.UnixS) != 4 || len(got.Series[FillFrames]) != 4 {
		t.Errorf("the last second has %d points", len(got.UnixS))
	}
}

// TestAClockThatIsSetBackFreezesNothing: by an hour, within a minute.
func TestAClockThatIsSetBackFreezesNothing(t *testing.T) {
	l := newDesk(testPlan).look
	h := newHistory(2)
	look := func(looks int) {
		for range looks {
			l.At, l.Raw = l.At.Add(LookEach), l.Raw.Add(LookEach)
			h.add(&l, 40)
		}
	}
	unix := func() float64 { return float64(l.At.UnixMilli()) / 1000 }
	look(300)
	before := unix()
	l.At = l.At.Add(-time.Hour)
	look(2)
	if got := h.fast.track(before).UnixS; len(got) != 2 || got[1] != unix() {
		t.Errorf("who has all up to the step is told %v", got)
	}
	if got := h.fast.track(before + 0.1).UnixS; len(got) != 1 || got[0] != unix() {
		t.Errorf("who asks for what is to come is told %v", got)
	}
	look(238)
	all := h.all()
	if n := len(all.Slow.UnixS); n != 1 || all.Slow.UnixS[0] != unix()-15 || h.slow.n != 2 {
		t.Errorf("%d minutes: %v", h.slow.n, all.Slow.UnixS)
	}
	if !slices.IsSorted(all.Fast.UnixS) || len(all.Fast.UnixS) != 240 {
		t.Errorf("the axis of %d points does not rise", len(all.Fast.UnixS))
	}
}

func TestLatenessIsTheWorstBetweenLooks(t *testing.T) {
	d := newDesk(testPlan)
	d.run(time.Second)
	d.late(3*time.Millisecond, 0, 0)
	d.run(time.Second)
	track := d.Points(0)
	if got := track.Series[LatenessUS]; len(got) != 8 || got[3] != 90 || got[4] != 3000 || got[5] != 90 {
		t.Errorf("%v", got)
	}
	if h := d.History().Lateness; h.Counts[len(h.Counts)-1] != 0 || h.Counts[14] != 2 || h.Counts[12] != 1 || h.Counts[5] < 1990 {
		t.Errorf("%v", h)
	}
	d.stands = true
	d.run(time.Second)
	if got := d.Points(0).Series[LatenessUS]; !math.IsNaN(got[len(got)-1]) {
		t.Errorf("without packets the lateness is %v", got[len(got)-1])
	}
}

// A look costs little, and nothing of it stays: four a second may take 250 µs each to
// be 0.1 % of a core.
func BenchmarkLook(b *testing.B) {
	d := newDesk(testPlan)
	b.ReportAllocs()
	for b.Loop() {
		d.run(LookEach)
	}
}

func TestALookAllocatesNothing(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	l := &d.look
	if n := testing.AllocsPerRun(100, func() {
		for range 250 {
			d.Ring.Sent(d.now, d.now, d.now, d.now, false, false)
			d.now += ms
		}
		l.At, l.Raw, l.PTP = l.At.Add(LookEach), d.now, l.PTP+int64(LookEach)
		if d.Look(l) != nil {
			t.Error("an incident")
		}
	}); n != 0 {
		t.Errorf("%v allocations a look", n)
	}
}
