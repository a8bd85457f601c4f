// Command resamplebench compares the resampler with those of others, side by
// side in one run: `make bench-resample`. The others are behind one door,
// test/peers/resamplers.cc, built beforehand.
//
// Quality: a float32 sine at -1 dBFS goes through each in blocks of 256 frames;
// at a constant ratio everything that is not the sine counts as noise, over the
// whole band (four-parameter fit, IEEE 1057); while the ratio wanders, everything
// outside ±45 Hz of it. Cost: CPU time for one channel in blocks of 256,
// engines in turn, medians of the rounds' ratios.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"aes67-sink/aes67"
)

// conversion is a pair of rates.
type conversion struct{ in, out aes67.Hz }

func (c conversion) String() string {
	return fmt.Sprintf("%g to %g kHz", float64(c.in)/1000, float64(c.out)/1000)
}

// conversions are those of the goals.
var conversions = []conversion{{48000, 48000}, {44100, 48000}, {44100, 96000}, {48000, 96000}, {96000, 48000}}

func main() {
	peers := flag.String("peers", "build/resamplers", "program with the resamplers of others")
	plots := flag.String("plots", "", "folder for the plots; empty: none")
	rounds := flag.Int("rounds", 7, "rounds of the CPU figures")
	seconds := flag.Float64("seconds", 10, "seconds of sound of one CPU measurement")
	flag.Parse()
	if err := run(*peers, *plots, *rounds, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "resamplebench:", err)
		os.Exit(1)
	}
}

func run(peers, plots string, rounds int, seconds float64) error {
	others, err := openDoor(peers)
	if err != nil {
		return err
	}
	if plots != "" {
		if err := os.MkdirAll(plots, 0o755); err != nil {
			return err
		}
		return draw(others, filepath.Clean(plots))
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	missed := 0
	for _, part := range []func(*tabwriter.Writer, door) (int, error){qualityTable, wanderTable, productTable} {
		n, err := part(w, others)
		if err != nil {
			return err
		}
		missed += n
		if err := w.Flush(); err != nil {
			return err
		}
	}
	n, err := costTable(w, others, rounds, seconds)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed += n; missed > 0 {
		return fmt.Errorf("%d figures miss their goal", missed)
	}
	return nil
}

// verdict marks a figure that misses its goal.
func verdict(missed *int, ok bool) string {
	if ok {
		return ""
	}
	*missed++
	return " MISSED"
}
