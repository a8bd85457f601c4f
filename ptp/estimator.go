package ptp

import (
	"cmp"
	"math"
	"slices"
	"time"

	"aes67-sink/aes67"
)

const (
	// shortest is the shortest window, if it holds shortestSyncs of them.
	shortest      = time.Second
	shortestSyncs = 8
	// sparseSyncs is how many of those may be left after losses.
	sparseSyncs = 5
	windows     = 7 // 1, 2, 4 ... 64 s
	// contradiction is how many standard errors the latest data of each
	// direction must be off a curve, to the same side, for it to be dropped.
	contradiction = 2.5
	// medianError is the standard error of a median of gaussian noise, in that
	// of a mean.
	medianError = 1.25
	// leastReplies is how many measurements to the master can contradict.
	leastReplies = 3
	// agreeEdge is how many standard errors the edge of a longer window may be
	// off that of a shorter one. Its errors are not gaussian.
	agreeEdge = 10.0
	// worthwhile is up to how many standard errors of the centre an edge is
	// looked at more closely.
	worthwhile = 3
	// horizon weighs an error of the rate against one of the phase: about the
	// time in which the servo corrects the phase.
	horizon = 0.5 // s
	// learnMessages is over how many estimates the noise is averaged.
	learnMessages = 256
)

// estimate is what is known of the grandmaster's clock.
type estimate struct {
	at       aes67.MonoTime
	base     int64     // ns
	offset   float64   // ns past base, mono - ptp
	offsetSE float64   // ns, standard error
	rate     aes67.PPB // grandmaster against CLOCK_MONOTONIC, at the instant at
	bend     aes67.PPB // by which the rate grows in a second
	swing    swing     // that the rate follows, if it does
	rateSE   float64   // ppb
	delay    float64   // ns, one way
	window   time.Duration
}

// bendTime is how far beyond its data a bend is followed; after that the rate
// stays what it has become.
const bendTime = 500 * time.Millisecond

// rateAt extrapolates the rate.
func (e *estimate) rateAt(t aes67.MonoTime) aes67.PPB {
	after := t.Sub(e.at)
	if e.swing.omega != 0 {
		return aes67.PPB(-e.swing.slope(after.Seconds()))
	}
	return e.rate + e.bend*aes67.PPB(min(after, bendTime).Seconds())
}

// offsetAt extrapolates mono - ptp.
func (e *estimate) offsetAt(t aes67.MonoTime) int64 {
	after := t.Sub(e.at).Seconds()
	if e.swing.omega != 0 {
		return e.base + int64(math.Round(e.offset+e.swing.at(after)))
	}
	bent := min(after, bendTime.Seconds())
	gained := after*float64(e.rate) + bent*(after-bent/2)*float64(e.bend)
	return e.base + int64(math.Round(e.offset-gained))
}

// meanRate is the rate to go on with when nothing more is heard.
func (e *estimate) meanRate(t aes67.MonoTime) aes67.PPB {
	if e.swing.omega != 0 {
		return aes67.PPB(-e.swing.tilt)
	}
	return e.rateAt(t)
}

// ptpAt extrapolates the grandmaster's time.
func (e *estimate) ptpAt(t aes67.MonoTime) aes67.PTPTime {
	return aes67.PTPTime(int64(t) - e.offsetAt(t))
}

// estimator estimates phase and frequency together. It fits windows of several
// lengths, with straight lines, bent ones and swings, and takes the fit with the
// least risk: short windows are noisy, long ones are wrong when the frequency
// moves otherwise than the curve does, and how much it moves shows in the bend of
// the data. A fit that the latest data contradict is dropped, however sure it
// seems. So a steady clock gets 64 s, and so does one that swings; one that
// wanders as it likes gets as little as 1 s, and nobody has to say which it is.
type estimator struct {
	samples
	fit    fitter
	fits   fits
	habits [windows]habit
	swing  swing          // as of lastAt, if there is one
	sought aes67.MonoTime // when one was sought last
	lastAt aes67.MonoTime // of the latest estimate
	noise  [2]float64     // ns, long-term sigma of the core of each direction
	learnt bool           // noise is
	delay  float64        // ns, the latest measured; 0 before
	known  bool           // delay is
}

