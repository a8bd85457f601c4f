package track

import (
	"time"

	"aes67-sink/aes67"
)

// Direction is the way of a measured message.
type Direction uint8

// The two directions.
const (
	ToUs Direction = iota
	ToMaster
)

// Sample is one one-way measurement.
type Sample struct {
	At     aes67.MonoTime // when the message came here, or left
	Offset int64          // ns, local less other time, as this message shows it
}

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
	// group is of how many messages in a row the fastest is a lucky one: half a
	// second of the media profile. By number and not by time, so that it is
	// fastest by as much in both directions, however often each is measured.
	group = 4
)

// The kinds of samples: every one, and the lucky ones.
const (
	every = iota
	lucky
	kinds
)

// ring holds the latest samples.
type ring struct {
	data [history]Sample
	next int
	n    int
	news int // since they were last looked at
}

func (r *ring) push(s Sample) {
	r.data[r.next] = s
	r.next = (r.next + 1) % history
	r.n, r.news = min(r.n+1, history), r.news+1
}

// at returns the i-th oldest.
func (r *ring) at(i int) *Sample { return &r.data[(r.next-r.n+i+history)%history] }

// stream is what is known of one direction.
type stream struct {
	rings [kinds]ring
	held  int    // messages of the group that is under way
	best  Sample // the fastest of them
}

// add takes one measurement; they come in order, but for a few that a lost or
// late message held up. slope, in ns/s, is that of the offset.
func (s *stream) add(d Direction, one Sample, slope float64) {
	r := &s.rings[every]
	if r.n >= crowd && one.At.Sub(r.at(r.n-crowd).At) < crowdTime {
		return
	}
	r.push(one)
	later := float64(one.Offset-s.best.Offset) - slope*one.At.Sub(s.best.At).Seconds()
	if d == ToMaster {
		later = -later
	}
	if s.held == 0 || later < 0 {
		s.best = one
	}
	if s.held++; s.held == group {
		s.rings[lucky].push(s.best)
		s.held = 0
	}
}

// load appends the samples of a ring that are young enough to d, as floats.
func (r *ring) load(d *points, now aes67.MonoTime, base int64) {
	d.x, d.y = d.x[:0], d.y[:0]
	for k := range r.n {
		if one := r.at(k); now.Sub(one.At) <= longest {
			d.x = append(d.x, now.Sub(one.At).Seconds()*-1)
			d.y = append(d.y, float64(one.Offset-base))
		}
	}
}

// points are measurements of one direction, oldest first.
type points struct {
	x []float64 // s, relative to the instant of the estimate
	y []float64 // ns, relative to a common base
}

// since returns those whose x is oldest or more.
func (p *points) since(oldest float64) points {
	k := len(p.x)
	for k > 0 && p.x[k-1] >= oldest {
		k--
	}
	return points{p.x[k:], p.y[k:]}
}

// latest returns the last n.
func (p *points) latest(n int) points {
	k := max(len(p.x)-n, 0)
	return points{p.x[k:], p.y[k:]}
}
