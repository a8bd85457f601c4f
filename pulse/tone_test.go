package pulse

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

// played is all of a tone, read in blocks of an odd size.
func played(tn *Tone) []float32 {
	var all []float32
	block := make([]float32, 7*len(tn.gains))
	for {
		n := tn.Read(block)
		all = append(all, block[:n]...)
		if n < len(block) {
			return all
		}
	}
}

func TestToneIsAFadedSineOfTheLevelAskedFor(t *testing.T) {
	const rate, frequency, amplitude = 48000, 440.0, 0.01
	const frames = rate / 2
	got := played(&Tone{gains: []float32{amplitude, 0}, step: frequency / rate, left: frames, fade: 1440})
	if len(got) != 2*frames {
		t.Fatalf("%d samples, want %d", len(got), 2*frames)
	}
	peak, power, slope := 0.0, 0.0, 0.0
	for i := 0; i < len(got); i += 2 {
		x := float64(got[i])
		peak = max(peak, math.Abs(x))
		if frame := i / 2; frame >= rate/10 && frame < rate*2/5 {
			power += x * x / (rate * 3 / 10)
		}
		if i > 0 {
			slope = max(slope, math.Abs(x-float64(got[i-2])))
		}
		if got[i+1] != 0 {
			t.Fatalf("frame %d: %v on the silent channel", i/2, got[i+1])
		}
	}
	if peak > amplitude*(1+1e-6) || peak < 0.999*amplitude {
		t.Errorf("peak %v, want %v", peak, amplitude)
	}
	if rms := math.Sqrt(power); math.Abs(rms/(amplitude/math.Sqrt2)-1) > 1e-3 {
		t.Errorf("rms %v, want %v", rms, amplitude/math.Sqrt2)
	}
	if limit := 1.001 * amplitude * 2 * math.Pi * frequency / rate; slope > limit {
		t.Errorf("slope %v a frame, want at most that of the sine, %v", slope, limit)
	}
	if first, last := math.Abs(float64(got[0])), math.Abs(float64(got[len(got)-2])); first != 0 || last > 1e-6*amplitude {
		t.Errorf("begins at %v and ends at %v, want zero", first, last)
	}
}

func TestToneDoesNotAllocate(t *testing.T) {
	tn := Tone{gains: []float32{0.01, 0.01}, step: 0.01, left: 1 << 40, fade: 1440}
	block := make([]float32, 960)
	if aes67.FramesIn(toneFade, 48000) != 1440 {
		t.Error("the fade of these tests is not the program's")
	}
	if n := testing.AllocsPerRun(100, func() { tn.Read(block) }); n != 0 {
		t.Errorf("%v allocations a block, want 0", n)
	}
}

func TestToneGains(t *testing.T) {
	stereo := []string{"front-left", "front-right"}
	for _, test := range []struct {
		name, side string
		channels   []string
		want       []float32
	}{
		{"left", "left", stereo, []float32{0.5, 0}},
		{"right", "right", stereo, []float32{0, 0.5}},
		{"both", "both", stereo, []float32{0.5, 0.5}},
		{"swapped", "left", []string{"front-right", "front-left"}, []float32{0, 0.5}},
		{"surround", "both", []string{"front-left", "front-right", "lfe"}, []float32{0.5, 0.5, 0}},
		{"neither left nor right", "both", []string{"aux0", "aux1"}, []float32{0.5, 0.5}},
		{"no left", "left", []string{"mono"}, nil},
	} {
		got, err := ToneGains(test.side, test.channels, 0.5)
		if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != (test.want != nil) {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}
