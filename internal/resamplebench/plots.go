package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"aes67-sink/internal/lab"
)

// draw writes the plots of docs/resampler.md.
func draw(d door, dir string) error {
	for name, make := range map[string]func(door) (chart, error){
		"spectrum-18k.svg": spectrumChart,
		"sinad.svg":        sinadChart,
		"passband.svg":     passBandChart,
	} {
		c, err := make(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var drawn = conversion{48000, 48000}

func spectrumChart(d door) (chart, error) {
	const hz = 18_000
	c := chart{title: "18 kHz at -1 dBFS, 48 to 48 kHz, 37 ppm off", x: "kHz", y: "dBFS", from: 0, to: 24, low: -220, high: 0, every: 4, each: 20}
	for _, engine := range []string{"soxr-vhq-variable", "libsamplerate-best", ours} {
		out, err := d.through(engine, drawn, 37_000, sine(hz, drawn.in, framesFor(drawn)))
		if err != nil {
			return c, err
		}
		s := lab.MeasureSpectrum(out[skipped:skipped+judged], drawn.out)
		l := line{name: engine}
		const group = 32 // bins to a point: the strongest counts
		for k := 0; k+group <= len(s.Power); k += group {
			most := 0.0
			for _, p := range s.Power[k : k+group] {
				most = max(most, p)
			}
			l.add(float64(k)*s.BinHz/1000, 10*math.Log10(2*most+1e-30))
		}
		c.lines = append(c.lines, l)
	}
	return c, nil
}

func sinadChart(d door) (chart, error) {
	c := chart{title: "SINAD, 48 to 48 kHz, 37 ppm off", x: "kHz", y: "dB", from: 0, to: 22, low: 90, high: 170, every: 2, each: 10}
	for _, engine := range append(append([]string{}, d.engines...), ours) {
		l := line{name: engine}
		for hz := 500.0; hz <= 22_000; hz += 1000 {
			v, err := d.sinad(engine, drawn, 37_000, hz)
			if err != nil {
				return c, err
			}
			l.add(hz/1000, v)
		}
		c.lines = append(c.lines, l)
	}
	return c, nil
}

func passBandChart(d door) (chart, error) {
	c := chart{title: "pass band, 48 to 48 kHz", x: "kHz", y: "dB", from: 0, to: 24, low: -12, high: 2, every: 4, each: 2}
	for _, engine := range []string{"libsamplerate-best", "soxr-vhq-variable", ours} {
		l := line{name: engine}
		for hz := 500.0; hz < 24_000; hz += 250 {
			out, err := d.through(engine, drawn, 37_000, sine(hz, drawn.in, framesFor(drawn)))
			if err != nil {
				return c, err
			}
			fit := lab.FitSine(out[skipped:2*skipped], drawn.out, hz/(1+37e-6))
			l.add(hz/1000, 20*math.Log10(fit.Amplitude)-levelDBFS)
		}
		c.lines = append(c.lines, l)
	}
	return c, nil
}

// chart is a plot of lines over linear axes.
type chart struct {
	title, x, y string
	from, to    float64
	low, high   float64
	every, each float64 // between marks on the axes
	lines       []line
}

type line struct {
	name string
	x, y []float64
}

func (l *line) add(x, y float64) { l.x, l.y = append(l.x, x), append(l.y, y) }

// Size of the drawing and its margins, in pixels.
const (
	width, height                = 860, 420
	leftEdge, rightEdge, topEdge = 60, 190, 40
	bottomEdge                   = 50
)

var colours = []string{"#888888", "#b8860b", "#2e8b57", "#8a2be2", "#cd5c5c", "#4682b4", "#d00000"}

func (c *chart) svg() string {
	var b strings.Builder
	px := func(x float64) float64 {
		return leftEdge + (x-c.from)/(c.to-c.from)*(width-leftEdge-rightEdge)
	}
	py := func(y float64) float64 {
		y = max(c.low, min(c.high, y))
		return topEdge + (c.high-y)/(c.high-c.low)*(height-topEdge-bottomEdge)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="24" font-size="15">%s</text>`+"\n", width, height, leftEdge, c.title)
	for x := c.from; x <= c.to+1e-9; x += c.every {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", px(x), py(c.high), py(c.low), px(x), height-bottomEdge+18, x)
	}
	for y := c.low; y <= c.high+1e-9; y += c.each {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", px(c.from), py(y), px(c.to), leftEdge-6, py(y)+4, y)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text><text x="14" y="%d">%s</text>`+"\n", px((c.from+c.to)/2), height-12, c.x, topEdge-8, c.y)
	for i, l := range c.lines {
		colour := colours[(i+len(colours)-len(c.lines))%len(colours)] // ours, the last, is red
		var path strings.Builder
		for k := range l.x {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], px(l.x[k]), py(l.y[k]))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.3"/>`+"\n", path.String(), colour)
		at := topEdge + 18*(len(c.lines)-i)
		fmt.Fprintf(&b, `<path d="M%d %dh20" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n", width-rightEdge+12, at-4, colour, width-rightEdge+38, at, l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
