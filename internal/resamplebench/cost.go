package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"aes67-sink/resample"
)

// costGoal is how many times less than another engine ours must take.
type costGoal struct {
	engine string
	less   map[conversion]float64
}

var costGoals = []costGoal{
	{"libsamplerate-best", map[conversion]float64{
		{48000, 48000}: 15, {44100, 48000}: 15, {44100, 96000}: 18, {48000, 96000}: 18, {96000, 48000}: 16,
	}},
	{"soxr-vhq-variable", map[conversion]float64{
		{48000, 48000}: 4, {44100, 48000}: 3.2, {44100, 96000}: 2.5, {48000, 96000}: 2.5, {96000, 48000}: 1.1,
	}},
}

// lesserGoals are those of processors without AVX2, against libsamplerate's best.
var lesserGoals = map[string]float64{"plain Go": 3.5}

// costTable measures all engines in turn and holds ours to its goals.
func costTable(w *tabwriter.Writer, d door, rounds int, seconds float64) (missed int, err error) {
	mine := resample.Arithmetics() // the fastest last
	fmt.Fprintf(w, "\nCPU, %% of a core for one channel, medians of %d rounds of %g s; in brackets: times as much as ours by %s\n", rounds, seconds, mine[len(mine)-1])
	fmt.Fprint(w, "conversion")
	for _, name := range mine {
		fmt.Fprintf(w, "\t%s (%s)", ours, name)
	}
	for _, engine := range d.engines {
		fmt.Fprintf(w, "\t%s", engine)
	}
	fmt.Fprintln(w)
	for _, c := range conversions {
		took := map[string][]float64{}
		for range rounds {
			for _, name := range mine {
				s, err := timeOurs(c, name, seconds)
				if err != nil {
					return missed, err
				}
				took[name] = append(took[name], s)
			}
			for _, engine := range d.engines {
				s, err := d.timeTheirs(engine, c, seconds)
				if err != nil {
					return missed, err
				}
				took[engine] = append(took[engine], s)
			}
		}
		best := took[mine[len(mine)-1]]
		fmt.Fprint(w, c)
		for _, name := range append(slices.Clone(mine), d.engines...) {
			times := ratio(took[name], best)
			mark := ""
			for _, g := range costGoals {
				if g.engine == name {
					mark = verdict(&missed, times >= g.less[c])
				}
			}
			if goal, lesser := lesserGoals[name]; lesser {
				mark = verdict(&missed, ratio(took["libsamplerate-best"], took[name]) >= goal)
			}
			fmt.Fprintf(w, "\t%.3f (%.1f)%s", 100*median(took[name])/seconds, times, mark)
		}
		fmt.Fprintln(w)
	}
	return missed, nil
}

// ratio is the median of the rounds' ratios.
func ratio(a, b []float64) float64 {
	var list []float64
	for i := range a {
		list = append(list, a[i]/b[i])
	}
	return median(list)
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func (d door) timeTheirs(engine string, c conversion, seconds float64) (float64, error) {
	out, err := exec.Command(d.program, "time", engine, fmt.Sprint(int(c.in)), fmt.Sprint(int(c.out)), "37000", fmt.Sprint(blockFrames), fmt.Sprint(seconds)).Output()
	if err != nil {
		return 0, fmt.Errorf("%s, %v: %w", engine, c, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// timeOurs takes the CPU time of this thread.
func timeOurs(c conversion, arithmetic string, seconds float64) (float64, error) {
	r, err := resample.New(1, c.in, c.out)
	if err != nil {
		return 0, err
	}
	if err := r.Use(arithmetic); err != nil {
		return 0, err
	}
	r.SetRatio(37_000, 0)
	in, out := make([]float32, 4*blockFrames), [][]float64{make([]float64, blockFrames)}
	for i := range in {
		in[i] = 0.9 * float32(i%7) / 7
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadSeconds()
	for made := 0.0; made < seconds*float64(c.out); made += blockFrames {
		r.Push(in[:r.Needed(blockFrames)])
		r.Process(out)
	}
	return threadSeconds() - began, nil
}

func threadSeconds() float64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now)
	return float64(now.Nano()) * 1e-9
}
