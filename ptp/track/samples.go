package track

import (
	"time"

	"aes67-sink/aes67"
)

// Direction is the way of a measured message.
type Direction int

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
	// history is how many samples of each kind are kept, and longest how old they
	// may be: the frequency of a quartz moves by some ppb in a minute.
	history = 512
	longest = 64 * time.Second
	// No more than crowd samples within crowdTime are kept: a master that sends
	// oftener than any audio profile leaves room for half of longest.
	crowd, crowdTime = 8, 500 * time.Millisecond
	// group is of how many messages in a row the fastest is a lucky one. By number
	// and not by time, so that it is fastest by as much in both directions.
	group = 4
)

// The kinds of samples: every one, and the lucky ones.
const (
	every = iota
	lucky
	kinds
)

// ring holds the latest samples of a kind.
type ring struct {
	data    [history]Sample
	next, n int
}

func (r *ring) push(s Sample) {
	r.data[r.next] = s
	r.next = (r.next + 1) % history
	r.n = min(r.n+1, history)
}

// at returns the i-th oldest.
func (r *ring) at(i int) *Sample { return &r.data[(r.next-r.n+i+history)%history] }

// load makes points of those that are young enough.
func (r *ring) load(p *points, now aes67.MonoTime, base int64) {
	p.x, p.y = p.x[:0], p.y[:0]
	for i := range r.n {
		if s := r.at(i); now.Sub(s.At) <= longest {
			p.x = append(p.x, s.At.Sub(now).Seconds())
			p.y = append(p.y, float64(s.Offset-base))
		}
	}
}

// stream is what is known of one direction.
type stream struct {
	rings [kinds]ring
	news  int    // of every, since the curves were judged
	held  int    // messages of the group that is under way
	best  Sample // the fastest of them
}

// add takes a sample; slope, in ns/s, is that of the offset.
func (s *stream) add(d Direction, one Sample, slope float64) {
	r := &s.rings[every]
	if r.n >= crowd && one.At.Sub(r.at(r.n-crowd).At) < crowdTime {
		return
	}
	r.push(one)
	s.news++
	late := float64(one.Offset-s.best.Offset) - slope*one.At.Sub(s.best.At).Seconds()
	if s.held == 0 || (d == ToUs) == (late < 0) {
		s.best = one
	}
	if s.held++; s.held == group {
		s.rings[lucky].push(s.best)
		s.held = 0
	}
}

// points are samples of one direction, oldest first.
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
