package ptp

import (
	"math"
	"slices"
)

// This file fits curves to one-way measurements. Both directions see the same
// clock, so they share slope and bend; each has its own level:
//
//	to us:     mono - ptp = level + slope x + bend x² + delay + noise
//	to master: mono - ptp = level + slope x + bend x² - delay - noise
//
// The noise of software timestamps has two faces, and there is a fit for each:
//
//   - centre: the noise has a core, alike in both directions, and outliers on
//     either side (an interrupt that was late; a processor that was awake
//     already). The curve through the middle of the core is best: least
//     squares with Tukey's weights.
//   - edge: the noise has no core but a least value, alike in both directions
//     (a queue). The line that touches the fastest messages is best; its error
//     falls with the number of messages, not with its root.

// direction is one stream of measurements in a window, oldest first.
type direction struct {
	x []float64 // s, relative to the instant of the estimate
	y []float64 // ns, mono - ptp, relative to a common base
}

// The two directions.
const (
	toUs = iota
	toMaster
)

// curve is a fit, taken at x = 0.
type curve struct {
	level, levelSE float64 // ns, of mono - ptp, and its standard error
	slope, slopeSE float64 // ns/s
	bend, bendSE   float64 // ns/s²
	swing          swing   // none unless it was fitted; slope includes it
	delay          float64 // ns, one way
	measured       bool    // the delay, in this window
	ok             bool
}

// at returns the curve less its level.
func (c *curve) at(x float64) float64 {
	if c.swing.omega != 0 {
		return c.swing.at(x)
	}
	return (c.slope + c.bend*x) * x
}

// levelOf returns the level of one direction's messages.
func (c *curve) levelOf(which int) float64 {
	if which == toMaster {
		return c.level - c.delay
	}
	return c.level + c.delay
}

const (
	// tukey is the constant of the biweight that is 95 % efficient for gaussian
	// noise.
	tukey = 4.685
	// madToSigma makes a median absolute deviation a standard deviation.
	madToSigma = 1.4826
	// leastSigma is the least noise that is believed, ns: that of mapping one
	// clock of the kernel to the other.
	leastSigma = 20
	// centreRounds of reweighting suffice from a robust start.
	centreRounds = 4
	// minReplies is the weight of delay measurements that a window needs to
	// have its own say on the delay.
	minReplies = 2.5
	// senPoints of each direction are enough for a first slope: 276 pairs.
	senPoints = 24
)

// fitter holds the memory of the fits, which allocate only to grow it.
type fitter struct {
	scratch []float64
	slopes  []float64
}

// median returns the median of v, which it reorders; of an even number it is
// the upper of the middle two.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return quickselect(v, len(v)/2)
}

