package drift

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// The simulated world: a sound server that writes messages, a grandmaster whose
// clock paces the pulls, and the loop between them. All in simulated time, with
// seeded generators. True values are known, and only they are judged.

// A server writes messages on a clock of its own.
type server struct {
	rate  aes67.Hz
	block aes67.Frames
	tick  time.Duration // to which it rounds each piece's length
	// fast is its clock against CLOCK_MONOTONIC, as a share.
	fast func(since time.Duration) float64
	// pieces cuts a block; nil leaves it whole.
	pieces func(r *rand.Rand, block aes67.Frames) []aes67.Frames
	// late is the time from a piece's end to its stamp.
	late func(r *rand.Rand) time.Duration
	// event, asked before each block, changes the server and returns a pause
	// in which nothing is written.
	event func(since time.Duration, s *server) (pause time.Duration)
	// recorded replaces all of it by messages as a real server sent them. The
	// true count is then what the server's rounding makes of their lengths.
	recorded []message

	random *rand.Rand
	origin float64 // ns
	end    float64 // ns: when the newest piece ended
	total  aes67.Frames
	queue  []message
	stamp  float64
	track  []knot // the true count, for interpolation
}

type message struct {
	total aes67.Frames
	at    aes67.MonoTime
}

type knot struct{ at, frames float64 }

// advance writes blocks until one is stamped after t.
func (s *server) advance(t float64) {
	for len(s.queue) == 0 || float64(s.queue[len(s.queue)-1].at) <= t {
		if s.recorded != nil {
			next := s.recorded[0]
			s.recorded = s.recorded[1:]
			s.write(next.total - s.total)
			s.queue = append(s.queue, message{next.total, next.at + aes67.MonoTime(s.origin)})
			continue
		}
		if s.event != nil {
			if pause := float64(s.event(time.Duration(s.end-s.origin), s)); pause > 0 {
				s.track = append(s.track, knot{s.end + pause - 1, float64(s.total)})
				s.end += pause
			}
		}
		cut := []aes67.Frames{s.block}
		if s.pieces != nil {
			cut = s.pieces(s.random, s.block)
		}
		for _, frames := range cut {
			s.write(frames)
		}
		wake := s.end + float64(s.late(s.random)) // one wake-up for all pieces of a block
		s.stamp = max(s.stamp, wake)
		total := s.total
		for i := len(cut) - 1; i >= 0; i-- {
			total -= cut[i]
		}
		for _, frames := range cut {
			total += frames
			s.stamp += 2e3 * s.random.Float64() // reading one after the other
			s.queue = append(s.queue, message{total, aes67.MonoTime(s.stamp)})
		}
	}
}

// write moves the server's clock on by a piece.
func (s *server) write(frames aes67.Frames) {
	ns := float64(frames) * 1e9 / float64(s.rate)
	ns = math.Floor(ns/float64(s.tick)+1e-9) * float64(s.tick)
	s.end += ns / (1 + s.fast(time.Duration(s.end-s.origin)))
	s.total += frames
	s.track = append(s.track, knot{s.end, float64(s.total)})
}

// written returns the true count at t; the track before is dropped.
func (s *server) written(t float64) float64 {
	for len(s.track) > 2 && s.track[1].at < t {
		s.track = s.track[1:]
	}
	a, b := s.track[0], s.track[1]
	return a.frames + (t-a.at)*(b.frames-a.frames)/(b.at-a.at)
}

// A world joins a server, a grandmaster and a loop.
type world struct {
	seed    uint64
	length  time.Duration
	settle  time.Duration // before fills and margins are judged
	server  server
	target  aes67.Frames
	packet  aes67.Frames // 0: 1 ms
	need    float64      // frames the resampler must have beyond what is consumed
	master  func(since time.Duration) float64
	servo   func(r *rand.Rand) float64 // noise of the clock's frequency, every second
	told    func(r *rand.Rand) float64 // noise of the feed-forward alone, every second
	pulling func(r *rand.Rand) time.Duration
	act     func(since time.Duration, l *Loop)
}

// A result is what the world saw; frames and PPB.
type result struct {
	fineAt      time.Duration // when Fine was first reached
	started     time.Duration
	early, last float64 // ppb: error of the mean ratio, 20 s to 80 s and the last 60 s
	fill99      float64 // p99 of the loop's fill off its target after settle
	true99      float64 // the same of the true fill
	excursion   float64 // largest true error while reading
	fineSlope   float64 // ppm/s: largest slope of the ratio over 100 ms of Fine
	step        float64 // ppm: largest change of the ratio in one pull while reading
	trim        float64 // ppm: largest
	wander      float64
	reading     float64 // share of the pulls that read
	underruns   int
	restarts    int
	final       State
	margin      float64 // least frames beyond need, after settle
}

