package track

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// windows of the latest 8, 16, 32 ... 512 samples to us are fitted: 1 to 64 s of
	// the media profile.
	windows, shortest = 7, 6
	// luckyFrom is the first window that may be of lucky messages only, which takes
	// leastLucky each way, and an error that is less than luckyGain of the other's.
	luckyFrom, leastLucky, luckyGain = 3, 4, 0.8
	// few samples tell a noise.
	few = 4
	// The windows are fitted anew each refitShare of the chosen one, within these.
	refitShare, refitFast, refitSlow = 8, 0.15, 0.5 // s
	// memory is over how many times errors are averaged: some 15 s, since a clock
	// that wandered a moment ago is about to again. One counts for no more than
	// surprise standard deviations of the noise. alike is up to which ratio they are
	// the same.
	memory, surprise, alike = 30, 10, 1.05
	// After startlers samples in a row that are startling standard deviations off,
	// each next counts for startledShare: a clock that moved is followed in a second.
	startlers, startling, startledShare = 3, 6, 0.25
	// A direction that was silent for silence tells nothing of the other's lateness.
	silence = 8 // s
	// bendTime is how far beyond its data a bend is followed; after that the rate
	// stays what it has become.
	bendTime = 500 * time.Millisecond
)

// Estimate is what is known of the other clock. SE is a standard error.
type Estimate struct {
	At       aes67.MonoTime
	Base     int64     // ns
	Offset   float64   // ns past Base, local less other time
	OffsetSE float64   // ns
	Rate     aes67.PPB // at the instant At
	Bend     aes67.PPB // by which the rate grows in a second
	RateSE   float64   // ppb
	Wander   float64   // ppb, by which the rate was off its mean of late
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

// The shapes of curves, by their number of unknowns.
const (
	straight = iota
	bent
	shapes
)

// candidate is a curve of one window, and how well its like predict.
type candidate struct {
	curve
	every  curve   // the same as every message shows it, not the lucky ones
	bet    curve   // the one of those that was to predict
	missed float64 // ns, mean error of prediction; 0: none was judged yet
}

// Estimator estimates phase and frequency together. It fits windows of several
// lengths with straight and bent lines: short ones are noisy, long ones are wrong
// when the frequency moves. Which is better here the data say: each keeps a mean
// of the error by which it missed the samples that came next, and the smoothest of
// those that miss least is taken. The zero value is ready.
type Estimator struct {
	streams  [2]stream
	base     int64 // ns, of all levels
	buf      [kinds][2]points
	fitter   fitter
	fits     [windows][shapes]candidate
	lengths  [windows]float64 // s
	at, bets aes67.MonoTime   // when curves were fitted, and bets made
	best     curve            // the chosen one
	length   float64          // s, of its window
	startled int              // samples in a row
	judged   int              // times
	lucky    bool             // long windows are of the lucky ones
	noise    [2]float64       // ns, standard deviation
	delay    float64          // ns, average
	wander   float64          // ns/s
}

// Reset forgets everything.
func (e *Estimator) Reset() { *e = Estimator{buf: e.buf, fitter: e.fitter} }

// Add takes one sample. They come in order, but for a few that a lost or late
// message held up.
func (e *Estimator) Add(d Direction, s Sample) {
	if e.base == 0 {
		e.base = s.Offset
	}
	e.streams[d].add(d, s, e.best.slope)
	if d == ToUs && e.best.ok {
		off := float64(s.Offset-e.base) - e.best.at(int(d), s.At.Sub(e.at).Seconds())
		if e.startled++; math.Abs(off) <= startling*e.noise[d] {
			e.startled = 0
		}
	}
}

// Count returns how many samples of a direction there are, and over what time.
func (e *Estimator) Count(d Direction) (n int, span time.Duration) {
	r := &e.streams[d].rings[every]
	if r.n == 0 {
		return 0, 0
	}
	return r.n, r.at(r.n - 1).At.Sub(r.at(0).At)
}

// Noise returns the standard deviation of single messages, in ns; 0 before it is
// known.
func (e *Estimator) Noise(d Direction) float64 { return e.noise[d] }

// Estimate looks at all windows, if that is due; else ok is false.
func (e *Estimator) Estimate(now aes67.MonoTime) (_ Estimate, ok bool) {
	if due := min(max(e.length/refitShare, refitFast), refitSlow); e.startled < startlers && now.Sub(e.at).Seconds() < due {
		return Estimate{}, false
	}
	for kind := range kinds {
		for d := range e.streams {
			e.streams[d].rings[kind].load(&e.buf[kind][d], now, e.base)
		}
	}
	if len(e.buf[every][ToUs].x) == 0 {
		return Estimate{}, false
	}
	judged := e.judge(now)
	e.at = now
	e.fitAll()
	best, length := e.choose()
	if best == nil {
		return Estimate{}, false
	}
	e.learn(best, length)
	if judged || e.judged == 0 {
		e.bet(now)
	}
	e.startled = min(e.startled, startlers-1)
	return Estimate{
		At: now, Base: e.base, Offset: best.level, OffsetSE: best.levelSE,
		Rate: aes67.PPB(-best.slope), Bend: aes67.PPB(-2 * best.bend), RateSE: best.slopeSE,
		Wander: e.wander, Delay: best.delay, Window: time.Duration(length * 1e9),
	}, true
}

// bet lets all curves predict from now on.
func (e *Estimator) bet(now aes67.MonoTime) {
	e.bets = now
	e.streams[ToUs].news, e.streams[ToMaster].news = 0, 0
	for k := range e.fits {
		for s := range e.fits[k] {
			e.fits[k][s].bet = e.fits[k][s].every
		}
	}
}

// judge lets each curve predict what came since bets were made. In one direction
// messages that are late look like a clock that moved, so both are needed, and a
// curve of another delay than usual is of late ones. It reports whether there was
// enough to judge by.
func (e *Estimator) judge(now aes67.MonoTime) bool {
	var news [2]points
	for d := range news {
		news[d] = e.buf[every][d].latest(e.streams[d].news)
	}
	twoWay := len(e.buf[every][ToMaster].since(-silence).x) > 0
	if len(news[ToUs].x) == 0 || twoWay && len(news[ToMaster].x) == 0 {
		return false
	}
	age := now.Sub(e.bets).Seconds()
	e.judged++
	share := 1 / float64(min(e.judged, memory))
	if e.startled >= startlers {
		share = max(share, startledShare)
	}
	for k := range e.fits {
		for s := range e.fits[k] {
			c := &e.fits[k][s]
			if !c.bet.ok {
				continue
			}
			miss, _ := e.fitter.spread(&news[ToUs], int(ToUs), &c.bet, age)
			if twoWay {
				other, _ := e.fitter.spread(&news[ToMaster], int(ToMaster), &c.bet, age)
				miss = math.Abs(miss+other)/2 + max(math.Abs(c.bet.delay-e.delay)-e.noise[ToUs], 0)
			}
			if miss = min(math.Abs(miss)+c.bet.levelSE/2, surprise*e.noise[ToUs]); c.missed == 0 {
				c.missed = miss
			}
			c.missed += (miss - c.missed) * share
		}
	}
	return true
}

// window returns the samples of a window and its length; ok is false if it would
// hold hardly more than the one before, or too few of a kind.
func (e *Estimator) window(k, kind int) (dirs [2]points, length float64, ok bool) {
	all := e.buf[every][ToUs].x
	n := min(shortest<<k, len(all))
	length = -all[len(all)-n]
	for d := range dirs {
		dirs[d] = e.buf[kind][d].since(-length)
	}
	ok = k == 0 || 4*n >= 5*shortest<<(k-1)
	if kind == lucky {
		ok = ok && k >= luckyFrom && min(len(dirs[ToUs].x), len(dirs[ToMaster].x)) >= leastLucky
	}
	return dirs, length, ok
}

// fitAll fits all windows, each from the one before.
func (e *Estimator) fitAll() {
	var last [shapes]candidate
	for k := range e.fits {
		dirs, length, ok := e.window(k, every)
		e.lengths[k] = length
		if k == 0 {
			last[straight].slope = e.fitter.theilSen(&dirs)
			last[bent].slope = last[straight].slope
		}
		noise := &e.noise
		good, _, rich := e.window(k, lucky)
		if rich = rich && e.lucky; rich {
			dirs, noise = good, new([2]float64)
		}
		for s := range shapes {
			c := &e.fits[k][s]
			c.curve, c.every = curve{}, curve{}
			if !ok || k < s { // the shortest window is too short for a bend
				c.missed = 0
				continue
			}
			if c.curve = e.fitter.fit(&dirs, last[s].curve, ofBend+s, noise, e.delay); !c.ok {
				continue
			}
			if c.every = c.curve; rich {
				e.asEvery(&c.every, length)
			}
			if c.missed == 0 { // it starts with what the one before has earned
				c.missed = max(last[s].missed, last[straight].missed*float64(s))
			}
			last[s] = *c
		}
	}
}

// asEvery shifts a curve to where every message is, at the median.
func (e *Estimator) asEvery(c *curve, length float64) {
	var level [2]float64
	for d := range level {
		p := e.buf[every][d].since(-length)
		level[d], _ = e.fitter.spread(&p, d, c, 0)
	}
	c.level += (level[ToUs] + level[ToMaster]) / 2
	c.delay += (level[ToUs] - level[ToMaster]) / 2
}

// choose takes the smoothest curve of those that miss least. A bent line is as
// smooth as a straight one of half its length.
func (e *Estimator) choose() (best *candidate, length float64) {
	least := math.Inf(1)
	for k := range e.fits {
		for s := range e.fits[k] {
			if c := &e.fits[k][s]; c.ok {
				least = min(least, c.missed)
			}
		}
	}
	for k := windows - 1; k >= 0; k-- {
		for s := range min(shapes, windows-k) {
			if c := &e.fits[k+s][s]; c.ok && c.missed <= alike*least {
				return c, e.lengths[k+s]
			}
		}
	}
	return nil, 0
}

// learn takes the noise, the delay and the wander from the chosen curve, and
// whether the lucky messages alone are the better ones from the longest window.
func (e *Estimator) learn(c *candidate, length float64) {
	e.best, e.length = c.curve, length
	share := 1 / float64(min(e.judged+1, memory))
	if c.measured {
		e.delay += (c.every.delay - e.delay) * share
	}
	for d := range e.noise {
		if p := e.buf[every][d].since(-length); len(p.x) >= few {
			_, sigma := e.fitter.spread(&p, d, &c.every, 0)
			if e.noise[d] == 0 {
				e.noise[d] = sigma
			}
			e.noise[d] *= math.Pow(sigma/e.noise[d], share) // so a burst counts for little
		}
	}
	k := windows - 1
	for !e.fits[k][straight].ok {
		k--
	}
	e.wander = max(e.wander*(1-1.0/memory), math.Abs(c.slope-e.fits[k][straight].slope))
	all, _, _ := e.window(k, every)
	good, _, rich := e.window(k, lucky)
	if !rich {
		e.lucky = false
		return
	}
	from := e.fits[k][straight].curve
	gain := e.fitter.fit(&good, from, ofBend, &[2]float64{}, e.delay).levelSE / e.fitter.fit(&all, from, ofBend, &[2]float64{}, e.delay).levelSE
	e.lucky = gain < luckyGain || e.lucky && gain < 1
}
