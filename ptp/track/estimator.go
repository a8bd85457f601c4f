package track

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

const (
	// windows of the latest 6, 12, 24 ... 384 samples to us are fitted: 0.7 to 48 s
	// of the media profile.
	windows, shortest = 7, 6
	// luckyFrom is the first window that may be of lucky messages alone, which takes
	// few each way, and errors that are luckyGain of the others' or less.
	luckyFrom, few, luckyGain = 3, 4, 0.9
	// The windows are fitted anew each refitShare of the chosen one, within these, s.
	refitShare, refitFast, refitSlow = 8, 0.15, 1
	// memory is over how many times errors are averaged: some 15 s, since a clock
	// that wandered a moment ago is about to again. One counts for no more than
	// surprise standard deviations of the noise. alike is up to which ratio they are
	// the same.
	memory, surprise, alike = 30, 10, 1.05
	// After startlers samples in a row that are startling standard deviations off,
	// each next counts for startledShare: a clock that moved is followed in a second.
	startlers, startling, startledShare = 3, 6, 0.25
	// A direction that was silent for silence, s, says nothing of the other's
	// lateness.
	silence = 8
	// bendTime is how far beyond its data a bend is followed; after that the rate
	// stays what it has become.
	bendTime = 500 * time.Millisecond
)

// Estimate is what is known of the other clock. SE is a standard error.
type Estimate struct {
	At       aes67.RawTime
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
func (e *Estimate) RateAt(t aes67.RawTime) aes67.PPB {
	return e.Rate + e.Bend*aes67.PPB(min(t.Sub(e.At), bendTime).Seconds())
}

// OffsetAt extrapolates the offset, in ns.
func (e *Estimate) OffsetAt(t aes67.RawTime) int64 {
	after := t.Sub(e.At).Seconds()
	bent := min(after, bendTime.Seconds())
	gained := after*float64(e.Rate) + bent*(after-bent/2)*float64(e.Bend)
	return e.Base + int64(math.Round(e.Offset-gained))
}

// TimeAt extrapolates the other clock's time.
func (e *Estimate) TimeAt(t aes67.RawTime) aes67.PTPTime {
	return aes67.PTPTime(int64(t) - e.OffsetAt(t))
}

// The shapes of curves, by what they have more than a straight line.
const (
	straight = iota
	bent
	shapes
)

// candidate is a curve of one window, and how well its like predict.
type candidate struct {
	curve
	every  curve   // of every message; curve may be of the lucky ones
	bet    curve   // the every that is to predict
	missed float64 // ns, mean error of prediction; 0: none was judged yet
	lucky  bool
	length float64 // s
}

// doubt is by how much it is expected to be off, in ns: as its like were, or more if
// it is itself unsure.
func (c *candidate) doubt() float64 { return max(c.missed, c.levelSE) }

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
	at, bets aes67.RawTime // when curves were fitted, and bets made
	best     candidate
	startled int        // samples in a row
	judged   int        // times
	noise    [2]float64 // ns, standard deviation
	delay    float64    // ns, average
	wander   float64    // ns/s
}

// Reset forgets everything.
func (e *Estimator) Reset() {
	fresh := Estimator{buf: e.buf, fitter: e.fitter}
	for d := range e.streams {
		for kind, samples := range e.streams[d].of {
			fresh.streams[d].of[kind] = samples[:0]
		}
	}
	*e = fresh
}

// Add takes one sample. They come in order, but for a few that a lost or late
// message held up.
func (e *Estimator) Add(d Direction, s Sample) {
	if e.base == 0 {
		e.base = s.Offset
	}
	e.streams[d].add(d, s, e.best.slope)
	if d == ToUs && e.best.ok {
		off := float64(s.Offset-e.base) - e.best.at(d, s.At.Sub(e.at).Seconds())
		if e.startled++; math.Abs(off) <= startling*e.noise[d] {
			e.startled = 0
		}
	}
}

// Count returns how many samples of a direction there are, and over what time.
func (e *Estimator) Count(d Direction) (n int, span time.Duration) {
	if n = len(e.streams[d].of[every]); n > 0 {
		span = e.streams[d].of[every][n-1].At.Sub(e.streams[d].of[every][0].At)
	}
	return n, span
}

// Estimate looks at all windows, if that is due; else ok is false.
func (e *Estimator) Estimate(now aes67.RawTime) (_ Estimate, ok bool) {
	due := min(max(e.best.length/refitShare, refitFast), refitSlow)
	if e.startled < startlers && now.Sub(e.at).Seconds() < due {
		return Estimate{}, false
	}
	for kind := range kinds {
		for d := range e.streams {
			e.buf[kind][d].load(e.streams[d].of[kind], now, e.base)
		}
	}
	if len(e.buf[every][ToUs].x) == 0 {
		return Estimate{}, false
	}
	judged := e.judge(now)
	if judged {
		e.bets = now
	}
	e.at = now
	if !e.choose(e.fitAll(judged)) {
		return Estimate{}, false
	}
	e.startled = min(e.startled, startlers-1)
	e.rebase()
	c := &e.best
	return Estimate{
		At: now, Base: e.base, Offset: c.level, OffsetSE: c.levelSE,
		Rate: aes67.PPB(-c.slope), Bend: aes67.PPB(-2 * c.bend), RateSE: c.slopeSE,
		Wander: e.wander, Delay: c.delay, Window: time.Duration(c.length * 1e9),
	}, true
}

