package track

import "math"

// curve is fitted to both directions, which see the same clock, and taken at
// x = 0:
//
//	to us:     offset = level + slope x + bend x² + delay + noise
//	to master: offset = level + slope x + bend x² - delay - noise
type curve struct {
	level, levelSE float64 // ns, and its standard error
	slope, slopeSE float64 // ns/s
	bend           float64 // ns/s²
	delay          float64 // ns
	ok             bool
}

// at returns the curve of one direction.
func (c *curve) at(d Direction, x float64) float64 {
	return c.level + (c.slope+c.bend*x)*x + way[d]*c.delay
}

// way is the sign of the delay in each direction.
var way = [2]float64{ToUs: 1, ToMaster: -1}

const (
	// tukey is the constant of the biweight that is 95 % efficient for gaussian
	// noise (Beaton and Tukey, 1974). Software timestamps have a core, and outliers
	// on either side: an interrupt that was late; a processor that was awake already.
	tukey = 4.685
	// madToSigma makes a median absolute deviation a standard deviation.
	madToSigma = 1.4826
	// leastSigma is the least noise that is believed, ns: that of mapping one
	// clock of the kernel to the other. Few points look quieter than they are:
	// fewPoints make it twice as much.
	leastSigma, fewPoints = 20, 3
	// rounds of reweighting suffice from a robust start.
	rounds = 4
	// The delay there was so far counts for usual samples to the master.
	usual = 4
)

// biweight is the weight of a sample that is so many standard deviations off.
func biweight(r float64) float64 {
	w := max(1-r*r/(tukey*tukey), 0)
	return w * w
}

// fitter holds the memory of the fits, which allocate only to grow it.
type fitter struct{ scratch []float64 }

// median returns the median of v, which it reorders (Hoare, Algorithm 65: Find, CACM
// 4/7, 1961); of an even number it is the upper of the middle two, of none 0.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	k, low, high := len(v)/2, 0, len(v)-1
	for low < high {
		pivot, i, j := v[k], low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for pivot < v[j] {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		if j < k {
			low = i
		}
		if k < i {
			high = j
		}
	}
	return v[k]
}

// spread returns the median of points less a curve that is some seconds old, and
// the robust standard deviation about it.
func (f *fitter) spread(p *points, d Direction, c *curve, age float64) (level, sigma float64) {
	r := f.scratch[:0]
	for i, x := range p.x {
		r = append(r, p.y[i]-c.at(d, x+age))
	}
	level = median(r)
	for i := range r {
		r[i] = math.Abs(r[i] - level)
	}
	f.scratch = r
	return level, max(madToSigma*median(r), leastSigma) * (1 + fewPoints/float64(max(len(r), 1)))
}

// theilSen returns the median slope over the pairs of each direction; up to
// 29 % of the points may be anything.
func (f *fitter) theilSen(dirs *[2]points) float64 {
	s := f.scratch[:0]
	for d := range dirs {
		x, y := dirs[d].x, dirs[d].y
		for a := range x {
			for b := a + 1; b < len(x); b++ {
				if dx := x[b] - x[a]; dx > 0 {
					s = append(s, (y[b]-y[a])/dx)
				}
			}
		}
	}
	f.scratch = s
	return median(s)
}

// The unknowns of a fit.
const (
	ofLevel = iota
	ofDelay
	ofSlope
	ofBend
	unknowns
)

// fit fits from a first slope and bend: least squares with Tukey's weights. noise
// is the least sigma to believe of each direction, delay the usual one; 0: unknown.
func (f *fitter) fit(dirs *[2]points, from *curve, n int, noise *[2]float64, delay float64) curve {
	c := curve{slope: from.slope, bend: from.bend}
	var level, sigma [2]float64
	for d := range dirs {
		level[d], sigma[d] = f.spread(&dirs[d], Direction(d), &c, 0)
		sigma[d] = max(sigma[d], noise[d])
	}
	unsure := max(sigma[ToUs], sigma[ToMaster])
	prior := usual / (unsure * unsure)
	switch c.level, c.delay = (level[ToUs]+level[ToMaster])/2, (level[ToUs]-level[ToMaster])/2; {
	case len(dirs[ToMaster].x) == 0:
		c.level, c.delay, prior = level[ToUs]-delay, delay, 1 // ns⁻²: as good as known
	case delay == 0:
		prior = degenerate
	}
	var a [unknowns][unknowns]float64
	for round := range rounds {
		for d := range dirs { // what a first curve is off by is no noise
			if round == rounds/2 {
				_, sigma[d] = f.spread(&dirs[d], Direction(d), &c, 0)
				sigma[d] = max(sigma[d], noise[d])
			}
		}
		var b [unknowns]float64
		a = [unknowns][unknowns]float64{}
		for d := range dirs {
			for i, x := range dirs[d].x {
				r := dirs[d].y[i] - c.at(Direction(d), x)
				w := biweight(r/sigma[d]) / (sigma[d] * sigma[d])
				by := [unknowns]float64{1, way[d], x, x * x}
				for j := range n {
					v := w * by[j]
					b[j] += v * r
					for k := range j + 1 {
						a[j][k] += v * by[k]
						a[k][j] = a[j][k]
					}
				}
			}
		}
		w := max(prior*biweight((delay-c.delay)/unsure), degenerate)
		a[ofDelay][ofDelay] += w
		b[ofDelay] += w * (delay - c.delay)
		if !invert(&a, n) {
			return curve{}
		}
		for k, v := range b {
			c.level += a[ofLevel][k] * v
			c.delay += a[ofDelay][k] * v
			c.slope += a[ofSlope][k] * v
			c.bend += a[ofBend][k] * v
		}
	}
	c.ok, c.levelSE, c.slopeSE = true, math.Sqrt(a[ofLevel][ofLevel]), math.Sqrt(a[ofSlope][ofSlope])
	return c
}

// invert inverts the first n rows and columns (Gauss and Jordan); it fails if the
// measurements do not tell the unknowns apart.
func invert(a *[unknowns][unknowns]float64, n int) bool {
	for i := range n {
		pivot := a[i][i]
		if !(pivot > degenerate) {
			return false
		}
		a[i][i] = 1
		for k := range n {
			a[i][k] /= pivot
		}
		for j := range n {
			if share := a[j][i]; j != i {
				a[j][i] = 0
				for k := range n {
					a[j][k] -= share * a[i][k]
				}
			}
		}
	}
	return true
}

// degenerate is the least pivot: information on an unknown that the others leave,
// in ns⁻² and powers of seconds.
const degenerate = 1e-18
