package ptp

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// history is how many measurements of each direction are kept, and longest
	// how old they may be. Longer windows gain nothing on crystals, whose
	// frequency moves by some ppb in a minute.
	history = 512
	longest = 64 * time.Second
	// No more than crowd measurements within crowdTime are kept, so that a
	// master that sends oftener than any audio profile leaves room for half of
	// longest.
	crowd, crowdTime = 8, 500 * time.Millisecond
	// shortest is the shortest window, if it holds shortestSyncs of them.
	shortest      = time.Second
	shortestSyncs = 8
	// sparseSyncs is how many of those may be left after losses.
	sparseSyncs = 5
	windows     = 7 // 1, 2, 4 ... 64 s
	// agree and agreeEdge are how many standard errors a longer window may
	// differ by from a shorter one. Errors of an edge are not gaussian.
	agree, agreeEdge = 4.5, 10.0
	// horizon weighs an error of the rate against one of the phase: about the
	// time in which the servo corrects the phase.
	horizon = 0.5 // s
	// learnMessages is over how many estimates the noise is averaged.
	learnMessages = 256
)

// sample is one one-way measurement.
type sample struct {
	at     aes67.MonoTime // here: when a Sync came, or when a Delay_Req left
	offset int64          // ns, mono - ptp as this message shows it
}

// ring holds the latest samples.
type ring struct {
	data [history]sample
	next int
	n    int
}

func (r *ring) push(s sample) {
	r.data[r.next] = s
	r.next = (r.next + 1) % history
	r.n = min(r.n+1, history)
}

// at returns the i-th oldest.
func (r *ring) at(i int) *sample { return &r.data[(r.next-r.n+i+history)%history] }

// estimate is what is known of the grandmaster's clock.
type estimate struct {
	at       aes67.MonoTime
	base     int64     // ns
	offset   float64   // ns past base, mono - ptp
	offsetSE float64   // ns, standard error
	rate     aes67.PPB // grandmaster against CLOCK_MONOTONIC
	rateSE   float64   // ppb
	delay    float64   // ns, one way
	window   time.Duration
}

// offsetAt extrapolates mono - ptp.
func (e *estimate) offsetAt(t aes67.MonoTime) int64 {
	gained := float64(t.Sub(e.at)) * float64(e.rate) * 1e-9
	return e.base + int64(math.Round(e.offset-gained))
}

// ptpAt extrapolates the grandmaster's time.
func (e *estimate) ptpAt(t aes67.MonoTime) aes67.PTPTime {
	return aes67.PTPTime(int64(t) - e.offsetAt(t))
}

// estimator estimates phase and frequency together. It fits windows of several
// lengths and takes the one with the least risk: short windows are noisy, long
// ones are wrong when the frequency moves, and how much it moves shows in the
// bend of the data. A window that contradicts a shorter one is not believed at
// all (Lepski's rule). So a steady clock gets 64 s and a wandering one as
// little as 1 s, and nobody has to say which it is.
type estimator struct {
	fit     fitter
	streams [2]ring
	buf     [2]direction
	noise   [2]float64 // ns, long-term sigma of the core of each direction
	learnt  bool
	delay   float64 // ns, the latest measured; 0 before
	known   bool    // delay is
}

// reset forgets all measurements; the noise is the network's and stays.
func (e *estimator) reset() {
	for i := range e.streams {
		e.streams[i].n = 0
	}
	e.delay, e.known = 0, false
}

// add takes one measurement. They come in order, but for a few that a lost or
// late message held up.
func (e *estimator) add(direction int, s sample) {
	r := &e.streams[direction]
	if r.n >= crowd && s.at.Sub(r.at(r.n-crowd).at) < crowdTime {
		return
	}
	r.push(s)
}

// count returns how many measurements of a direction there are, and over what
// time.
func (e *estimator) count(direction int) (n int, span time.Duration) {
	r := &e.streams[direction]
	if r.n == 0 {
		return 0, 0
	}
	return r.n, r.at(r.n - 1).at.Sub(r.at(0).at)
}

// fits are the curves of one estimate, by window.
type fits struct {
	first    time.Duration // the shortest window
	n        int
	straight [windows]curve
	bent     [windows]curve // none for the shortest window
}