// reset forgets all measurements; the noise is the network's and stays.
func (e *estimator) reset() {
	e.clear()
	e.delay, e.known = 0, false
	e.habits = [windows]habit{}
	e.swing = swing{}
}

// fits are the curves of one estimate, by window.
type fits struct {
	first    time.Duration // the shortest window
	n        int
	straight [windows]curve
	bent     [windows]curve // none for the shortest window
	swings   [windows]curve // none while straight lines will do
}

// estimate looks at all windows. syncs is the time between Syncs.
func (e *estimator) estimate(now aes67.MonoTime, syncs time.Duration) (estimate, bool) {
	base, ok := e.load(now)
	if !ok {
		return estimate{}, false
	}
	passed := e.fade(now)
	e.fitAll(syncs)
	e.fitSwings(now, passed)
	if e.fits.n == 0 {
		return estimate{}, false
	}
	best, window := e.choose()
	if best.swing.omega == 0 { // an edge is straight
		best, window = e.sharpen(best, window)
	}
	return estimate{
		at: now, base: base, offset: best.level, offsetSE: best.levelSE,
		rate: aes67.PPB(-best.slope), bend: aes67.PPB(-2 * best.bend), swing: best.swing, rateSE: best.slopeSE,
		delay: best.delay, window: window,
	}, true
}

// fitAll fits all windows through the centre, each from the one before.
func (e *estimator) fitAll(syncs time.Duration) {
	f := &e.fits
	*f = fits{}
	f.first = max(shortest, shortestSyncs*syncs)
	dirs := e.window(f.first)
	for len(dirs[toUs].x) < min(sparseSyncs, len(e.buf[toUs].x)) && f.first < longest {
		f.first *= 2
		dirs = e.window(f.first)
	}
	slope := e.fit.theilSen(&dirs)
	bentSlope, bend := slope, 0.0
	held := 0
	for k := range windows {
		dirs = e.window(f.first << k)
		n := len(dirs[toUs].x)
		if n == len(e.buf[toUs].x) && 4*n < 5*held {
			return // that is all there is, and hardly more than in the window before
		}
		held = n
		c := e.fit.centre(&dirs, slope, 0, false, e.noise, e.delay)
		if !c.ok {
			return
		}
		slope = c.slope
		f.straight[k], f.n = c, k+1
		if k > 0 {
			if b := e.fit.centre(&dirs, bentSlope, bend, true, e.noise, e.delay); b.ok {
				bentSlope, bend = b.slope, b.bend
				f.bent[k] = b
			}
		}
		if k == 1 {
			e.learn(&dirs, &f.bent[1])
		}
		if c.measured {
			e.delay, e.known = c.delay, true
		}
	}
}

const (
	// leastSwing is the shortest window in which a swing is looked for.
	leastSwing = 8 * time.Second
	// seekEvery is how often one is sought while there is none.
	seekEvery = time.Second
)

// fitSwings fits swings to the longer windows, if straight lines were wrong there
// of late: from the longest down, each from the one before, the first from the
// swing there was at the last estimate.
func (e *estimator) fitSwings(now aes67.MonoTime, passed time.Duration) {
	f := &e.fits
	start := e.swing.moved(passed.Seconds())
	e.swing = swing{}
	due := start.omega == 0 && now.Sub(e.sought) >= seekEvery
	for k := f.n - 1; k >= 0 && f.first<<k >= leastSwing; k-- {
		dirs := e.window(f.first << k)
		span := -dirs[toUs].x[0]
		if e.habits[k].bend*span*span/6 < f.straight[k].levelSE {
			continue // a straight line will do
		}
		from := start
		if due {
			e.sought = now
			from = e.fit.seekSwing(&dirs, &f.straight[k], span)
		}
		if f.swings[k] = e.fit.swing(&dirs, from, e.noise, span); !f.swings[k].ok {
			continue
		}
		start, due = f.swings[k].swing, false
		if e.swing.omega == 0 {
			e.swing = start
		}
	}
}