// farFromBase, ns, is where the levels get a base of their own again: a float64 has a grain
// of 0.1 ns there, and one of 256 ns at the 56 years by which a master may step that
// began in 1970 and then hears GPS.
const farFromBase = 1e12

// rebase keeps the levels small, after the master's time has made a step.
func (e *Estimator) rebase() {
	if math.Abs(e.best.level) < farFromBase {
		return
	}
	by := math.Trunc(e.best.level)
	e.base += int64(by)
	e.best.lower(by)
	for k := range e.fits {
		for s := range e.fits[k] {
			e.fits[k][s].lower(by)
		}
	}
}

// lower takes so many ns off all levels.
func (c *candidate) lower(by float64) {
	c.level -= by
	c.every.level -= by
	c.bet.level -= by
}

// Startled reports whether several samples in a row were far from what was expected: the
// clock may have moved, which both directions must tell.
func (e *Estimator) Startled() bool { return e.startled >= startlers }

// judge lets each curve predict what came since bets were made, and reports whether
// that was enough. In one direction messages that are late look like a clock that
// moved: both are needed, and a curve of another delay than usual is of late ones.
func (e *Estimator) judge(now aes67.RawTime) bool {
	age := now.Sub(e.bets).Seconds()
	us, master := e.buf[every][ToUs].since(age), e.buf[every][ToMaster].since(age)
	twoWay := len(e.buf[every][ToMaster].since(silence).x) > 0
	if len(us.x) == 0 || twoWay && len(master.x) == 0 {
		return false
	}
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
			miss, _ := e.fitter.spread(&us, ToUs, &c.bet, age)
			if twoWay {
				other, _ := e.fitter.spread(&master, ToMaster, &c.bet, age)
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

// fitAll fits all windows, each from the one before, and makes bets if told to. It
// returns the least doubt.
func (e *Estimator) fitAll(bet bool) (least float64) {
	least = math.Inf(1)
	var last [shapes]candidate
	x := e.buf[every][ToUs].x
	for k := range e.fits {
		n := min(shortest<<k, len(x))
		length := 1e-6 - x[len(x)-n]
		dirs := [2]points{e.buf[every][ToUs].since(length), e.buf[every][ToMaster].since(length)}
		good := [2]points{e.buf[lucky][ToUs].since(length), e.buf[lucky][ToMaster].since(length)}
		if k == 0 {
			last[straight].every.slope = e.fitter.theilSen(&dirs)
			last[bent] = last[straight]
		}
		for s := range shapes {
			c := &e.fits[k][s]
			c.curve, c.length = curve{}, length
			// It must hold some more than the one before, and enough for a bend.
			if k < s || k > 0 && 4*n < 5*shortest<<(k-1) {
				*c = candidate{}
				continue
			}
			c.every = e.fitter.fit(&dirs, &last[s].every, ofBend+s, &e.noise, e.delay)
			if bet {
				c.bet = c.every
			}
			if c.curve = c.every; !c.ok {
				continue
			}
			if k >= luckyFrom && min(len(good[ToUs].x), len(good[ToMaster].x)) >= few {
				l := e.fitter.fit(&good, &c.every, ofBend+s, &[2]float64{}, e.delay)
				if c.lucky = l.ok && (l.levelSE < luckyGain*c.levelSE || c.lucky && l.levelSE < c.levelSE); c.lucky {
					c.curve = l
				}
			}
			if c.missed == 0 { // it starts with what the one before has earned
				c.missed = max(last[s].missed, last[straight].missed*float64(s))
			}
			least, last[s] = min(least, c.doubt()), *c
		}
	}
	e.wander = max(e.wander*(1-1.0/memory), math.Abs(e.best.slope-last[straight].slope))
	return least
}

// choose takes the smoothest curve of those that miss least, and learns the noise
// and the delay from it. A bent line is as smooth as a straight one of half its
// length.
func (e *Estimator) choose(least float64) bool {
	e.best.ok = false
	for k := windows - 1; k >= 0 && !e.best.ok; k-- {
		for s := min(shapes, windows-k) - 1; s >= 0; s-- {
			if c := &e.fits[k+s][s]; c.ok && c.doubt() <= alike*least {
				e.best = *c
			}
		}
	}
	share := 1 / float64(min(e.judged+1, memory))
	if e.best.ok && len(e.buf[every][ToMaster].x) > 0 {
		e.delay += (e.best.every.delay - e.delay) * share
	}
	for d := range e.noise {
		if p := e.buf[every][d].since(e.best.length); e.best.ok && len(p.x) >= few {
			_, sigma := e.fitter.spread(&p, Direction(d), &e.best.every, 0)
			if e.noise[d] == 0 {
				e.noise[d] = sigma
			}
			power := share // a burst counts for little,
			if sigma < e.noise[d] {
				power = min(4*share, 1) // and is soon forgotten
			}
			e.noise[d] *= math.Pow(sigma/e.noise[d], power)
		}
	}
	return e.best.ok
}
