package ring_test

import (
	"math/rand/v2"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ring"
)

// ramp returns frames whose samples tell which they are: frame, then channel.
func ramp(first, frames, channels int) []float32 {
	out := make([]float32, 0, frames*channels)
	for f := first; f < first+frames; f++ {
		for c := range channels {
			out = append(out, float32(f*channels+c))
		}
	}
	return out
}

func TestCapacityIsRoundedUpToAPowerOfTwo(t *testing.T) {
	for _, c := range []struct{ asked, want aes67.Frames }{{1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {1000, 1024}} {
		if got := ring.New(2, c.asked).Capacity(); got != c.want {
			t.Errorf("New(2, %d).Capacity() = %d, want %d", c.asked, got, c.want)
		}
	}
}

func TestWriteAcceptsWhatFits(t *testing.T) {
	for _, c := range []struct {
		name               string
		filled, write      int
		accepted, overruns int
	}{
		{"an empty write", 0, 0, 0, 0},
		{"into an empty ring", 0, 5, 5, 0},
		{"up to the brim", 3, 5, 5, 0},
		{"one more than fits", 3, 6, 5, 1},
		{"into a full ring", 8, 3, 0, 3},
		{"more than a whole ring", 0, 20, 8, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ring.New(2, 8)
			r.Write(ramp(0, c.filled, 2))
			if got := r.Write(ramp(c.filled, c.write, 2)); got != aes67.Frames(c.accepted) {
				t.Errorf("Write accepted %d, want %d", got, c.accepted)
			}
			if got := r.Overruns(); got != uint64(c.overruns) {
				t.Errorf("Overruns() = %d, want %d", got, c.overruns)
			}
			if got, want := r.Written(), aes67.Frames(c.filled+c.accepted); got != want || r.Available() != want {
				t.Errorf("Written() = %d, Available() = %d, want %d", got, r.Available(), want)
			}
		})
	}
}

func TestSamplesAfterTheLastWholeFrameAreIgnored(t *testing.T) {
	r := ring.New(3, 8)
	if got := r.Write(make([]float32, 8)); got != 2 || r.Overruns() != 0 {
		t.Errorf("Write of 8 samples in threes accepted %d frames with %d overruns, want 2 and 0", got, r.Overruns())
	}
}

func TestViewIsBoundedByWhatIsThere(t *testing.T) {
	r := ring.New(1, 8)
	r.Write(ramp(0, 3, 1))
	if a, b := r.View(100); len(a) != 3 || len(b) != 0 {
		t.Errorf("View(100) of 3 frames = %d and %d samples, want 3 and 0", len(a), len(b))
	}
	if a, b := r.View(-1); len(a)+len(b) != 0 {
		t.Errorf("View(-1) = %d samples, want 0", len(a)+len(b))
	}
}

func TestCommitBeyondTheDataPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Commit(1) of an empty ring did not panic")
		}
	}()
	ring.New(1, 8).Commit(1)
}

// Every accepted frame comes out once, whole and in order, and accepted plus
// overruns is all that was written.
func TestFramesComeOutOnceAndInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		channels, capacity := 1+rng.IntN(8), 1+rng.IntN(40)
		r := ring.New(channels, aes67.Frames(capacity))
		var offered int
		var want, got []float32
		for range 50 {
			in := ramp(offered, rng.IntN(2*capacity), channels)
			offered += len(in) / channels
			want = append(want, in[:int(r.Write(in))*channels]...)

			a, b := r.View(aes67.Frames(rng.IntN(2 * capacity)))
			got = append(append(got, a...), b...)
			r.Commit(aes67.Frames((len(a) + len(b)) / channels))
		}
		a, b := r.View(r.Available())
		got = append(append(got, a...), b...)
		if len(got) != len(want) {
			t.Fatalf("%d samples came out, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("sample %d = %v, want %v", i, got[i], want[i])
			}
		}
		if int(r.Written())+int(r.Overruns()) != offered {
			t.Fatalf("Written %d + Overruns %d, want %d in all", r.Written(), r.Overruns(), offered)
		}
	}
}

func TestRingDoesNotAllocate(t *testing.T) {
	r, in := ring.New(2, 1024), make([]float32, 2*240)
	if n := testing.AllocsPerRun(1000, func() {
		r.Write(in)
		r.View(48)
		r.Commit(r.Available())
	}); n != 0 {
		t.Fatalf("a round allocates %v times, want 0", n)
	}
}
