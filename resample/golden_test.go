package resample_test

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The output for a fixed noise, with a ramp in it. It holds any other
// implementation of the arithmetic to this one, to within rounding.
func TestOutputIsAsRecorded(t *testing.T) {
	const path = "testdata/noise.golden"
	var now strings.Builder
	for _, p := range pairs() {
		const channels, frames = 2, 700
		r, out := newResampler(t, channels, p), block(channels, frames)
		r.SetRatio(1_500_000, 600)
		noise(r, channels, 0, r.Needed(frames))
		r.Process(out)
		for c := range out {
			for n := 20; n < frames; n += 85 {
				fmt.Fprintf(&now, "%d %d %d %d %.17g\n", p.in, p.out, c, n, out[c][n])
			}
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, want := bufio.NewScanner(strings.NewReader(now.String())), strings.Split(strings.TrimSpace(string(golden)), "\n")
	for _, line := range want {
		var where, wantWhere [4]int
		var v, wantV float64
		if !got.Scan() {
			t.Fatalf("fewer values than in %s", path)
		}
		parse(t, got.Text(), &where, &v)
		parse(t, line, &wantWhere, &wantV)
		if where != wantWhere || math.Abs(v-wantV) > 1e-14 {
			t.Errorf("%v = %v, want %v = %v", where, v, wantWhere, wantV)
		}
	}
}

func parse(t *testing.T, line string, where *[4]int, v *float64) {
	t.Helper()
	if _, err := fmt.Sscan(line, &where[0], &where[1], &where[2], &where[3], v); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
}
