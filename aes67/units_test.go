package aes67

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestMediaAt(t *testing.T) {
	// The vectors at TAI second 1 700 000 000 follow from the definition
	// (seconds times rate, modulo 2^32).
	tests := []struct {
		name string
		at   PTPTime
		rate Hz
		want RTPTime
	}{
		{"44.1 kHz at a known second", 1_700_000_000e9, 44100, 1345848320},
		{"48 kHz at a known second", 1_700_000_000e9, 48000, 4211310592},
		{"96 kHz at a known second", 1_700_000_000e9, 96000, 4127653888},
		{"the epoch", 0, 48000, 0},
		{"before the epoch", -5, 48000, 0},
		{"one frame period, exactly due", 20834, 48000, 1},
		{"one frame period, a nanosecond early", 20833, 48000, 0},
		{"a year that needs more than 64 bits in the product", 9_000_000_000e9, 96000, RTPTime(9_000_000_000 * 96000 % (1 << 32))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := MediaAt(test.at, test.rate).RTP(); got != test.want {
				t.Errorf("MediaAt(%d, %d).RTP() = %d, want %d", test.at, test.rate, got, test.want)
			}
		})
	}
}

func TestMediaTimeAndPTPTimeAreInverse(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		rate := Rates[random.IntN(len(Rates))]
		m := MediaTime(random.Int64N(9e9 * int64(rate)))
		at := m.PTP(rate)
		if got := MediaAt(at, rate); got != m {
			t.Fatalf("MediaAt(%d.PTP) at %d Hz = %d", m, rate, got)
		}
		if m > 0 && MediaAt(at-1, rate) != m-1 {
			t.Fatalf("%d.PTP at %d Hz = %d is not the first such instant", m, rate, at)
		}
	}
}

func TestRTPTimeSub(t *testing.T) {
	tests := []struct {
		name string
		a, b RTPTime
		want int32
	}{
		{"one packet later", 48, 0, 48},
		{"one packet earlier", 0, 48, -48},
		{"later, across the wrap", 16, 0xFFFF_FFF0, 32},
		{"earlier, across the wrap", 0xFFFF_FFF0, 16, -32},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.a.Sub(test.b); got != test.want {
				t.Errorf("Sub = %d, want %d", got, test.want)
			}
		})
	}
}

func TestFramesAndDurations(t *testing.T) {
	if got, want := Frames(48).Duration(44100), 1088435*time.Nanosecond; got != want {
		t.Errorf("48 frames at 44.1 kHz last %v, want %v", got, want)
	}
	if got, want := Frames(-48).Duration(48000), -time.Millisecond; got != want {
		t.Errorf("-48 frames at 48 kHz last %v, want %v", got, want)
	}
	for _, rate := range Rates {
		for f := Frames(0); f < 5000; f += 7 {
			if got := FramesIn(f.Duration(rate), rate); got != f && got != f+1 {
				t.Fatalf("FramesIn(%d frames at %d Hz) = %d", f, rate, got)
			}
		}
	}
	if got := FramesIn(5*time.Millisecond, 44100); got != 221 {
		t.Errorf("5 ms at 44.1 kHz hold %d frames, want 221 (220.5 rounded up)", got)
	}
}
