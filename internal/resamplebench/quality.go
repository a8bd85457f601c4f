package main

import (
	"fmt"
	"math"
	"text/tabwriter"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

const (
	levelDBFS = -1
	// judged is how many output frames a figure is of, skipped how many the
	// longest history is.
	judged, skipped = 1 << 17, 1 << 14
)

// sine is a tone of float32 quality.
func sine(hz float64, rate aes67.Hz, frames int) []float64 {
	x, amplitude := make([]float64, frames), math.Pow(10, levelDBFS/20.0)
	for i := range x {
		turns := math.Mod(hz*float64(i), float64(rate)) / float64(rate)
		x[i] = float64(float32(amplitude * math.Sin(2*math.Pi*turns)))
	}
	return x
}

// framesFor is the input that a figure needs.
func framesFor(c conversion) int {
	return int(float64(judged+2*skipped)*float64(c.in)/float64(c.out)) + 8*blockFrames
}

// sinad passes a tone through and measures what comes out.
func (d door) sinad(engine string, c conversion, ratio aes67.PPB, hz float64) (float64, error) {
	out, err := d.through(engine, c, ratio, sine(hz, c.in, framesFor(c)))
	if err != nil {
		return 0, err
	}
	if len(out) < judged+skipped {
		return 0, fmt.Errorf("%s, %v: only %d frames came out", engine, c, len(out))
	}
	fit := lab.FitSine(out[skipped:skipped+judged], c.out, hz/(1+float64(ratio)*1e-9))
	return 20 * math.Log10(fit.Amplitude/math.Sqrt2/math.Hypot(fit.Residual, fit.DC)), nil
}

// qualityTable holds every cell to 150 dB and to libsamplerate's best.
func qualityTable(w *tabwriter.Writer, d door) (missed int, err error) {
	// own is what a float32 sine has itself: beyond it a figure tells of which
	// lines of the input's own rounding lie in the output's band.
	const least, own = 150, 153
	fmt.Fprintf(w, "\nSINAD in dB, constant ratio: ours / libsamplerate's best; goal: 150, and above it in every cell, or beyond the %d that the input has\n", own)
	tones := []float64{997, 10_000, 18_000, 20_000}
	fmt.Fprint(w, "conversion\tratio off by ppm")
	for _, hz := range tones {
		fmt.Fprintf(w, "\t%g Hz", hz)
	}
	fmt.Fprintln(w)
	for _, c := range conversions {
		for _, ratio := range []aes67.PPB{0, 50_000, -50_000, 500_000, -500_000} {
			fmt.Fprintf(w, "%v\t%+g", c, float64(ratio)/1000)
			for _, hz := range tones {
				mine, err := d.sinad(ours, c, ratio, hz)
				if err != nil {
					return missed, err
				}
				best, err := d.sinad("libsamplerate-best", c, ratio, hz)
				if err != nil {
					return missed, err
				}
				fmt.Fprintf(w, "\t%.1f / %.1f%s", mine, best, verdict(&missed, mine >= least && (mine > best || mine >= own)))
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintf(w, "\nSINAD in dB of all, 48 to 48 kHz, 37 ppm off\nengine\t997 Hz\t10 kHz\t18 kHz\n")
	for _, engine := range append([]string{ours}, d.engines...) {
		fmt.Fprint(w, engine)
		for _, hz := range []float64{997, 10_000, 18_000} {
			v, err := d.sinad(engine, conversion{48000, 48000}, 37_000, hz)
			if err != nil {
				return missed, err
			}
			fmt.Fprintf(w, "\t%.1f", v)
		}
		fmt.Fprintln(w)
	}
	return missed, nil
}

// apart is how far everything outside ±45 Hz of a tone lies below it.
func apart(x []float64, rate aes67.Hz, hz float64) float64 {
	s := lab.MeasureSpectrum(x, rate)
	inside, outside := s.Around(hz, 45)
	return 10 * math.Log10(inside/outside)
}

// wanderTable lets the ratio swing by ±50 ppm at 0.5 Hz.
func wanderTable(w *tabwriter.Writer, d door) (missed int, err error) {
	fmt.Fprintf(w, "\ndB between the tone and all beyond ±45 Hz of it, 48 to 48 kHz, ratio ±50 ppm at 0.5 Hz; goal: 150 / 147\nengine\t10 kHz\t18 kHz\n")
	c := conversion{48000, 48000}
	for _, engine := range append([]string{ours}, d.engines...) {
		if engine == "soxr-vhq-fixed" {
			continue // it cannot
		}
		fmt.Fprint(w, engine)
		for i, hz := range []float64{10_000, 18_000} {
			out, err := d.through(engine, c, wander, sine(hz, c.in, framesFor(c)))
			if err != nil {
				return missed, err
			}
			v := apart(out[skipped:skipped+judged], c.out, hz)
			fmt.Fprintf(w, "\t%.1f", v)
			if engine == ours {
				fmt.Fprint(w, verdict(&missed, v >= []float64{150, 147}[i]))
			}
		}
		fmt.Fprintln(w)
	}
	out, err := throughOurs(c, wander, 48, sine(18_000, c.in, framesFor(c)))
	if err != nil {
		return missed, err
	}
	v := apart(out[skipped:skipped+judged], c.out, 18_000)
	fmt.Fprintf(w, "%s, a new ratio each 48 frames\t\t%.1f\n", ours, v)
	return missed, nil
}

// productTable looks for the worst product below 20 kHz.
func productTable(w *tabwriter.Writer, d door) (missed int, err error) {
	const goal = -155
	fmt.Fprintf(w, "\nworst product below 20 kHz, dB below full scale, of tones from 1 to 22 kHz (ratio off by 37 ppm); goal: %d\n", goal)
	for _, c := range conversions {
		fmt.Fprint(w, c)
		for _, engine := range []string{ours, "libsamplerate-best"} {
			worst := math.Inf(-1)
			for _, hz := range []float64{1000, 5000, 10_000, 15_000, 18_000, 19_500, 20_500, 21_000, 22_000} {
				if hz > float64(c.in)/2 {
					continue
				}
				out, err := d.through(engine, c, 37_000, sine(hz, c.in, framesFor(c)))
				if err != nil {
					return missed, err
				}
				worst = max(worst, product(out[skipped:skipped+judged], c.out, hz/(1+37e-6)))
			}
			fmt.Fprintf(w, "\t%s %.1f", engine, worst)
			if engine == ours {
				fmt.Fprint(w, verdict(&missed, worst <= goal))
			}
		}
		fmt.Fprintln(w)
	}
	return missed, nil
}

// lobe is how many bins to each side a single tone fills.
const lobe = 8

// product is the strongest line below 20 kHz but the tone itself, in dBFS.
func product(x []float64, rate aes67.Hz, hz float64) float64 {
	s := lab.MeasureSpectrum(x, rate)
	worst := 0.0
	for k := lobe; k < len(s.Power)-lobe; k++ {
		f := float64(k) * s.BinHz
		if f > 20_000 {
			break
		}
		if math.Abs(f-hz) <= 2*lobe*s.BinHz {
			continue
		}
		var line float64
		for _, p := range s.Power[k-lobe : k+lobe+1] {
			line += p
		}
		worst = max(worst, line)
	}
	return 10 * math.Log10(2*worst)
}
