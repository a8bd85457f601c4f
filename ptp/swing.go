package ptp

import "math"

// A frequency that swings (the servo of a boundary clock that hunts, a quartz
// beside a heater that a thermostat switches) is one that no straight or bent
// line follows for long, so those must be short and are noisy. A sine beside a
// straight line follows it over many seconds:
//
//	mono - ptp = level + tilt x + sine sin(ω x) + cosine (cos(ω x) - 1)
//
// It is fitted as centre is, by Gauss-Newton since ω is sought as well.

// swing is the sine of a curve.
type swing struct {
	omega        float64 // rad/s; 0: none
	tilt         float64 // ns/s, the straight line beside it
	sine, cosine float64 // ns
}

// at returns what tilt and sine make of an instant, 0 at x = 0.
func (s *swing) at(x float64) float64 {
	sin, cos := math.Sincos(s.omega * x)
	return s.tilt*x + s.sine*sin + s.cosine*(cos-1)
}

// slope returns the derivative of at.
func (s *swing) slope(x float64) float64 {
	sin, cos := math.Sincos(s.omega * x)
	return s.tilt + s.omega*(s.sine*cos-s.cosine*sin)
}

// reach is how far at most it gets, in ns, from a straight line that leaves it
// anywhere.
func (s *swing) reach() float64 { return 2 * math.Hypot(s.sine, s.cosine) }

// moved returns the swing as seen from an instant that much later.
func (s swing) moved(seconds float64) swing {
	sin, cos := math.Sincos(s.omega * seconds)
	s.sine, s.cosine = s.sine*cos-s.cosine*sin, s.sine*sin+s.cosine*cos
	return s
}

const (
	// swingRounds of Gauss-Newton suffice from a start within swingStray.
	swingRounds = 4
	// swingStray is by how much the phase at the window's far end may change in
	// a round, rad: so far a sine is nearly linear.
	swingStray = 1.0
	// leastTurns is how many of its periods a window must hold for a swing to be
	// told from a bend.
	leastTurns = 1.0
	// leastPeriod is how long one must be, in seconds, to be told from the noise
	// of the Syncs.
	leastPeriod = 3.0
	// doubtSwing standard errors its amplitude must have.
	doubtSwing = 5
	// swingBins is in how many parts of a window a swing is sought first, and
	// swingSteps how many frequencies per turn of the window.
	swingBins, swingSteps = 64, 3
)

// The unknowns of a swing. For one of known frequency, and both directions taken
// as one, the first four suffice.
const (
	ofLevel = iota // of messages to us; of those to the master it is that and ofMaster
	ofTilt
	ofSine
	ofCosine
	ofMaster
	ofOmega
	sought = ofCosine + 1
)

// swing fits a swing, from one that is near. window is the time that dirs span,
// noise as in centre. There is none if it is too slow for the window, or too weak
// to be told from noise.
func (f *fitter) swing(dirs *[2]direction, s swing, noise [2]float64, window float64) curve {
	var l leastSquares
	var level, sigma, weights [2]float64
	for range swingRounds {
		if !(s.omega*window >= 2*math.Pi*leastTurns && s.omega <= 2*math.Pi/leastPeriod) {
			return curve{}
		}
		l = leastSquares{}
		for i := range dirs {
			level[i], sigma[i] = f.spread(&dirs[i], &curve{swing: s})
			sigma[i] = max(sigma[i], noise[i])
			weights[i] = l.addSwing(&dirs[i], i, &s, level[i], sigma[i], window)
		}
		x, ok := l.solve(unknowns)
		if !ok {
			return curve{}
		}
		share := 1.0 // of the way
		if turned := math.Abs(x[ofOmega]); turned > swingStray {
			share = swingStray / turned
		}
		level[toUs] += share * x[ofLevel]
		level[toMaster] += share * (x[ofLevel] + x[ofMaster])
		s.tilt += share * x[ofTilt] / window
		s.sine += share * x[ofSine]
		s.cosine += share * x[ofCosine]
		s.omega += share * x[ofOmega] / window
	}
	if weights[toMaster] < minReplies {
		return curve{}
	}
	if doubt := l.variance(row{ofSine: 1}) + l.variance(row{ofCosine: 1}); !(math.Hypot(s.sine, s.cosine) >= doubtSwing*math.Sqrt(doubt)) {
		return curve{}
	}
	return curve{
		level: (level[toUs] + level[toMaster]) / 2, levelSE: math.Sqrt(l.variance(row{ofLevel: 1, ofMaster: 0.5})),
		slope: s.slope(0), slopeSE: math.Sqrt(l.variance(row{ofTilt: 1, ofSine: s.omega * window, ofOmega: s.sine})) / window,
		swing: s, delay: (level[toUs] - level[toMaster]) / 2, measured: true, ok: true,
	}
}

// addSwing adds the messages of a direction with their biweight about a swing, and
// returns the sum of these. Seconds count in windows, so that all unknowns are of
// one size.
func (l *leastSquares) addSwing(d *direction, which int, s *swing, level, sigma, window float64) (weights float64) {
	scale, v := 1/(tukey*sigma), 1/(sigma*sigma)
	for k, x := range d.x {
		sin, cos := math.Sincos(s.omega * x)
		r := d.y[k] - level - s.tilt*x - s.sine*sin - s.cosine*(cos-1)
		w := max(1-r*r*scale*scale, 0)
		w *= w
		weights += w
		u := x / window
		by := row{ofLevel: 1, ofTilt: u, ofSine: sin, ofCosine: cos - 1, ofOmega: u * (s.sine*cos - s.cosine*sin)}
		by[ofMaster] = float64(which)
		l.add(&by, r, w*v)
	}
	return weights
}

// seekSwing looks for the swing that is left over of a straight line: the frequency
// at which a sine explains most of it.
func (f *fitter) seekSwing(dirs *[2]direction, c *curve, window float64) (best swing) {
	x, y, n := f.middles(dirs, c, window)
	if n < 2*sought {
		return swing{}
	}
	most := 0.0
	for turns := leastTurns; turns <= window/leastPeriod; turns += 1.0 / swingSteps {
		omega := 2 * math.Pi * turns / window
		var l leastSquares
		for i, at := range x[:n] {
			sin, cos := math.Sincos(omega * at)
			l.add(&row{ofLevel: 1, ofTilt: at / window, ofSine: sin, ofCosine: cos - 1}, y[i], 1)
		}
		if found, ok := l.solve(sought); ok && l.explained() > most {
			most = l.explained()
			best = swing{omega: omega, tilt: c.slope + found[ofTilt]/window, sine: found[ofSine], cosine: found[ofCosine]}
		}
	}
	return best
}

// middles cuts a window into parts and returns the medians of the n that are not
// empty, less a straight line: by how much both directions together are off it.
func (f *fitter) middles(dirs *[2]direction, c *curve, window float64) (x, y [swingBins]float64, n int) {
	var from [2]int
	for bin := range swingBins {
		end := window * (float64(bin+1)/swingBins - 1)
		r := f.scratch[:0]
		for i := range dirs {
			d, level := &dirs[i], c.levelOf(i)
			for ; from[i] < len(d.x) && d.x[from[i]] <= end; from[i]++ {
				r = append(r, d.y[from[i]]-level-c.slope*d.x[from[i]])
			}
		}
		f.scratch = r
		if len(r) > 0 {
			x[n], y[n] = end-window/(2*swingBins), median(r)
			n++
		}
	}
	return x, y, n
}
