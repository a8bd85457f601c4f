package resample_test

import (
	"testing"

	"aes67-sink/aes67"
)

func TestAPacketDoesNotAllocate(t *testing.T) {
	for _, p := range pairs() {
		r := newResampler(t, 2, p)
		in, out := make([]float32, 1024), block(2, 48)
		ratio := aes67.PPB(0)
		if n := testing.AllocsPerRun(100, func() {
			ratio += 100
			r.SetRatio(ratio, 48)
			r.Push(in[:2*r.Needed(48)])
			r.Process(out)
			_, _, _ = r.Position(), r.Delay(), r.Ratio()
		}); n != 0 {
			t.Errorf("%v: a packet allocates %v times, want 0", p, n)
		}
	}
}
