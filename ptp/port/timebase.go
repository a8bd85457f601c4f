package port

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// This file is what keeps NTP's hand off our time. All of that is measured and kept by
// CLOCK_MONOTONIC_RAW, the oscillator that nobody slews. The kernel stamps messages,
// and the sound server ticks, with the other one. adjtime(3) slews that by 500 ppm,
// timesyncd by an eighth of the offset each second (the kernel's PLL, kernel/time/
// ntp.c: ntp_offset_chunk, time constant 1), chrony by up to 83 333 ppm.

const (
	// readEvery is how often the two clocks are compared while nothing happens,
	// and readOften while CLOCK_MONOTONIC is slewed or has just changed its rate.
	readEvery, readOften = 125 * time.Millisecond, 10 * time.Millisecond
	// slewWatched is for how long a rate must have stood to be none of a slew: the
	// kernel's PLL changes it each second. A virtual machine's clock may be off for
	// good.
	slewWatched = 10 * time.Second
	// The kernel changes a slew when CLOCK_REALTIME begins a second, at the next
	// tick of its timer (ntp.c, second_overflow): at the latest after tickLatest, for
	// CONFIG_HZ is 250 or more but on small systems.
	tickLatest = 4500 * time.Microsecond
	// rateSoonest is over what at least the rate is taken after it has changed,
	// readSoon when it is looked at then; over rateSettled it is called known.
	rateSoonest, readSoon, rateSettled = time.Millisecond, 2 * time.Millisecond, 100 * time.Millisecond
	// rateLongest is over what it is taken at most: NTP corrects it little by
	// little, each second.
	rateLongest = 2 * time.Second
	// rateWander, ppb, is how much the rate may change unseen between readings.
	rateWander = 50
	// rateWorst, ppb, is more than NTP does: chrony slews by up to 83 333 ppm.
	rateWorst = 100_000_000
	// A grandmaster leaves CLOCK_MONOTONIC beyond rawEnter, ppb, and returns
	// within rawLeave. Crystals are within 50 ppm, and so are NTP's lasting
	// corrections of them; a slew is far beyond.
	rawEnter, rawLeave = 50_000, 40_000
	// nearTarget, ppb, is so close to the rate of CLOCK_MONOTONIC that a clock may take
	// that at once.
	nearTarget = 1000
	// rawChange, ppb, at once is a slew that begins or ends.
	rawChange = 20_000
)

// mark is a reading of the two clocks.
type mark struct {
	mono  aes67.MonoTime
	ahead bounds // RAW less CLOCK_MONOTONIC
}

// TimeBase is CLOCK_MONOTONIC_RAW against CLOCK_MONOTONIC. It is pure.
type TimeBase struct {
	known        bool
	last         mark
	origin, next mark           // the rate is taken since origin, and later on since next
	rate         aes67.PPB      // RAW against CLOCK_MONOTONIC, plus = CLOCK_MONOTONIC slow
	doubt        float64        // ppb, by which it may be wrong
	usual        aes67.PPB      // the latest rate that was settled
	away         bool           // usual is too far off for a grandmaster
	slewed       aes67.MonoTime // the rate was last seen to change
}

// Observe takes a reading of CLOCK_MONOTONIC_RAW. It reports whether a slew has
// begun, changed or ended.
func (b *TimeBase) Observe(p Pair) (changed bool) {
	now := mark{aes67.MonoTime(p.Middle()), p.ahead()}
	if !b.known {
		*b = TimeBase{known: true, last: now, origin: now, next: now, doubt: rateWorst, slewed: now.mono}
		return false
	}
	elapsed := float64(now.mono - b.last.mono)
	if elapsed <= 0 {
		return false
	}
	reading := now.ahead
	drift, room := elapsed*float64(b.rate)*1e-9, elapsed*(b.doubt+rateWander)*1e-9+1
	now.ahead = bounds{
		low:  b.last.ahead.low + int64(math.Floor(drift-room)),
		high: b.last.ahead.high + int64(math.Ceil(drift+room)),
	}
	if now.ahead.narrow(reading, 0) {
		// Where in between the rate changed is unknown: what comes from here on tells.
		b.doubt = rateWorst
		if step, doubt := rateOf(b.last, now); time.Duration(elapsed) >= rateSoonest {
			b.rate, b.doubt = step, doubt+math.Abs(float64(step-b.usual))
			changed = b.judge(step, doubt)
		}
		b.origin, b.next, b.slewed = now, now, now.mono
	}
	b.last = now
	span := now.mono.Sub(b.origin.mono)
	if rate, doubt := rateOf(b.origin, now); span >= rateSoonest && doubt <= 2*b.doubt+rateWander {
		b.rate, b.doubt = rate, doubt // else the reading lasted long, and tells nothing
		changed = b.judge(rate, doubt) || changed
	}
	if span >= rateSettled {
		b.usual = b.rate
		limit := aes67.PPB(rawEnter)
		if b.away {
			limit = rawLeave
		}
		b.away = b.usual > limit || b.usual < -limit
	}
	if halfway := b.next.mono.Sub(b.origin.mono) > 0; span >= rateLongest || !halfway && span >= rateLongest/2 {
		if halfway {
			b.origin = b.next
		}
		b.next = now
	}
	return changed
}

