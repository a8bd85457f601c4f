package track

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// windows of the latest 8, 16, 32 ... 512 measurements to us are fitted: 1 to 64
	// s of the media profile.
	windows  = 7
	shortest = 8
	// refit is how often the windows are fitted anew, but in the beginning, when
	// that happens each time they have grown by a refitShare.
	refit      = 500 * time.Millisecond
	refitShare = 8
	// memory is over how many fits the errors of prediction are averaged: some 15
	// s, since a clock that wandered a moment ago is about to again. One error
	// counts for no more than surprise times the least mean.
	memory, surprise = 30, 10
	// alike is up to which ratio errors are the same.
	alike = 1.05
	// startling is by how many standard deviations of the noise a message must be
	// off for the windows to be fitted anew at once.
	startling     = 6
	startlers     = 3
	startledShare = 0.25
	// luckyFrom is the first window that can be of lucky messages: 8 s hold enough.
	luckyFrom  = 3
	hysteresis = 0.8
	// learn is over how many fits the noise is averaged, and learnFrom from how
	// many points on.
	learn, learnFrom = 64, 8
	// luckyEvery is how often at least lucky messages must come to be used: the
	// estimate is as late as they are.
	luckyEvery = time.Second
	// MaxRate is beyond what no clock is that ticks at all: 2 %, in ppb.
	MaxRate = 20_000_000
	// bendTime is how far beyond its data a bend is followed; after that the rate
	// stays what it has become.
	bendTime = 500 * time.Millisecond
)

// Estimate is what is known of the other clock. Errors are standard errors.
type Estimate struct {
	At       aes67.MonoTime
	Base     int64     // ns
	Offset   float64   // ns past Base, local less other time
	OffsetSE float64   // ns
	Rate     aes67.PPB // at the instant At
	Bend     aes67.PPB // by which the rate grows in a second
	RateSE   float64   // ppb
	Wander   float64   // ppb, by how much the rate moved in the longest window of late
	Delay    float64   // ns, one way
	Window   time.Duration
}

// RateAt extrapolates the rate.
func (e *Estimate) RateAt(t aes67.MonoTime) aes67.PPB {
	return e.Rate + e.Bend*aes67.PPB(min(t.Sub(e.At), bendTime).Seconds())
}

// OffsetAt extrapolates the offset, in ns.
func (e *Estimate) OffsetAt(t aes67.MonoTime) int64 {
	after := t.Sub(e.At).Seconds()
	bent := min(after, bendTime.Seconds())
	gained := after*float64(e.Rate) + bent*(after-bent/2)*float64(e.Bend)
	return e.Base + int64(math.Round(e.Offset-gained))
}

// TimeAt extrapolates the other clock's time.
func (e *Estimate) TimeAt(t aes67.MonoTime) aes67.PTPTime {
	return aes67.PTPTime(int64(t) - e.OffsetAt(t))
}

// Plausible reports whether a clock can have such a rate. One that stands still
// or runs absurdly has none.
func (e *Estimate) Plausible() bool { return math.Abs(float64(e.Rate)) <= MaxRate }

// candidate is a curve of one window, and how well its like predict.
type candidate struct {
	curve
	missed float64 // ns, mean error of prediction; 0: none was judged yet
}

// The shapes of curves.
const (
	straight = iota
	bent
	shapes
)

// Estimator estimates phase and frequency together. It fits windows of several
// lengths with straight and bent lines: short ones are noisy, long ones are wrong
// when the frequency moves. Which is better here the data say: each keeps a mean
// of the error by which it missed the measurements that came next, and the
// smoothest of those that miss least is taken. The zero value is ready.
type Estimator struct {
	streams    [2]stream
	buf        [kinds][2]points
	fitter     fitter
	kind       int   // of the samples that long windows are fitted to
	best       curve // the chosen one
	bestWindow time.Duration
	startled   int // by a measurement that it is far off
	base       int64
	fitted     aes67.MonoTime // when fits were made
	fits       [windows][shapes]candidate
	lengths    [windows]time.Duration
	judged     int // times
	noise      [kinds][2]float64
	learnt     int // times
	delay      float64
	known      bool // delay is
	wander     float64
}

