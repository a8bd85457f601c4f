package speakers

import (
	"strings"
	"testing"
)

func TestDecideTellsTheWiring(t *testing.T) {
	var (
		left    = Reading{-110, -60, -110}
		right   = Reading{-110, -110, -60}
		silent  = Reading{-110, -110, -110}
		noisyL  = Reading{-75, -60, -72} // noise below the tone
		noisyR  = Reading{-74, -76, -58}
		leaking = Reading{-110, -60, -85} // the other channel, 25 dB down
		both    = Reading{-110, -60, -60}
		other   = Reading{-30, -31, -29}
	)
	names := []string{"Left", "Right"}
	for _, c := range []struct {
		what    string
		names   []string
		heard   []Reading
		left    int
		done    bool
		swapped bool
		says    string
	}{
		{"straight", names, []Reading{left, right}, 0, true, false, "Left plays left, Right plays right"},
		{"swapped", names, []Reading{right, left}, 1, true, true, "by their names they are swapped"},
		{"without a side in their names", []string{"Desk", "Shelf"}, []Reading{right, left}, 1, true, false, "Shelf plays left, Desk plays right"},
		{"with noise", names, []Reading{noisyL, noisyR}, 0, true, false, "plays right"},
		{"with a leak", names, []Reading{leaking, right}, 0, true, false, "plays right"},
		{"one silent", names, []Reading{left, silent}, -1, false, false, "nothing is heard by Right"},
		{"both on left", names, []Reading{left, left}, -1, false, false, "both play the left stream"},
		{"both on right", names, []Reading{right, noisyR}, -1, false, false, "both play the right stream"},
		{"one plays both", names, []Reading{both, right}, -1, false, false, "Left plays both streams"},
		{"another session", names, []Reading{other, right}, -1, false, false, "Left plays something else"},
		{"nothing", names, []Reading{silent, silent}, -1, false, false, "nothing is heard by Left and Right"},
		{"three, one of them silent", []string{"A", "B", "C"}, []Reading{silent, right, left}, 2, true, false, "C plays left, B plays right"},
	} {
		w := Decide(c.names, c.heard)
		if w.Left != c.left || w.Done != c.done || w.Swapped != c.swapped || !strings.Contains(w.Says, c.says) {
			t.Errorf("%s: %+v, want left %d, done %v, swapped %v, %q", c.what, w, c.left, c.done, c.swapped, c.says)
		}
	}
}