// judge reports whether a rate is another than the usual one by so much that it
// is a slew that begins or ends.
func (b *TimeBase) judge(rate aes67.PPB, doubt float64) bool {
	if math.Abs(float64(rate-b.usual)) <= rawChange+doubt {
		return false
	}
	b.usual = rate
	b.away = b.away || rate > rawEnter || rate < -rawEnter
	return true
}

// rateOf returns the rate from one reading to another, and by how much it may be
// wrong, ppb.
func rateOf(from, to mark) (rate aes67.PPB, doubt float64) {
	span := float64(to.mono - from.mono)
	return aes67.PPB(float64(to.ahead.middle()-from.ahead.middle()) / span * 1e9),
		float64(to.ahead.half()+from.ahead.half()) / span * 1e9
}

// Settled reports whether the rate is known well.
func (b *TimeBase) Settled() bool { return b.known && b.span() >= rateSettled }

// span is over how long the rate is taken.
func (b *TimeBase) span() time.Duration { return b.last.mono.Sub(b.origin.mono) }

// Due returns when the next reading is wanted. second is an instant at which
// CLOCK_REALTIME begins a second, any.
func (b *TimeBase) Due(second aes67.MonoTime) aes67.RawTime { return b.Raw(b.due(second)) }

func (b *TimeBase) due(second aes67.MonoTime) aes67.MonoTime {
	switch {
	case b.last == b.origin: // the rate has just changed: soon it is known
		return b.last.mono.Add(readSoon)
	case !b.Settled(), b.away && b.last.mono.Sub(b.slewed) < slewWatched:
		return b.last.mono.Add(readOften)
	}
	const each = aes67.MonoTime(time.Second)
	sinceTick := ((b.last.mono-second.Add(tickLatest))%each + each) % each
	return b.last.mono + min(aes67.MonoTime(readEvery), each-sinceTick)
}

// raw is the instant of the latest reading.
func (b *TimeBase) raw() aes67.RawTime {
	return aes67.RawTime(int64(b.last.mono) + b.last.ahead.middle())
}

// Raw converts an instant of CLOCK_MONOTONIC.
func (b *TimeBase) Raw(mono aes67.MonoTime) aes67.RawTime {
	elapsed := mono.Sub(b.last.mono)
	return b.raw().Add(elapsed + time.Duration(math.Round(float64(elapsed)*float64(b.rate)*1e-9)))
}

// Target returns the rate against RAW that a grandmaster ought to have: that of
// CLOCK_MONOTONIC, which the sound server ticks with too, unless it runs too far
// off; then that of the oscillator.
func (b *TimeBase) Target() aes67.PPB {
	if b.away {
		return 0
	}
	return -b.usual / (1 + b.usual*1e-9)
}

// Tether tells a clock how CLOCK_MONOTONIC runs. While we are the grandmaster and that
// is not slewed, the clock ticks with it, exactly: its phase is set by each reading.
type Tether struct {
	Base  *TimeBase
	Clock *mediaclock.Clock
	ptp   aes67.PTPTime  // when it was tied
	mono  aes67.MonoTime // likewise
}

// Renew follows a reading, or a steering of the clock. changed is what Observe said of
// the reading.
func (t *Tether) Renew(serving, changed bool) {
	b := t.Base
	local := mediaclock.Tie{Raw: b.raw(), Mono: b.last.mono, Rate: b.rate}
	m, set := t.Clock.Load()
	if !set {
		t.Clock.Tie(local)
		return
	}
	m.Local = local
	m.Tied = m.Tied && serving && !changed && !b.away
	if rate := b.Target(); serving && !b.away && b.Settled() { // else more is known in a moment
		if !m.Tied && math.Abs(float64(m.Rate-rate)) < nearTarget {
			m.Tied, t.ptp, t.mono = true, m.PTPAt(b.raw()), b.last.mono
		}
		if m.Tied {
			m.Raw, m.PTP, m.Rate, m.Frequency = b.raw(), t.ptp.Add(b.last.mono.Sub(t.mono)), rate, rate
		}
	}
	t.Clock.Set(m)
}