// Reset forgets everything.
func (e *Estimator) Reset() {
	*e = Estimator{buf: e.buf, fitter: e.fitter}
}

// Add takes one measurement. They come in order, but for a few.
func (e *Estimator) Add(d Direction, s Sample) {
	if e.streams[ToUs].rings[every].n+e.streams[ToMaster].rings[every].n == 0 {
		e.base = s.Offset
	}
	e.streams[d].add(d, s, e.best.slope)
	if noise := e.noise[every][d]; noise > 0 {
		miss := float64(s.Offset-e.base) - e.best.at(int(d), s.At.Sub(e.fitted).Seconds())
		if d == ToUs {
			if e.startled++; math.Abs(miss) <= startling*noise {
				e.startled = 0
			}
		}
	}
}

// Count returns how many measurements of a direction there are, and over what
// time.
func (e *Estimator) Count(d Direction) (n int, span time.Duration) {
	r := &e.streams[d].rings[every]
	if r.n == 0 {
		return 0, 0
	}
	return r.n, r.at(r.n - 1).At.Sub(r.at(0).At)
}

// Noise returns the standard deviation of single messages, in ns; 0 before it is
// known.
func (e *Estimator) Noise(d Direction) float64 { return e.noise[every][d] }

// Delay returns the one-way delay in ns, once it was measured.
func (e *Estimator) Delay() (ns float64, known bool) { return e.delay, e.known }

// Estimate looks at all windows, if that is due and there is news; else ok is
// false.
func (e *Estimator) Estimate(now aes67.MonoTime) (_ Estimate, ok bool) {
	_, span := e.Count(ToUs)
	if e.startled < startlers && now.Sub(e.fitted) < min(refit, span/refitShare, max(e.bestWindow/8, 150*time.Millisecond)) {
		return Estimate{}, false
	}
	for kind := range kinds {
		for d := range e.streams {
			e.streams[d].rings[kind].load(&e.buf[kind][d], now, e.base)
		}
	}
	e.judge(now)
	e.fitAll(now)
	best, window := e.choose()
	if !best.ok {
		return Estimate{}, false
	}
	e.best, e.startled, e.bestWindow = best, min(e.startled, startlers-1), window
	e.look(best, window)
	e.dump(window)
	return Estimate{
		At: now, Base: e.base, Offset: best.level, OffsetSE: best.levelSE,
		Rate: aes67.PPB(-best.slope), Bend: aes67.PPB(-2 * best.bend), RateSE: best.slopeSE,
		Wander: e.wander, Delay: best.delay, Window: window,
	}, true
}

// kindOf returns the kind of samples of a window.
func (e *Estimator) kindOf(k int) int {
	if k < luckyFrom {
		return every
	}
	return e.kind
}

// window returns the samples of a window, and how long it is. There is none that
// would hold hardly more than the one before.
func (e *Estimator) window(k int) (dirs [2]points, length time.Duration, ok bool) {
	all := e.buf[every][ToUs].x
	n := min(shortest<<k, len(all))
	if k > 0 && 4*n < 5*shortest<<(k-1) {
		return dirs, 0, false
	}
	oldest := all[len(all)-n]
	for d := range dirs {
		dirs[d] = e.buf[e.kindOf(k)][d].since(oldest)
	}
	return dirs, time.Duration(-oldest * 1e9), true
}

// judge lets each curve predict what came since it was fitted. A message that
// is late says little: both directions are late by as much, or all curves miss
// it alike.
func (e *Estimator) judge(now aes67.MonoTime) {
	shift := now.Sub(e.fitted).Seconds()
	e.judged++
	share := 1 / float64(min(e.judged, memory))
	if e.startled >= startlers {
		share = max(share, startledShare)
	}
	for k := range e.fits {
		kind := e.kindOf(k)
		if e.startled >= startlers {
			kind = every
		}
		for s := range e.fits[k] {
			c := &e.fits[k][s]
			if !c.ok {
				continue
			}
			var miss, n float64
			for d := range e.streams {
				if news := e.buf[kind][d].latest(e.streams[d].rings[kind].news); len(news.x) > 0 {
					level, _ := e.fitter.spread(&news, d, &c.curve, shift)
					miss, n = miss+level, n+1
				}
			}
			if n == 0 {
				continue
			}
			miss = math.Abs(miss / n)
			if c.missed == 0 {
				c.missed = miss
			}
			if noise := e.noise[every][ToUs]; noise > 0 {
				miss = min(miss, surprise*noise)
			}
			c.missed += (miss - c.missed) * share
		}
	}
}

