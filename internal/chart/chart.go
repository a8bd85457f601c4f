// Package chart draws the plots of the documents.
package chart

import (
	"fmt"
	"math"
	"strings"
)

// Chart is a plot of lines over linear axes.
type Chart struct {
	Title, X, Y string
	From, To    float64
	Low, High   float64
	Every, Each float64 // between marks on the axes
	Lines       []Line
}

// Line is one of them.
type Line struct {
	Name string
	X, Y []float64
}

// Add takes the next point; one without a height (NaN) breaks the line.
func (l *Line) Add(x, y float64) { l.X, l.Y = append(l.X, x), append(l.Y, y) }

// Size of the drawing and its margins, in pixels.
const (
	width, height                = 860, 420
	leftEdge, rightEdge, topEdge = 60, 190, 40
	bottomEdge                   = 50
)

var colours = []string{"#888888", "#b8860b", "#2e8b57", "#8a2be2", "#cd5c5c", "#4682b4", "#d00000"}

// SVG draws the chart; the last line is in the strongest colour.
func (c *Chart) SVG() string {
	var b strings.Builder
	px := func(x float64) float64 {
		return leftEdge + (x-c.From)/(c.To-c.From)*(width-leftEdge-rightEdge)
	}
	py := func(y float64) float64 {
		y = max(c.Low, min(c.High, y))
		return topEdge + (c.High-y)/(c.High-c.Low)*(height-topEdge-bottomEdge)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="24" font-size="15">%s</text>`+"\n", width, height, leftEdge, c.Title)
	for x := c.From; x <= c.To+1e-9; x += c.Every {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%.4g</text>`+"\n", px(x), py(c.High), py(c.Low), px(x), height-bottomEdge+18, x)
	}
	for y := c.Low; y <= c.High+1e-9; y += c.Each {
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.4g</text>`+"\n", px(c.From), py(y), px(c.To), leftEdge-6, py(y)+4, y)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text><text x="14" y="%d">%s</text>`+"\n", px((c.From+c.To)/2), height-12, c.X, topEdge-8, c.Y)
	for i, l := range c.Lines {
		colour := colours[(i+len(colours)-len(c.Lines))%len(colours)] // ours, the last, is red
		var path strings.Builder
		pen := 'M'
		for k := range l.X {
			if math.IsNaN(l.Y[k]) {
				pen = 'M'
				continue
			}
			fmt.Fprintf(&path, "%c%.1f %.1f", pen, px(l.X[k]), py(l.Y[k]))
			pen = 'L'
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.3"/>`+"\n", path.String(), colour)
		at := topEdge + 18*(len(c.Lines)-i)
		fmt.Fprintf(&b, `<path d="M%d %dh20" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n", width-rightEdge+12, at-4, colour, width-rightEdge+38, at, l.Name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
