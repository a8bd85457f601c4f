package lab

import (
	"testing"

	"aes67-sink/aes67"
)

// TestMarksAreFoundWhereTheyWere cuts the signal into odd blocks: each mark is
// found at its peak, with its block's instant and sign.
func TestMarksAreFoundWhereTheyWere(t *testing.T) {
	for _, block := range []aes67.Frames{1, 7, 48, 256, 9613} {
		var f MarkFinder
		for from := aes67.Frames(0); from < 6*MarkEvery; from += block {
			x := make([]float32, block)
			for i := range x {
				x[i] = float32(MarkSample(from+aes67.Frames(i))) / 8
			}
			f.Take(x, aes67.MonoTime(from))
		}
		if len(f.Found()) != 6 {
			t.Fatalf("blocks of %d: %d marks, want 6", block, len(f.Found()))
		}
		for n, m := range f.Found() {
			peak := aes67.Frames(n)*MarkEvery + MarkEvery/2
			mark, after, ok := MarkPeak(peak-3, 4)
			if m.Frame != peak || m.Negative != (n%2 == 1) || aes67.Frames(m.At)+m.After != peak || mark != n || after != 3 || !ok {
				t.Errorf("blocks of %d: %+v, want the peak at frame %d; MarkPeak says %d, %d, %v", block, m, peak, mark, after, ok)
			}
		}
		if _, _, ok := MarkPeak(MarkEvery/2+1, MarkEvery-1); ok {
			t.Error("a peak is seen between two marks")
		}
	}
}
