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
	At     aes67.RawTime // when the message came here, or left
	Offset int64         // ns, local less other time, as this message shows it
}

const (
	// history is how many samples are kept, and longest how old they may be: the
	// frequency of a quartz moves by some ppb in a minute.
	history, longest = 512, 64 * time.Second
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

// stream holds the latest samples of one direction, oldest first.
type stream struct {
	of   [kinds][]Sample
	held int    // messages of the group that is under way
	best Sample // the fastest of them
}

// add takes a sample; slope, in ns/s, is that of the offset.
func (s *stream) add(d Direction, one Sample, slope float64) {
	if n := len(s.of[every]); n >= crowd && one.At.Sub(s.of[every][n-crowd].At) < crowdTime {
		return
	}
	s.push(every, one)
	late := float64(one.Offset-s.best.Offset) - slope*one.At.Sub(s.best.At).Seconds()
	if s.held == 0 || (d == ToUs) == (late < 0) {
		s.best = one
	}
	if s.held++; s.held == group {
		s.push(lucky, s.best)
		s.held = 0
	}
}

func (s *stream) push(kind int, one Sample) {
	r := s.of[kind]
	if len(r) == history {
		r = r[:copy(r, r[1:])]
	}
	s.of[kind] = append(r, one)
}

// points are samples of one direction, oldest first.
type points struct {
	x []float64 // s, relative to the instant of the estimate
	y []float64 // ns, relative to a common base
}

// load takes those that are young enough.
func (p *points) load(samples []Sample, now aes67.RawTime, base int64) {
	p.x, p.y = p.x[:0], p.y[:0]
	for _, s := range samples {
		if now.Sub(s.At) <= longest {
			p.x, p.y = append(p.x, s.At.Sub(now).Seconds()), append(p.y, float64(s.Offset-base))
		}
	}
}

// since returns those of the last seconds.
func (p *points) since(seconds float64) points {
	k := len(p.x)
	for k > 0 && p.x[k-1] > -seconds {
		k--
	}
	return points{p.x[k:], p.y[k:]}
}
