package rtpsend

// Hot: decide runs at least once a packet time. Pure: time is an argument.

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

const (
	// spreadOver is how long a backlog takes to be sent: long enough that a
	// receiver's queue is not hit by one burst, short against the least link
	// offset that devices use (2 ms).
	spreadOver = 2 * time.Millisecond
	// fadeLimit bounds the wait for the source's silence; its fade takes 5 ms.
	fadeLimit = 30 * time.Millisecond
	// tailPackets is how many packets of zeros end a stream, so that the
	// silence survives a lost packet.
	tailPackets = 3
	// lookAgain bounds every sleep: an unset clock, a steered one and the wish
	// to stop are seen by then.
	lookAgain = 10 * time.Millisecond
)

// action is what the loop is to do next.
type action uint8

const (
	actSleep action = iota // until decision.until, then ask again
	actSend                // one packet of every stream, now
	actEnd                 // leave the loop
)

// decision is the pacer's answer.
type decision struct {
	act     action
	until   aes67.RawTime   // actSleep
	media   aes67.MediaTime // the rest with actSend: of the packet's first frame
	due     aes67.RawTime   // its scheduled instant
	open    bool            // the source may sound
	mute    bool            // send zeros and do not pull
	jumped  bool            // the timestamps jumped since the last packet
	skipped aes67.Frames    // with jumped: frame periods that no packet covers
}

// pacer decides when each packet is sent and which media time it carries.
type pacer struct {
	rate   aes67.Hz
	frames aes67.Frames  // in a packet
	period time.Duration // of a packet
	offset time.Duration // aes67.SendOffset
	limit  time.Duration // behind by more than this: jump

	started bool
	flowing bool            // a packet was sent: from now on a jump is one
	base    mediaclock.Map  // paced by: the clock's, but not beyond a step
	next    aes67.MediaTime // of the next packet's first frame

	jumped  bool         // since the last packet
	skipped aes67.Frames // likewise

	backlog int64         // packets that were due when the backlog was found, 0: none
	gap     time.Duration // between the packets of a backlog
	notTill aes67.RawTime // the next packet of a backlog may go then

	closing  bool         // the last packet was pulled with open false
	faded    bool         // and the source is silent
	fading   aes67.Frames // sent while closing
	tailSent int
}

func newPacer(frames aes67.Frames, rate aes67.Hz) pacer {
	period := frames.Duration(rate)
	return pacer{
		rate:   rate,
		frames: frames,
		period: period,
		offset: aes67.SendOffset(frames, rate),
		limit:  min(aes67.LatePackets*period, aes67.LateTime),
	}
}

// decide tells what to do at instant now. clock is the virtual clock's map,
// set is false while it has none; stop asks for an end: fade, zeros, actEnd.
// After actSend the loop must call sent.
func (p *pacer) decide(now aes67.RawTime, clock mediaclock.Map, set, stop bool) decision {
	if !p.started {
		switch {
		case stop:
			return decision{act: actEnd}
		case !set:
			return decision{act: actSleep, until: now.Add(lookAgain)}
		}
		p.started = true
		p.base, p.next = clock, p.firstFrom(clock, now)
	}
	if stop && p.tailSent == tailPackets {
		return decision{act: actEnd}
	}
	// A stopping stream ends on the time base it has.
	stepped := set && !stop && clock.Steps != p.base.Steps
	if set && clock.Steps == p.base.Steps {
		p.base = clock // steered: joins without a jump
	}

	due := p.deadline(p.base, p.next)
	switch {
	case stepped && (p.faded || now.Sub(due) > p.limit):
		due = p.adopt(clock, now, due)
		stepped = false
	case now.Sub(due) > p.limit:
		due = p.skip(now)
	}
	p.spread(now, due)
	if ready := max(due, p.notTill); now < ready {
		return decision{act: actSleep, until: min(ready, now.Add(lookAgain))}
	}
	open := !stop && !stepped
	return decision{
		act: actSend, media: p.next, due: due, open: open, mute: !open && p.faded,
		jumped: p.jumped, skipped: p.skipped,
	}
}

// sent tells that the packet of d went out at instant now, and whether the
// source reported silence.
func (p *pacer) sent(d decision, now aes67.RawTime, silent bool) {
	p.next += aes67.MediaTime(p.frames)
	p.flowing, p.jumped, p.skipped = true, false, 0
	if p.backlog > 0 {
		// On a schedule of their own, so that late wake-ups do not add up. One that is
		// later than a gap lets two go at once and no more: to wait for part of a gap
		// would take longer than a packet time of 125 µs, and the backlog stay.
		p.notTill = max(p.notTill.Add(p.gap), now)
	}
	switch {
	case d.open:
		p.closing, p.faded, p.fading = false, false, 0
	case d.mute:
		p.tailSent++
	default:
		p.closing = true
		p.fading += p.frames
		p.faded = silent || p.fading.Duration(p.rate)+p.period > fadeLimit
	}
}

// spread finds out whether there is a backlog, and the gap that clears it in
// spreadOver, counting what becomes due meanwhile.
func (p *pacer) spread(now, due aes67.RawTime) {
	late := now.Sub(due)
	if late < 0 {
		p.backlog, p.gap, p.notTill = 0, 0, 0
		return
	}
	if packets := 1 + int64(late/p.period); packets > 1 && packets > p.backlog {
		p.backlog = packets
		p.gap = spreadOver / time.Duration(packets+int64(spreadOver/p.period))
		p.notTill = now
	}
}