// learn follows the noise of the core, so that a few lucky messages do not
// make a short window look too sure of itself. It is taken about a curve of a
// short window, which follows every wander.
func (e *estimator) learn(dirs *[2]direction, c *curve) {
	if !c.ok {
		return
	}
	for i := range e.noise {
		_, sigma := e.fit.spread(&dirs[i], c)
		if !e.learnt {
			e.noise[i] = sigma
		}
		e.noise[i] += (sigma - e.noise[i]) / learnMessages
	}
	e.learnt = true
}

// candidate is a fit and the window it is of.
type candidate struct {
	curve *curve
	k     int
	risk  float64 // ns²
}

// habit is what a window's fits were wrong by of late, beyond doubt: a clock that
// wandered a moment ago is about to again, though it shows nothing at the
// instant where its wander turns.
type habit struct{ bend, level, slope, swingLevel, swingSlope float64 }

const (
	// habitTime is how long that is remembered.
	habitTime = 15 * time.Second
	// habitDoubt standard errors are no doubt.
	habitDoubt = 3
)

// remember returns a value, or more if more was seen of late.
func remember(memory *float64, value, se float64) float64 {
	if value > habitDoubt*se {
		*memory = max(*memory, value)
	}
	return max(value, *memory)
}

// fade lets the habits be forgotten, and returns how much time has passed.
func (e *estimator) fade(now aes67.MonoTime) (passed time.Duration) {
	passed = now.Sub(e.lastAt)
	keep := math.Exp(-passed.Seconds() / habitTime.Seconds())
	e.lastAt = now
	for k := range e.habits {
		h := &e.habits[k]
		h.bend, h.level, h.slope = keep*h.bend, keep*h.level, keep*h.slope
		h.swingLevel, h.swingSlope = keep*h.swingLevel, keep*h.swingSlope
	}
	return passed
}

// choose returns the fit of least risk that the latest data do not contradict.
func (e *estimator) choose() (best curve, window time.Duration) {
	f := &e.fits
	var memory [3 * windows]candidate
	list := memory[:0]
	for k := range f.n {
		list = append(list, e.judgeStraight(k))
		if f.bent[k].ok {
			list = append(list, e.judgeBent(k))
		}
		if f.swings[k].ok {
			list = append(list, e.judgeSwing(k))
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.risk, b.risk) })
	for i := range list {
		if c := &list[i]; !e.contradicted(c.curve, c.k) {
			return *c.curve, f.first << c.k
		}
	}
	return f.straight[0], f.first
}

// judgeStraight takes into account what a straight line is wrong by if the truth
// bends.
func (e *estimator) judgeStraight(k int) candidate {
	f := &e.fits
	w := (f.first << k).Seconds()
	at := &f.bent[max(k, 1)]
	bend := remember(&e.habits[k].bend, excessOver(at.bend, at.bendSE), at.bendSE)
	return candidate{&f.straight[k], k, f.straight[k].risk(bend*w*w/6, bend*w)}
}

// judgeBent takes into account what a bent line is wrong by. That shows against
// the one half as long.
func (e *estimator) judgeBent(k int) candidate {
	f := &e.fits
	b := &f.bent[k]
	var level, slope float64
	if half := &f.bent[k-1]; half.ok {
		level = excessOver(b.level-half.level, half.levelSE)
		slope = excessOver(b.slope-half.slope, half.slopeSE)
	}
	// Against the one twice as long it shows more clearly: what a third
	// derivative makes wrong grows with the cube of the window, in the slope
	// with its square.
	if k+1 < f.n && f.bent[k+1].ok {
		twice := &f.bent[k+1]
		level = max(level, excessOver(twice.level-b.level, b.levelSE)/7)
		slope = max(slope, excessOver(twice.slope-b.slope, b.slopeSE)/3)
	}
	h := &e.habits[k]
	level = remember(&h.level, level, b.levelSE)
	slope = remember(&h.slope, slope, b.slopeSE)
	return candidate{b, k, b.risk(level, slope)}
}

