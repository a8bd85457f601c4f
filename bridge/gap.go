package bridge

// Hot file, as pipeline.go.

import "aes67-sink/aes67"

// gap is where two sounds meet in the ring that do not join: played across, it
// would click. What lies before it is faded out at its end, as if no more came.
type gap struct {
	ahead  bool
	before aes67.Frames // the count of frames at which the first sound ends
	behind aes67.Frames // and at which the last begins
}

// add takes note of a gap, unless it was passed already.
func (g *gap) add(at, taken aes67.Frames) {
	switch {
	case at <= taken:
	case g.ahead:
		g.behind = at // what lies between is not worth playing
	default:
		*g = gap{true, at, at}
	}
}

// Gap tells, before a fragment, that it does not continue the last one: the
// sound server was away, or its monitor is recorded anew. It belongs to the
// context of Frames, which finds long pauses by itself.
func (p *Pipeline) Gap() { p.arrivals.Push(stamp{total: p.ring.Written(), gap: true}) }

// findGap finds the pauses after which drift begins anew too.
func (p *Pipeline) findGap(at aes67.MonoTime) {
	long := max(pauseLimit, 4*aes67.Frames(p.fragment.Load()).Duration(p.cfg.SinkRate))
	if p.heard && at.Sub(p.heardAt) > long {
		p.Gap()
	}
	p.heard, p.heardAt = true, at
}

// available returns the frames that can be read as one sound.
func (p *Pipeline) available() aes67.Frames {
	if p.gap.ahead {
		return p.gap.before - p.taken
	}
	return p.ring.Available()
}

// passGap drops what lies before a gap.
func (p *Pipeline) passGap() {
	if p.gap.ahead {
		p.drop(p.gap.behind - p.taken)
		p.gap = gap{}
	}
}