// run simulates w. Origin is some hours into CLOCK_MONOTONIC.
func (w *world) run() result {
	const origin = 12_345e9
	random := rand.New(rand.NewPCG(w.seed, 1))
	s := &w.server
	s.random = rand.New(rand.NewPCG(w.seed, 2))
	s.origin, s.end, s.stamp = origin+3e6, origin+3e6, origin
	packet := w.packet
	if packet == 0 {
		packet = aes67.Frames(s.rate / 1000)
	}
	l := NewLoop(Config{InRate: s.rate, Target: w.target})

	var (
		res                     = result{fineAt: -1, started: -1, margin: math.Inf(1)}
		due                     = float64(origin)
		consumed, ratio         float64
		reading                 bool
		delivered               aes67.Frames
		second                  = -1
		paceNoise, forwardNoise float64
		servoNoise              float64
		pulls, all              int // those that read, and all of them
		loopFill, trueFill      []float64
		marks                   []mark
		slopes                  slopeMeter
	)
	for due < origin+float64(w.length) {
		since := time.Duration(due - origin)
		if now := int(since / time.Second); now != second {
			second = now
			if w.servo != nil { // phase noise: what was too fast is made good
				next := w.servo(random)
				paceNoise, servoNoise = next-servoNoise, next
			}
			if w.told != nil {
				forwardNoise = w.told(random)
			}
		}
		if w.act != nil {
			w.act(since, l)
		}
		pull := due
		if w.pulling != nil {
			pull += float64(w.pulling(random))
		}
		s.advance(pull)
		for len(s.queue) > 0 && float64(s.queue[0].at) <= pull {
			delivered = s.queue[0].total
			l.Arrived(delivered, s.queue[0].at)
			s.queue = s.queue[1:]
		}
		at := aes67.MonoTime(due)
		if reading && l.State() == Acquire {
			reading = false
			consumed = math.Ceil(consumed)
			res.restarts++
		}
		if !reading {
			if skip, ok := begin(l, at, aes67.Frames(consumed)); ok {
				reading = true
				consumed += float64(skip)
				if res.started < 0 {
					res.started = since
				}
			}
		}
		pace := paceNoise
		if w.master != nil {
			pace += w.master(since)
		}
		next := float64(l.Update(at, consumed, aes67.PPB((pace+forwardNoise)*1e9))) * 1e-9
		state := l.State()
		all++
		step := float64(packet) / float64(s.rate) / (1 + pace) // s
		if reading {
			if state == Fine {
				if res.fineAt < 0 {
					res.fineAt = since
				}
			}
			if state != Acquire {
				res.step = max(res.step, math.Abs(next-ratio)*1e6)
			}
			if slope, ok := slopes.add(due, next, state); ok {
				res.fineSlope = max(res.fineSlope, math.Abs(slope)*1e6)
			}
			res.trim = max(res.trim, math.Abs(next-pace-forwardNoise)*1e6)
			fill := s.written(due) - consumed
			if pulls++; since > w.settle && pulls%16 == 0 {
				loopFill = append(loopFill, math.Abs(l.Fill()-float64(l.Target())))
			}
			if known := s.recorded == nil; known { // how late a recording's stamps are is not
				res.excursion = max(res.excursion, math.Abs(fill-float64(l.Target())))
				if since > w.settle && pulls%16 == 0 {
					trueFill = append(trueFill, math.Abs(fill-float64(l.Target())))
				}
			}
			marks = note(marks, since, consumed, fill)
			consumed += float64(packet) / (1 + (ratio+next)/2)
			margin := float64(delivered) - consumed - w.need
			if since > w.settle {
				res.margin = min(res.margin, margin)
			}
			if margin < 0 { // the ring ran dry
				res.underruns++
				l.Reset()
				consumed = float64(delivered)
			}
		}
		ratio = next
		due += step * 1e9
	}
	res.early = ratioError(marks, 20, 80)
	res.last = ratioError(marks, len(marks)-61, len(marks)-1)
	res.fill99, res.true99 = p99(loopFill), p99(trueFill)
	res.wander, res.final = float64(l.Wander()), l.State()
	res.reading = float64(pulls) / float64(all)
	return res
}

// A slopeMeter measures the ratio's slope over stretches of 100 ms in Fine.
type slopeMeter struct {
	begun     bool
	at, ratio float64
}

func (m *slopeMeter) add(at, ratio float64, state State) (slope float64, ok bool) {
	if state != Fine {
		m.begun = false
		return 0, false
	}
	if m.begun && at-m.at < 100e6 {
		return 0, false
	}
	slope, ok = (ratio-m.ratio)/(at-m.at)*1e9, m.begun
	m.begun, m.at, m.ratio = true, at, ratio
	return slope, ok
}

// A mark is taken every second.
type mark struct{ consumed, fill float64 }

func note(marks []mark, since time.Duration, consumed, fill float64) []mark {
	for time.Duration(len(marks))*time.Second <= since {
		marks = append(marks, mark{consumed, fill})
	}
	return marks
}

// ratioError returns by how much the mean ratio between two marks was off the
// one that would have kept the true fill, in ppb.
func ratioError(marks []mark, from, to int) float64 {
	if from < 0 || to >= len(marks) {
		return 0
	}
	written := marks[to].consumed + marks[to].fill - marks[from].consumed - marks[from].fill
	return (marks[to].fill - marks[from].fill) / written * 1e9
}

func p99(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)*99/100]
}