// estimate looks at all windows. syncs is the time between Syncs.
func (e *estimator) estimate(now aes67.MonoTime, syncs time.Duration) (estimate, bool) {
	base, ok := e.load(now)
	if !ok {
		return estimate{}, false
	}
	var f fits
	e.fitAll(&f, syncs)
	if f.n == 0 {
		return estimate{}, false
	}
	best, window, believed := f.choose()
	best, window = e.sharpen(&f, best, window, believed)
	return estimate{
		at: now, base: base, offset: best.level, offsetSE: best.levelSE,
		rate: aes67.PPB(-best.slope), rateSE: best.slopeSE, delay: best.delay, window: window,
	}, true
}

// load copies the samples into floats.
func (e *estimator) load(now aes67.MonoTime) (base int64, ok bool) {
	if e.streams[toUs].n == 0 {
		return 0, false
	}
	base = e.streams[toUs].at(e.streams[toUs].n - 1).offset
	for i := range e.streams {
		d, r := &e.buf[i], &e.streams[i]
		d.x, d.y = d.x[:0], d.y[:0]
		for k := range r.n {
			if s := r.at(k); now.Sub(s.at) <= longest {
				d.x = append(d.x, float64(s.at-now)*1e-9)
				d.y = append(d.y, float64(s.offset-base))
			}
		}
	}
	return base, true
}

// window returns the part of both directions that is younger than w.
func (e *estimator) window(w time.Duration) (dirs [2]direction) {
	oldest := -w.Seconds()
	for i := range e.buf {
		d := &e.buf[i]
		k := len(d.x)
		for k > 0 && d.x[k-1] >= oldest {
			k--
		}
		dirs[i] = direction{x: d.x[k:], y: d.y[k:]}
	}
	return dirs
}

// fitAll fits all windows through the centre, each from the one before.
func (e *estimator) fitAll(f *fits, syncs time.Duration) {
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
		if n := len(dirs[toUs].x); 4*n < 5*held {
			return // hardly more data than in the window before
		} else {
			held = n
		}
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

// learn follows the noise of the core, so that a few lucky messages do not
// make a short window look too sure of itself. It is taken about a curve of a
// short window, which follows every wander.
func (e *estimator) learn(dirs *[2]direction, c *curve) {
	if !c.ok {
		return
	}
	for i := range e.noise {
		_, sigma := e.fit.spread(&dirs[i], c.slope, c.bend)
		if !e.learnt {
			e.noise[i] = sigma
		}
		e.noise[i] += (sigma - e.noise[i]) / learnMessages
	}
	e.learnt = true
}

// choose returns the fit of least risk, and how many windows are believed when
// fitted straight.
func (f *fits) choose() (best curve, window time.Duration, believed int) {
	least := math.Inf(1)
	straight, bent := true, true
	for k := range f.n {
		w := (f.first << k).Seconds()
		if s := &f.straight[k]; straight {
			for j := range k {
				straight = straight && s.agrees(&f.straight[j], agree)
			}
			// What a straight line is wrong by if the truth bends.
			bend := excessOver(f.bent[max(k, 1)].bend, f.bent[max(k, 1)].bendSE)
			if risk := s.risk(bend*w*w/6, bend*w); straight {
				believed = k + 1
				if risk < least {
					best, window, least = *s, f.first<<k, risk
				}
			}
		}
		if b := &f.bent[k]; b.ok && bent {
			bent = b.agrees(&f.straight[0], agree)
			for j := range k {
				bent = bent && b.agrees(&f.bent[j], agree)
			}
			// What a bent line is wrong by shows against the one half as long.
			var level, slope float64
			if half := &f.bent[k-1]; half.ok {
				level = excessOver(b.level-half.level, half.levelSE)
				slope = excessOver(b.slope-half.slope, half.slopeSE)
			}
			if risk := b.risk(level, slope); bent && risk < least {
				best, window, least = *b, f.first<<k, risk
			}
		}
	}
	return best, window, believed
}

// agrees reports whether c is what a shorter window shows too.
func (c *curve) agrees(shorter *curve, errors float64) bool {
	return !shorter.ok || math.Abs(c.level-shorter.level) <= errors*shorter.levelSE &&
		math.Abs(c.slope-shorter.slope) <= errors*shorter.slopeSE
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
func (e *estimator) sharpen(f *fits, best curve, window time.Duration, believed int) (curve, time.Duration) {
	var edge curve
	var shorter [windows]curve
	var at time.Duration
search:
	for k := range believed {
		dirs := e.window(f.first << k)
		c := e.fit.edge(&dirs, &f.straight[k])
		if !c.ok {
			continue
		}
		for j := range k {
			if !c.agrees(&shorter[j], agreeEdge) {
				break search
			}
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
	best.slopeSE = we*edge.slopeSE + wc*best.slopeSE
	best.delay = we*edge.delay + wc*best.delay
	return best, window
}
