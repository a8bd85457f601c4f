package drift

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"aes67-sink/aes67"
)

func newArrival() *arrival { return &arrival{rate: 48000, tick: tickPipeWire} }

// feed passes blocks of the given frames, each length late as told, for a time.
func feed(a *arrival, block aes67.Frames, length time.Duration, late func(i int) time.Duration, cut ...aes67.Frames) {
	if cut == nil {
		cut = []aes67.Frames{block}
	}
	var total aes67.Frames
	var stamp aes67.MonoTime
	for i := 1; ; i++ {
		end := (aes67.Frames(i) * block).Duration(a.rate)
		if end > length {
			return
		}
		stamp = max(stamp, aes67.MonoTime(end+late(i)))
		for _, frames := range cut {
			total += frames
			a.arrived(total, stamp)
		}
	}
}

func onTime(int) time.Duration { return 0 }

// TestWrittenIsTheNominalCount holds for every way to cut and to delay, and at
// any instant between arrivals.
func TestWrittenIsTheNominalCount(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	tests := []struct {
		name  string
		block aes67.Frames
		late  func(int) time.Duration
		cut   []aes67.Frames
		most  float64 // frames
	}{
		{"on time", 240, onTime, nil, 0.001},
		// Their lengths are not whole nanoseconds: 0.4 ppm, to be found out.
		{"odd pieces", 240, onTime, []aes67.Frames{230, 5, 5}, 0.2},
		{"odd pieces first", 240, onTime, []aes67.Frames{5, 19, 216}, 0.2},
		{"bursts of three", 240, func(i int) time.Duration { return time.Duration(2-i%3) * 5 * time.Millisecond }, nil, 0.001},
		{"late by up to 200 us", 240, func(int) time.Duration { return time.Duration(random.Int64N(200e3)) }, nil, 0.5},
		{"late by up to 20 ms, every third", 240, func(i int) time.Duration {
			if i%3 > 0 {
				return 0
			}
			return time.Duration(random.Int64N(20e6))
		}, nil, 0.001},
		{"8192 frames", 8192, onTime, nil, 0.001},
	}
	for _, test := range tests {
		a := newArrival()
		feed(a, test.block, 10*time.Second, test.late, test.cut...)
		for range 200 {
			at := aes67.MonoTime(10e9 + random.Int64N(20e6))
			if got, want := a.written(at), float64(at)*48e-6; math.Abs(got-want) > test.most {
				t.Errorf("%s: %.4f frames written at %d ns, want %.4f", test.name, got, at, want)
				break
			}
		}
	}
}

func TestPunctualArrivalsDecideWhenOthersAreLate(t *testing.T) {
	a := newArrival()
	feed(a, 240, 20*time.Second, func(i int) time.Duration {
		return time.Duration((20-i%20)%20) * time.Millisecond
	})
	if got, want := a.written(20e9), 960_000.; math.Abs(got-want) > 0.01 {
		t.Errorf("written %.3f, want %.3f", got, want)
	}
}

func TestRoundedPiecesMakeTheServerFast(t *testing.T) {
	// 230 and 10 frames are 4791.67 and 208.33 us: one of 5000 us is lost.
	const lost = 200e-6
	a := &arrival{rate: 48000, tick: tickPulseAudio}
	var total aes67.Frames
	var served time.Duration
	for served < 20*time.Second {
		served += 4999 * time.Microsecond
		a.arrived(total+230, aes67.MonoTime(served))
		a.arrived(total+240, aes67.MonoTime(served))
		total += 240
	}
	if got, want := a.fast(), 1/(1-lost)-1; math.Abs(got-want) > 1e-9 {
		t.Errorf("the server is fast by %g, want %g", got, want)
	}
	if slope := a.regression.slope(); slope != 0 {
		t.Errorf("the line bends by %g, want none", slope)
	}
	if got, want := a.written(aes67.MonoTime(served)), float64(total); math.Abs(got-want) > 0.01 {
		t.Errorf("written %.3f, want %.3f", got, want)
	}
}

func TestAPauseBeginsTheCountAnew(t *testing.T) {
	tests := []struct {
		name  string
		block aes67.Frames
		pause time.Duration
		anew  bool
	}{
		{"90 ms between short messages", 240, 90 * time.Millisecond, false},
		{"120 ms between short messages", 240, 120 * time.Millisecond, true},
		{"400 ms between messages of 171 ms", 8192, 400 * time.Millisecond, false},
		{"700 ms between messages of 171 ms", 8192, 700 * time.Millisecond, true},
	}
	for _, test := range tests {
		a := newArrival()
		feed(a, test.block, 5*time.Second, onTime)
		a.arrived(a.total+test.block, a.last.Add(test.pause))
		if got := !a.ready(); got != test.anew {
			t.Errorf("%s: begun anew is %v, want %v", test.name, got, test.anew)
		}
	}
}