// least returns the least mean error of prediction.
func (e *Estimator) least() float64 {
	least := math.Inf(1)
	for k := range e.fits {
		for s := range e.fits[k] {
			if c := &e.fits[k][s]; c.ok {
				least = min(least, c.missed)
			}
		}
	}
	return least
}

// fitAll fits all windows, each from the one before.
func (e *Estimator) fitAll(now aes67.MonoTime) {
	e.fitted = now
	for d := range e.streams {
		for kind := range kinds {
			if k := &e.streams[d].rings[kind]; true {
				k.news = 0
			}
		}
	}
	var last [shapes]candidate // of the next shorter window
	for k := range e.fits {
		dirs, length, ok := e.window(k)
		if k == 0 {
			last[straight].slope = e.fitter.theilSen(&dirs)
			last[bent].slope = last[straight].slope
		}
		e.lengths[k] = length
		for s := range shapes {
			c := &e.fits[k][s]
			c.curve = curve{}
			if ok && (s == straight || k > 0) {
				c.curve = e.fitter.fit(&dirs, last[s].curve, s == bent, &e.noise[e.kindOf(k)], e.delay)
			}
			if !c.ok {
				if !ok {
					c.missed = 0
				}
				continue
			}
			if c.missed == 0 { // never judged: as good as the one before
				c.missed = max(last[s].missed, last[straight].missed*float64(s))
			}
			last[s] = *c
			if c.measured && s == straight {
				e.delay, e.known = c.delay, true
			}
		}
	}
}

// choose returns the smoothest curve of those that miss least. A bent line is as
// smooth as a straight one of half its length.
func (e *Estimator) choose() (curve, time.Duration) {
	enough := alike * e.least()
	for k := windows - 1; k >= 0; k-- {
		if c := &e.fits[k][straight]; c.ok && c.missed <= enough {
			return c.curve, e.lengths[k]
		}
		if k+1 < windows {
			if c := &e.fits[k+1][bent]; c.ok && c.missed <= enough {
				return c.curve, e.lengths[k+1]
			}
		}
	}
	return curve{}, 0
}

// look learns from the chosen curve how noisy messages are, whether the lucky
// ones are better, and how much the clock wanders.
func (e *Estimator) look(c curve, window time.Duration) {
	e.wander *= 1 - 1.0/memory
	for k := windows - 1; k >= 0; k-- {
		if long := &e.fits[k][straight]; long.ok {
			e.wander = max(e.wander, math.Abs(c.slope-long.slope))
			break
		}
	}
	var variance [kinds]float64 // of the mean
	enough := true
	e.learnt++
	share := 1 / float64(min(e.learnt, learn))
	for kind := range kinds {
		for d := range e.streams {
			p := e.buf[kind][d].since(-window.Seconds())
			if len(p.x) < learnFrom {
				enough = false
				continue
			}
			_, sigma := e.fitter.spread(&p, d, &c, 0)
			if noise := &e.noise[kind][d]; *noise == 0 {
				*noise = sigma
			} else {
				*noise += (sigma - *noise) * share
			}
			variance[kind] += e.noise[kind][d] * e.noise[kind][d] / float64(len(p.x))
		}
	}
	if !enough {
		return
	}
	kind, gain := e.kind, variance[lucky]/variance[every]
	switch {
	case len(e.buf[lucky][ToUs].since(-learnFrom*luckyEvery.Seconds()).x) < learnFrom || gain > 1/hysteresis:
		kind = every
	case gain < hysteresis:
		kind = lucky
	}
	if kind != e.kind {
		e.kind = kind
		for k := luckyFrom; k < windows; k++ {
			for s := range e.fits[k] {
				e.fits[k][s].ok = false // they predict the other kind
			}
		}
	}
}
