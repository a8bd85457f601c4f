package status

import (
	"math"
	"strings"
)

// The steps of a sparkline, the lowest first; and what stands where locale and font
// have no more than ASCII.
const (
	sparkSteps      = "▁▂▃▄▅▆▇█"
	sparkStepsASCII = "_.:-=+*#"
)

// sparkline draws values as bars from the lowest to the highest of them, at most so
// many columns wide, one a value: where there are more values than columns, each column
// has the greatest by amount of several. NaN, what is not known, is left free. What does
// not change lies at the bottom.
func sparkline(values []float64, width int, ascii bool) string {
	values = squeezed(values, width)
	low, high, known := span(values)
	if !known {
		return strings.Repeat(" ", len(values))
	}
	steps := []rune(sparkSteps)
	if ascii {
		steps = []rune(sparkStepsASCII)
	}
	var b strings.Builder
	for _, x := range values {
		switch {
		case math.IsNaN(x):
			b.WriteByte(' ')
		case high == low:
			b.WriteRune(steps[0])
		default:
			b.WriteRune(steps[int(math.Round((x-low)/(high-low)*float64(len(steps)-1)))])
		}
	}
	return b.String()
}

// squeezed makes at most width values of many.
func squeezed(values []float64, width int) []float64 {
	if width <= 0 || len(values) <= width {
		return values
	}
	out := make([]float64, width)
	for i := range out {
		out[i] = math.NaN()
		for _, x := range values[i*len(values)/width : (i+1)*len(values)/width] {
			if math.IsNaN(out[i]) || math.Abs(x) > math.Abs(out[i]) {
				out[i] = x
			}
		}
	}
	return out
}

// span is from where to where the known values go.
func span(values []float64) (low, high float64, known bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if !math.IsNaN(x) {
			low, high, known = min(low, x), max(high, x), true
		}
	}
	return low, high, known
}
