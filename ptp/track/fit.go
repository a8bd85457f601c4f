package track

import "math"

// This file fits curves to one-way measurements. Both directions see the same
// clock, so they share slope and bend; each has its own level:
//
//	to us:     offset = level + slope x + bend x² + delay + noise
//	to master: offset = level + slope x + bend x² - delay - noise
//
// Software timestamps have a core, and outliers on either side: an interrupt
// that was late; a processor that was awake already. Least squares with Tukey's
// weights go through the middle of the core.

// curve is a fit, taken at x = 0.
type curve struct {
	level, levelSE float64 // ns, of the offset, and its standard error
	slope, slopeSE float64 // ns/s
	bend           float64 // ns/s²
	delay          float64 // ns, one way
	measured       bool    // the delay, in this window
	ok             bool
}

// at returns the curve of one direction.
func (c *curve) at(d int, x float64) float64 {
	y := c.level + (c.slope+c.bend*x)*x
	if Direction(d) == ToMaster {
		return y - c.delay
	}
	return y + c.delay
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
	// rounds of reweighting suffice from a robust start.
	rounds = 4
	// minReplies is the weight of measurements to the master that a window needs
	// to have its own say on the delay.
	minReplies = 2.5
	// senPoints to twice as many of each direction are enough for a first slope:
	// up to 1081 pairs.
	senPoints = 24
)

// fitter holds the memory of the fits, which allocate only to grow it.
type fitter struct{ scratch, slopes []float64 }

// median returns the median of v, which it reorders; of an even number it is
// the upper of the middle two.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	k, low, high := len(v)/2, 0, len(v)-1
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

// spread returns the median of points less a curve, shifted by so many seconds,
// and the robust standard deviation about it.
func (f *fitter) spread(p *points, d int, c *curve, shift float64) (level, sigma float64) {
	r := f.scratch[:0]
	for i, x := range p.x {
		r = append(r, p.y[i]-c.at(d, x+shift))
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
func (f *fitter) theilSen(dirs *[2]points) float64 {
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
func (f *fitter) weigh(d *points, level, slope, bend, sigma float64) (m moments) {
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

// fit fits from a first slope and bend. noise is the least sigma to believe of
// each direction. A window that holds too few measurements to the master uses
// the delay given.
func (f *fitter) fit(dirs *[2]points, from curve, bent bool, noise *[2]float64, delay float64) curve {
	slope, bend := from.slope, from.bend
	var level, sigma [2]float64
	for i := range dirs {
		level[i], sigma[i] = f.spread(&dirs[i], 0, &curve{slope: slope, bend: bend}, 0)
		sigma[i] = max(sigma[i], noise[i])
	}
	var m [2]moments
	var xx, xq, qq, det float64
	for range rounds {
		var xy, qy float64
		xx, xq, qq = 0, 0, 0
		for i := range dirs {
			m[i] = f.weigh(&dirs[i], level[i], slope, bend, sigma[i])
			v := 1 / (sigma[i] * sigma[i])
			xx, xq, qq = xx+v*m[i].xx, xq+v*m[i].xq, qq+v*m[i].qq
			xy, qy = xy+v*m[i].xy, qy+v*m[i].qy
		}
		if m[ToUs].w == 0 || xx == 0 {
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
	variance := sigma[ToUs] * sigma[ToUs] / m[ToUs].w
	x, q := m[ToUs].x, m[ToUs].q
	if c.measured = m[ToMaster].w >= minReplies; c.measured {
		c.level, c.delay = (level[ToUs]+level[ToMaster])/2, (level[ToUs]-level[ToMaster])/2
		variance = (variance + sigma[ToMaster]*sigma[ToMaster]/m[ToMaster].w) / 4
		x, q = (x+m[ToMaster].x)/2, (q+m[ToMaster].q)/2
	} else {
		c.level, c.delay = level[ToUs]-delay, delay
	}
	// To the error of the means comes that of extrapolating to x = 0.
	if bent {
		c.slopeSE = math.Sqrt(qq / det)
		variance += (x*x*qq - 2*x*q*xq + q*q*xx) / det
	} else {
		c.slopeSE = 1 / math.Sqrt(xx)
		variance += x * x / xx
	}
	c.levelSE = math.Sqrt(variance)
	return c
}