// judgeSwing takes into account what a swing is wrong by: that shows against
// those half and twice as long.
func (e *estimator) judgeSwing(k int) candidate {
	f := &e.fits
	c := &f.swings[k]
	var level, slope float64
	for j := max(k-1, 0); j <= min(k+1, f.n-1); j++ {
		if other := &f.swings[j]; other.ok {
			level = max(level, excessOver(c.level-other.level, max(c.levelSE, other.levelSE)))
			slope = max(slope, excessOver(c.slope-other.slope, max(c.slopeSE, other.slopeSE)))
		}
	}
	h := &e.habits[k]
	level = remember(&h.swingLevel, level, c.levelSE)
	slope = remember(&h.swingSlope, slope, c.slopeSE)
	return candidate{c, k, c.risk(level, slope)}
}

// contradicted reports whether the latest data show that a curve fitted to
// window k is of the past: that the grandmaster's clock has moved away from
// it. Messages that are late show nothing of the kind, however many: a clock
// that moved shifts both directions alike, while lateness pulls them apart.
func (e *estimator) contradicted(c *curve, k int) bool {
	for j := range k + 1 {
		dirs := e.window((e.fits.first << j) / 2)
		var shift, se [2]float64
		for i := range dirs {
			d := &dirs[i]
			level, sigma := e.fit.spread(d, c)
			shift[i] = level - c.levelOf(i)
			se[i] = medianError * max(sigma, e.noise[i]) / math.Sqrt(float64(len(d.x)))
		}
		if len(dirs[toMaster].x) < leastReplies {
			continue
		}
		if math.Abs(shift[toUs]) > contradiction*se[toUs] && math.Abs(shift[toMaster]) > contradiction*se[toMaster] &&
			(shift[toUs] > 0) == (shift[toMaster] > 0) {
			return true
		}
	}
	return false
}

// risk is the expected square of the error, in ns².
func (c *curve) risk(levelBias, slopeBias float64) float64 {
	return c.levelSE*c.levelSE + levelBias*levelBias +
		horizon*horizon*(c.slopeSE*c.slopeSE+slopeBias*slopeBias)
}

// excessOver returns how much of a value its own noise does not explain.
func excessOver(value, se float64) float64 { return math.Sqrt(max(value*value-se*se, 0)) }

// sharpen mixes in the edge where that is the better fit. Both are estimates
// of the same; the weights fall so steeply that in effect one is taken, but a
// change from one to the other is no jump.
func (e *estimator) sharpen(best curve, window time.Duration) (curve, time.Duration) {
	f := &e.fits
	var edge curve
	var shorter [windows]curve
	var at time.Duration
search:
	for k := range f.n {
		dirs := e.window(f.first << k)
		c := e.fit.edge(&dirs, &f.straight[k], worthwhile*best.levelSE)
		if !c.ok {
			continue
		}
		for j := range k {
			s := &shorter[j]
			if s.ok && (math.Abs(c.level-s.level) > agreeEdge*s.levelSE || math.Abs(c.slope-s.slope) > agreeEdge*s.slopeSE) {
				break search
			}
		}
		if e.contradicted(&f.straight[k], k) {
			break
		}
		edge, shorter[k], at = c, c, f.first<<k
	}
	if !edge.ok {
		return best, window
	}
	we, wc := math.Pow(edge.levelSE, -4), math.Pow(best.levelSE, -4)
	we, wc = we/(we+wc), wc/(we+wc)
	if we > wc {
		window = at
	}
	best.level = we*edge.level + wc*best.level
	best.levelSE = we*edge.levelSE + wc*best.levelSE
	best.slope = we*edge.slope + wc*best.slope
	best.bend *= wc // an edge is straight
	best.slopeSE = we*edge.slopeSE + wc*best.slopeSE
	best.delay = we*edge.delay + wc*best.delay
	return best, window
}
