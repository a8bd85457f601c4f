package ptp

import (
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

// samples are the latest measurements of both directions.
type samples struct {
	streams [2]ring
	buf     [2]direction // those young enough, as floats
}

// clear forgets all.
func (s *samples) clear() {
	for i := range s.streams {
		s.streams[i].n = 0
	}
}

// add takes one measurement. They come in order, but for a few that a lost or
// late message held up.
func (s *samples) add(direction int, one sample) {
	r := &s.streams[direction]
	if r.n >= crowd && one.at.Sub(r.at(r.n-crowd).at) < crowdTime {
		return
	}
	r.push(one)
}

// count returns how many measurements of a direction there are, and over what
// time.
func (s *samples) count(direction int) (n int, span time.Duration) {
	r := &s.streams[direction]
	if r.n == 0 {
		return 0, 0
	}
	return r.n, r.at(r.n - 1).at.Sub(r.at(0).at)
}

// load copies the samples into floats.
func (s *samples) load(now aes67.MonoTime) (base int64, ok bool) {
	if s.streams[toUs].n == 0 {
		return 0, false
	}
	base = s.streams[toUs].at(s.streams[toUs].n - 1).offset
	for i := range s.streams {
		d, r := &s.buf[i], &s.streams[i]
		d.x, d.y = d.x[:0], d.y[:0]
		for k := range r.n {
			if one := r.at(k); now.Sub(one.at) <= longest {
				d.x = append(d.x, float64(one.at-now)*1e-9)
				d.y = append(d.y, float64(one.offset-base))
			}
		}
	}
	return base, true
}

// window returns the part of both directions that is younger than w.
func (s *samples) window(w time.Duration) (dirs [2]direction) {
	oldest := -w.Seconds()
	for i := range s.buf {
		d := &s.buf[i]
		k := len(d.x)
		for k > 0 && d.x[k-1] >= oldest {
			k--
		}
		dirs[i] = direction{x: d.x[k:], y: d.y[k:]}
	}
	return dirs
}
