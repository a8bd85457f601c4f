package e2e

import (
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// TestAFilmsPlacesAreFound tells flashes apart although some are missing at either end, so
// that an offset of one or two is not taken for none.
func TestAFilmsPlacesAreFound(t *testing.T) {
	film := newFilm(time.Minute)
	began := aes67.MonoTime(time.Hour)
	var instants []aes67.MonoTime
	for n := range film.peaks {
		jitter := time.Duration(n%5) * 4 * time.Millisecond
		instants = append(instants, began.Add(film.at(n)+jitter))
	}
	for _, c := range []struct{ first, last, without int }{{0, 0, -1}, {2, 0, -1}, {0, 3, -1}, {1, 1, 20}} {
		seen := slices.Clone(instants[c.first : len(instants)-c.last])
		if c.without >= 0 {
			seen = slices.Delete(seen, c.without-c.first, c.without-c.first+1)
		}
		placed := film.placed(seen)
		if len(placed) != len(seen) {
			t.Errorf("%+v: %d of %d have a place", c, len(placed), len(seen))
		}
		for n, at := range placed {
			if at != instants[n] {
				t.Errorf("%+v: flash %d is at %v, want %v", c, n, at, instants[n])
			}
		}
	}
}
