package recorder

import (
	"fmt"
	"math"
	"slices"
	"time"

	"aes67-sink/aes67"
)

const (
	fastPoints = 480 // 2 min at 4 a second
	slowPoints = 1440
	slowStep   = time.Minute
	ofSlow     = int(slowStep / LookEach)
	// A day's lateness is counted in hours, so that each is forgotten in its turn.
	hours = 24
)

// edges are those of the histogram of lateness, in µs; the limits of receivers are
// among them: 1, 2 and 17 ms.
var edges = [...]float64{10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000, 17_000, 50_000, 100_000}

// points is a ring of the latest of a track.
type points struct {
	names []string
	step  time.Duration
	unix  []float64
	x     [][]float64 // [series][point]
	n     int         // points so far
}

func newPoints(step time.Duration, size int, names []string) points {
	p := points{names: names, step: step, unix: make([]float64, size), x: make([][]float64, len(names))}
	for i := range p.x {
		p.x[i] = make([]float64, size)
	}
	return p
}

func (p *points) add(unix float64, values []float64) {
	at := p.n % len(p.unix)
	p.unix[at] = unix
	for i, x := range values {
		p.x[i][at] = x
	}
	p.n++
}

func (p *points) unixOf(n int) float64 { return p.unix[n%len(p.unix)] }

// since is the first point behind that of a time, in the order in which they were added;
// where none is of that time the first that is later, or the newest: the clock was set
// back, for that time is still to come.
func (p *points) since(after float64) (n int) {
	oldest := max(0, p.n-len(p.unix))
	for n = p.n; n > oldest; n-- {
		if p.unixOf(n-1) == after {
			return n
		}
	}
	n = p.n
	for n > oldest && p.unixOf(n-1) > after {
		n--
	}
	return max(oldest, min(n, p.n-1))
}

// track copies what came after a time. Its axis rises: what a clock showed before it was
// set back is left out.
func (p *points) track(after float64) Track {
	t := Track{StepS: p.step.Seconds(), UnixS: Numbers{}, Series: map[string]Numbers{}}
	var told []int
	for n, since := p.n-1, p.since(after); n >= since; n-- {
		if len(told) == 0 || p.unixOf(n) < p.unixOf(told[len(told)-1]) {
			told = append(told, n)
		}
	}
	slices.Reverse(told)
	for _, n := range told {
		t.UnixS = append(t.UnixS, p.unixOf(n))
	}
	for i, name := range p.names {
		series := make(Numbers, 0, len(told))
		for _, n := range told {
			series = append(series, p.x[i][n%len(p.unix)])
		}
		t.Series[name] = series
	}
	return t
}

// history is what the plots show.
type history struct {
	fast, slow points
	values     []float64
	minute     [][]float64 // [series]: the points of the present minute
	looks      int         // in that
	spread     []float64

	counts [hours][len(edges) + 1]uint64
	hour   aes67.RawTime // of the newest
}

func newHistory(channels int) history {
	names := []string{OffsetNS, BoundNS, LatenessUS, FillFrames, TargetFrames, RatioPPB, LimitedDB}
	for c := range channels {
		names = append(names, fmt.Sprint(PeakPrefix, c))
	}
	var spread []string
	for _, name := range names {
		spread = append(spread, name, name+MinSuffix, name+MaxSuffix)
	}
	h := history{
		fast: newPoints(LookEach, fastPoints, names), slow: newPoints(slowStep, slowPoints, spread),
		values: make([]float64, len(names)), minute: make([][]float64, len(names)), spread: make([]float64, len(spread)),
	}
	for i := range h.minute {
		h.minute[i] = make([]float64, 0, ofSlow)
	}
	return h
}

// add takes a look; lateness is the worst since the one before, in µs.
func (h *history) add(l *Look, lateness float64) {
	unix := float64(l.At.UnixMilli()) / 1000
	v := append(h.values[:0], l.OffsetNS, l.BoundNS, lateness, l.Fill, l.Target, l.RatioPPB, l.LimitedDB)
	for c := range len(h.values) - len(v) {
		peak := math.NaN()
		if c < len(l.PeaksDBFS) {
			peak = l.PeaksDBFS[c]
		}
		v = append(v, peak)
	}
	h.fast.add(unix, v)
	for i, x := range v {
		if !math.IsNaN(x) && len(h.minute[i]) < ofSlow {
			h.minute[i] = append(h.minute[i], x)
		}
	}
	if h.looks++; h.looks < ofSlow { // by looks: the clock may be set
		return
	}
	for i := range h.minute {
		median, low, high := math.NaN(), math.NaN(), math.NaN()
		if all := h.minute[i]; len(all) > 0 {
			slices.Sort(all)
			median, low, high = all[len(all)/2], all[0], all[len(all)-1]
		}
		h.spread[3*i], h.spread[3*i+1], h.spread[3*i+2] = median, low, high
		h.minute[i] = h.minute[i][:0]
	}
	h.slow.add(unix, h.spread)
	h.looks = 0
}

// late counts a packet's lateness.
func (h *history) late(d time.Duration, at aes67.RawTime) {
	hour := at / aes67.RawTime(time.Hour)
	for n := min(max(0, hour-h.hour), hours); n > 0; n-- {
		h.counts[(hour-n+1)%hours] = [len(edges) + 1]uint64{}
	}
	h.hour = max(h.hour, hour)
	us, i := float64(d)/float64(time.Microsecond), 0
	for i < len(edges) && us > edges[i] {
		i++
	}
	h.counts[h.hour%hours][i]++
}

func (h *history) all() History {
	counts := make([]uint64, len(edges)+1)
	for i := range h.counts {
		for j, n := range h.counts[i] {
			counts[j] += n
		}
	}
	return History{Fast: h.fast.track(0), Slow: h.slow.track(0), Lateness: Histogram{slices.Clone(edges[:]), counts}}
}
