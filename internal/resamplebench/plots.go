package main

import (
	"math"
	"os"
	"path/filepath"

	"aes67-sink/internal/chart"
	"aes67-sink/internal/lab"
)

// draw writes the plots of docs/resampler.md.
func draw(d door, dir string) error {
	for name, make := range map[string]func(door) (chart.Chart, error){
		"spectrum-18k.svg": spectrumChart,
		"sinad.svg":        sinadChart,
		"passband.svg":     passBandChart,
	} {
		c, err := make(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.SVG()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var drawn = conversion{48000, 48000}

func spectrumChart(d door) (chart.Chart, error) {
	const hz = 18_000
	c := chart.Chart{Title: "18 kHz at -1 dBFS, 48 to 48 kHz, 37 ppm off", X: "kHz", Y: "dBFS", From: 0, To: 24, Low: -220, High: 0, Every: 4, Each: 20}
	for _, engine := range []string{"soxr-vhq-variable", "libsamplerate-best", ours} {
		out, err := d.through(engine, drawn, 37_000, sine(hz, drawn.in, framesFor(drawn)))
		if err != nil {
			return c, err
		}
		s := lab.MeasureSpectrum(out[skipped:skipped+judged], drawn.out)
		l := chart.Line{Name: engine}
		const group = 32 // bins to a point: the strongest counts
		for k := 0; k+group <= len(s.Power); k += group {
			most := 0.0
			for _, p := range s.Power[k : k+group] {
				most = max(most, p)
			}
			l.Add(float64(k)*s.BinHz/1000, 10*math.Log10(2*most+1e-30))
		}
		c.Lines = append(c.Lines, l)
	}
	return c, nil
}

func sinadChart(d door) (chart.Chart, error) {
	c := chart.Chart{Title: "SINAD, 48 to 48 kHz, 37 ppm off", X: "kHz", Y: "dB", From: 0, To: 22, Low: 90, High: 170, Every: 2, Each: 10}
	for _, engine := range append(append([]string{}, d.engines...), ours) {
		l := chart.Line{Name: engine}
		for hz := 500.0; hz <= 22_000; hz += 1000 {
			v, err := d.sinad(engine, drawn, 37_000, hz)
			if err != nil {
				return c, err
			}
			l.Add(hz/1000, v)
		}
		c.Lines = append(c.Lines, l)
	}
	return c, nil
}

func passBandChart(d door) (chart.Chart, error) {
	c := chart.Chart{Title: "pass band, 48 to 48 kHz", X: "kHz", Y: "dB", From: 0, To: 24, Low: -12, High: 2, Every: 4, Each: 2}
	for _, engine := range []string{"libsamplerate-best", "soxr-vhq-variable", ours} {
		l := chart.Line{Name: engine}
		for hz := 500.0; hz < 24_000; hz += 250 {
			out, err := d.through(engine, drawn, 37_000, sine(hz, drawn.in, framesFor(drawn)))
			if err != nil {
				return c, err
			}
			fit := lab.FitSine(out[skipped:2*skipped], drawn.out, hz/(1+37e-6))
			l.Add(hz/1000, 20*math.Log10(fit.Amplitude)-levelDBFS)
		}
		c.Lines = append(c.Lines, l)
	}
	return c, nil
}