// quickselect returns the k-th smallest of v and puts it at its place, the
// smaller ones before it.
func quickselect(v []float64, k int) float64 {
	low, high := 0, len(v)-1
	for low < high {
		middle := v[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for v[i] < middle {
				i++
			}
			for v[j] > middle {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// spread returns the median of d less a curve, and the robust standard
// deviation about it.
func (f *fitter) spread(d *direction, c *curve) (level, sigma float64) {
	r := f.scratch[:0]
	for i, x := range d.x {
		r = append(r, d.y[i]-c.at(x))
	}
	level = median(r)
	for i := range r {
		r[i] = math.Abs(r[i] - level)
	}
	f.scratch = r
	return level, max(madToSigma*median(r), leastSigma)
}

// theilSen returns the median slope over the pairs of each direction; up to
// 29 % of the points may be anything.
func (f *fitter) theilSen(dirs *[2]direction) float64 {
	s := f.slopes[:0]
	for i := range dirs {
		d := &dirs[i]
		step := max(1, len(d.x)/senPoints)
		for a := 0; a < len(d.x); a += step {
			for b := a + step; b < len(d.x); b += step {
				if dx := d.x[b] - d.x[a]; dx > 0 {
					s = append(s, (d.y[b]-d.y[a])/dx)
				}
			}
		}
	}
	f.slopes = s
	return median(s)
}

// moments are weighted sums of one direction about its means; q is x².
type moments struct {
	w, x, q, y         float64
	xx, xq, qq, xy, qy float64
}

// weigh gives each point its biweight about a curve and sums up.
func (f *fitter) weigh(d *direction, level, slope, bend, sigma float64) (m moments) {
	scale := 1 / (tukey * sigma)
	weights := f.scratch[:0]
	for k, x := range d.x {
		u := (d.y[k] - (slope+bend*x)*x - level) * scale
		t := max(1-u*u, 0)
		t *= t
		weights = append(weights, t)
		m.w, m.x, m.q, m.y = m.w+t, m.x+t*x, m.q+t*x*x, m.y+t*d.y[k]
	}
	f.scratch = weights
	if m.w == 0 {
		return m
	}
	m.x, m.q, m.y = m.x/m.w, m.q/m.w, m.y/m.w
	for k, x := range d.x {
		t, dx, dq, dy := weights[k], x-m.x, x*x-m.q, d.y[k]-m.y
		m.xx, m.xq, m.qq = m.xx+t*dx*dx, m.xq+t*dx*dq, m.qq+t*dq*dq
		m.xy, m.qy = m.xy+t*dx*dy, m.qy+t*dq*dy
	}
	return m
}

// centre fits through the core, from a first slope and bend. noise is the
// least sigma to believe of each direction. A window that holds too few
// measurements to the master uses the delay given.
func (f *fitter) centre(dirs *[2]direction, slope, bend float64, bent bool, noise [2]float64, delay float64) curve {
	var level, sigma [2]float64
	for i := range dirs {
		level[i], sigma[i] = f.spread(&dirs[i], &curve{slope: slope, bend: bend})
		sigma[i] = max(sigma[i], noise[i])
	}
	var m [2]moments
	var xx, xq, qq, det float64
	for range centreRounds {
		var xy, qy float64
		xx, xq, qq = 0, 0, 0
		for i := range dirs {
			m[i] = f.weigh(&dirs[i], level[i], slope, bend, sigma[i])
			v := 1 / (sigma[i] * sigma[i])
			xx, xq, qq = xx+v*m[i].xx, xq+v*m[i].xq, qq+v*m[i].qq
			xy, qy = xy+v*m[i].xy, qy+v*m[i].qy
		}
		if m[toUs].w == 0 || xx == 0 {
			return curve{}
		}
		slope, bend = xy/xx, 0
		if bent {
			if det = xx*qq - xq*xq; det <= 1e-9*xx*qq {
				return curve{} // too few instants for a bend
			}
			slope, bend = (xy*qq-qy*xq)/det, (qy*xx-xy*xq)/det
		}
		for i := range level {
			level[i] = m[i].y - slope*m[i].x - bend*m[i].q
		}
	}
	c := curve{slope: slope, bend: bend, ok: true}
	variance := sigma[toUs] * sigma[toUs] / m[toUs].w
	x, q := m[toUs].x, m[toUs].q
	if c.measured = m[toMaster].w >= minReplies; c.measured {
		c.level, c.delay = (level[toUs]+level[toMaster])/2, (level[toUs]-level[toMaster])/2
		variance = (variance + sigma[toMaster]*sigma[toMaster]/m[toMaster].w) / 4
		x, q = (x+m[toMaster].x)/2, (q+m[toMaster].q)/2
	} else {
		c.level, c.delay = level[toUs]-delay, delay
	}
	// To the error of the means comes that of extrapolating to x = 0.
	if bent {
		c.slopeSE, c.bendSE = math.Sqrt(qq/det), math.Sqrt(xx/det)
		variance += (x*x*qq - 2*x*q*xq + q*q*xx) / det
	} else {
		c.slopeSE = 1 / math.Sqrt(xx)
		variance += x * x / xx
	}
	c.levelSE = math.Sqrt(variance)
	return c
}

const (
	// minEdge is the least number of messages each way that show an edge.
	minEdge = 48
	// edgeRounds of the golden section narrow the slope to 1e-5 of the bracket.
	edgeRounds = 24
	// edgeLevel and edgeSlope make the mean gap between the fastest messages a
	// standard error (TestEdgeTellsItsError).
	edgeLevel, edgeSlope = 1.2, 3.0
	// golden is the golden section.
	golden = 0.6180339887498949
)

// edge fits along the fastest messages, near the slope of a fit through the
// centre. It gives up early when the edge is too blurred to be worth it.
func (f *fitter) edge(dirs *[2]direction, c *curve, worth float64) curve {
	if len(dirs[toUs].x) < minEdge || len(dirs[toMaster].x) < minEdge {
		return curve{}
	}
	if l := f.along(dirs, c.slope); l.levelSE > worth {
		return curve{}
	}
	// The sum of the distances to the envelope is convex in the slope.
	a, b := c.slope-6*c.slopeSE, c.slope+6*c.slopeSE
	p, q := b-golden*(b-a), a+golden*(b-a)
	fp, fq := excess(dirs, p), excess(dirs, q)
	for range edgeRounds {
		if fp < fq {
			b, q, fq = q, p, fp
			p = b - golden*(b-a)
			fp = excess(dirs, p)
		} else {
			a, p, fp = p, q, fq
			q = a + golden*(b-a)
			fq = excess(dirs, q)
		}
	}
	return f.along(dirs, (a+b)/2)
}

// along is the envelope of a given slope.
func (f *fitter) along(dirs *[2]direction, slope float64) curve {
	first, gapUs := f.gap(&dirs[toUs], slope, 1)
	second, gapMaster := f.gap(&dirs[toMaster], slope, -1)
	gap := math.Hypot(gapUs, gapMaster)
	return curve{
		level: (first - second) / 2, levelSE: max(edgeLevel*gap, leastSigma),
		slope: slope, slopeSE: edgeSlope * gap / -dirs[toUs].x[0],
		delay: (first + second) / 2, measured: true, ok: true,
	}
}

// excess is the sum of the distances of all points to the envelope of a slope.
func excess(dirs *[2]direction, slope float64) (sum float64) {
	sign := 1.0
	for i := range dirs {
		d := &dirs[i]
		least, total := math.Inf(1), 0.0
		for k, x := range d.x {
			r := sign * (d.y[k] - slope*x)
			total += r
			least = min(least, r)
		}
		sum += total - float64(len(d.x))*least
		sign = -1
	}
	return sum
}

// gap returns the least of sign*(y - slope x) and the mean distance between
// the fastest messages, which says how sharp the edge is.
func (f *fitter) gap(d *direction, slope, sign float64) (least, gap float64) {
	r := f.scratch[:0]
	for k, x := range d.x {
		r = append(r, sign*(d.y[k]-slope*x))
	}
	f.scratch = r
	k := min(max(4, len(r)/48), len(r)-1)
	next := quickselect(r, k)
	least = slices.Min(r[:k])
	return least, (next - least) / float64(k)
}
