package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// Lateness of a stamp.

func punctual(*rand.Rand) time.Duration { return 0 }

// queueing has a sharp edge, as on a server with real-time priority: some 45
// us, now and then up to 3 ms (PipeWire and PulseAudio on an idle machine: p99
// of the gaps 0.1 to 0.7 ms late, worst 3 ms).
func queueing(r *rand.Rand) time.Duration {
	late := 15e3 + 30e3*r.ExpFloat64()
	if r.IntN(50) == 0 {
		late += 700e3 * r.ExpFloat64()
	}
	return time.Duration(min(late, 3e6))
}

// loaded makes every tenth wake-up up to 20 ms late.
func loaded(r *rand.Rand) time.Duration {
	late := queueing(r)
	if r.IntN(10) == 0 {
		late += uniform(r)
	}
	return late
}

// uniform makes every wake-up up to 20 ms late.
func uniform(r *rand.Rand) time.Duration {
	return time.Duration(r.Int64N(int64(20 * time.Millisecond)))
}

// bursts delivers one to six blocks at once.
func bursts() func(*rand.Rand) time.Duration {
	left := 0
	return func(r *rand.Rand) time.Duration {
		if left == 0 {
			left = 1 + r.IntN(6)
		}
		left--
		return queueing(r) + time.Duration(left)*5333*time.Microsecond
	}
}

// Pieces of a block.

// splits cuts half of the blocks, as PulseAudio does where a player's end.
func splits(r *rand.Rand, block aes67.Frames) []aes67.Frames {
	if r.IntN(2) == 0 {
		return []aes67.Frames{block}
	}
	odd := aes67.Frames(5 + r.IntN(15))
	return []aes67.Frames{block - odd, odd}
}

// crumbs cuts all of it into pieces of 5 to 19 frames.
func crumbs(r *rand.Rand, block aes67.Frames) (pieces []aes67.Frames) {
	for block > 0 {
		piece := min(block, aes67.Frames(5+r.IntN(15)))
		pieces = append(pieces, piece)
		block -= piece
	}
	return pieces
}

// Clocks, as a share of CLOCK_MONOTONIC.

func share(x float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return x }
}

func swing(mean, depth float64, period time.Duration) func(time.Duration) float64 {
	return func(since time.Duration) float64 {
		return mean + depth*math.Sin(2*math.Pi*since.Seconds()/period.Seconds())
	}
}

func noise(share float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return share * r.NormFloat64() }
}

// Servers.

func pipewire(late func(*rand.Rand) time.Duration, change ...func(*server)) server {
	s := server{rate: 48000, block: 256, tick: time.Nanosecond, fast: share(0), late: late}
	for _, f := range change {
		f(&s)
	}
	return s
}

func pulseaudio(late func(*rand.Rand) time.Duration, change ...func(*server)) server {
	s := server{rate: 48000, block: 240, tick: time.Microsecond, fast: share(0), late: late, pieces: splits}
	for _, f := range change {
		f(&s)
	}
	return s
}

func clock(fast func(time.Duration) float64) func(*server) {
	return func(s *server) { s.fast = fast }
}

func at(rate aes67.Hz) func(*server) { return func(s *server) { s.rate = rate } }

// once does something before the first block after an instant.
func once(when time.Duration, what func(*server) time.Duration) func(*server) {
	return func(s *server) {
		done := false
		before := s.event
		s.event = func(since time.Duration, s *server) (pause time.Duration) {
			if before != nil {
				pause = before(since, s)
			}
			if !done && since >= when {
				done = true
				pause += what(s)
			}
			return pause
		}
	}
}

func pause(d time.Duration) func(*server) time.Duration {
	return func(*server) time.Duration { return d }
}

type scenario struct {
	name string
	world
	limits
}

// limits of a result; what is zero is not judged, save the counts.
type limits struct {
	fine        time.Duration
	early, last float64 // ppb
	fill        float64 // frames, p99, of the loop's and of the true fill
	worst       float64 // frames
	slope       float64 // ppm/s, in Fine
	step        float64 // ppm, in one pull
	wander      float64 // ppb
	underruns   int
	restarts    int
}

// usual are the limits where nothing odd happens: fine after 12 s, the ratio
// right to 0.02 ppm, the fill within a quarter of a message.
var usual = limits{fine: 12 * time.Second, early: 20, last: 20, fill: 60, worst: 64, slope: 0.26, step: 0.21, wander: 50}

// but returns the usual limits with some of them widened.
func but(change func(*limits)) limits {
	l := usual
	change(&l)
	return l
}

// rounding wanders itself: half a microsecond, now and then, 100 times a second
// is 40 us in a minute, or 0.7 ppm.
func rounding(l *limits) { l.fine, l.early, l.last, l.wander = 16*s, 2500, 2500, 3000 }

// farOff servers are found out within 2 s; the fill strays by half a message.
func farOff(l *limits) { l.early, l.last, l.fill, l.wander, l.worst = 60, 30, 10, 100, 40 }

// untold noise is not in the pace, and its mean over 60 s is 26 ppb.
func untold(l *limits) { l.early, l.last, l.wander, l.slope = 80, 80, 100, 1 }

// changed servers or targets are not judged by the mean ratio across the change.
func changed(l *limits) { l.early, l.last, l.wander = 0, 0, 0 }

const s = time.Second

func scenarios() []scenario {
	return slices.Concat(stampScenarios(), clockScenarios(), eventScenarios())
}

// stampScenarios vary how messages are cut and stamped.
func stampScenarios() []scenario {
	plain := func(s *server) { s.pieces = nil }
	fine := func(s *server) { s.tick = 1 }
	return []scenario{
		{"perfect", world{server: pipewire(punctual)}, but(func(l *limits) { l.early, l.last, l.fill = 0.1, 0.1, 0.1 })},
		{"pipewire jitter", world{server: pipewire(queueing)}, usual},
		{"pulseaudio", world{server: pulseaudio(queueing, plain)}, usual},
		{"pulseaudio splits", world{server: pulseaudio(queueing, fine)}, usual},
		{"pulseaudio splits, rounded", world{server: pulseaudio(queueing)}, but(rounding)},
		{"pulseaudio, player starts and ends", world{server: pulseaudio(queueing, plain,
			once(30*s, func(s *server) time.Duration { s.pieces = splits; return 0 }),
			once(80*s, func(s *server) time.Duration { s.pieces = nil; return 0 })), length: 160 * s}, but(changed)},
		{"pieces of 5 to 19 frames", world{server: pulseaudio(queueing, fine, func(s *server) { s.pieces = crumbs })}, usual},
		{"bursts", world{server: pipewire(bursts()), target: 2400}, usual},
		{"late wake-ups", world{server: pipewire(loaded), target: 1920}, usual},
		{"late wake-ups, pulseaudio", world{server: pulseaudio(loaded, fine), target: 1920}, usual},
		{"late wake-ups, rounded", world{server: pulseaudio(loaded), target: 1920}, but(rounding)},
		// The earliest of a window is still 1.5 ms late: a constant error.
		{"every wake-up late", world{server: pipewire(uniform), target: 1920}, limits{fine: 30 * s, early: 20_000, last: 3000, fill: 100, worst: 300, slope: 0.26, step: 0.21}},
		{"44.1 kHz", world{server: pipewire(queueing, at(44100))}, usual},
		{"96 kHz", world{server: pipewire(queueing, at(96000))}, usual},
		{"quantum 8192", world{server: pipewire(queueing, func(s *server) { s.block = 8192 }), target: 12000}, usual},
		{"packets of 125 us", world{server: pipewire(queueing), packet: 6, length: 85 * s}, usual},
		{"packets of 4 ms", world{server: pipewire(queueing), packet: 192}, but(func(l *limits) { l.step = 0.81 })},
	}
}

// clockScenarios vary the server's and the grandmaster's clock.
func clockScenarios() []scenario {
	return []scenario{
		{"server +300 ppm", world{server: pipewire(queueing, clock(share(300e-6)))}, but(farOff)},
		{"server -300 ppm", world{server: pipewire(queueing, clock(share(-300e-6)))}, but(farOff)},
		{"server +300 ppm, late wake-ups", world{server: pipewire(loaded, clock(share(300e-6))), target: 1920}, but(farOff)},
		{"server +20 ppm", world{server: pipewire(queueing, clock(share(20e-6)))}, but(farOff)},
		// Out of reach: the fill grows until it is set anew, now and then.
		{"server +5000 ppm", world{server: pipewire(queueing, clock(share(5000e-6)))}, limits{restarts: 100, step: 0.21, worst: 480}},
		{"server wanders", world{server: pipewire(queueing, clock(swing(30e-6, 0.5e-6, 300*s)))}, but(func(l *limits) { l.early, l.last, l.wander = 300, 300, 200 })},
		{"grandmaster +100 ppm", world{server: pipewire(queueing), master: share(100e-6)}, usual},
		{"grandmaster -100 ppm", world{server: pipewire(queueing), master: share(-100e-6)}, usual},
		{"grandmaster -100 ppm, server +300 ppm", world{server: pipewire(queueing, clock(share(300e-6))), master: share(-100e-6)}, but(farOff)},
		{"grandmaster wanders", world{server: pipewire(queueing), master: swing(20e-6, 1e-6, 120*s)}, usual},
		{"servo noise 50 ppb", world{server: pipewire(queueing), servo: noise(35e-9)}, but(func(l *limits) { l.wander, l.slope = 100, 1 })},
		{"feed-forward noise 50 ppb", world{server: pipewire(queueing), told: noise(50e-9)}, but(untold)},
		{"a day", world{
			server: pipewire(loaded, clock(swing(0, 2e-6, 24*3600*s)), func(s *server) { s.block = 2048 }), target: 6000,
			master: swing(30e-6, 1e-6, 7200*s), packet: 960, length: 24 * 3600 * s,
		}, but(func(l *limits) { l.step = 4.1 })},
	}
}

// eventfulDay is a grandmaster that wanders, warms up by 5 ppm from six to seven
// and is replaced at noon by one 40 ppm faster.
func eventfulDay(since time.Duration) float64 {
	hour := since.Hours()
	rate := 20e-6 + 1e-6*math.Sin(2*math.Pi*hour/2) + 5e-6*min(max(hour-6, 0), 1)
	if hour >= 12 {
		rate += 40e-6
	}
	return rate
}

// eventScenarios let something happen on the way.
func eventScenarios() []scenario {
	const cycle = 256 * s / 48000
	faster := func(s *server) time.Duration { s.fast = share(50e-6); return 0 }
	longer := func(s *server) time.Duration { s.block = 1024; return 0 }
	return []scenario{
		{"server's clock changes by 50 ppm", world{server: pipewire(queueing, once(40*s, faster))}, but(changed)},
		{"grandmaster changes by 100 ppm", world{server: pipewire(queueing), master: func(since time.Duration) float64 {
			if since > 40*s {
				return 100e-6
			}
			return 0
		}}, but(func(l *limits) { l.early, l.wander, l.slope = 200, 200, 210 })}, // its own slope
		{"a day of everything", world{
			server: pipewire(loaded, clock(swing(0, 2e-6, 24*3600*s)), func(s *server) { s.block = 2048 },
				once(3*3600*s, pause(20*time.Millisecond)), once(9*3600*s, pause(30*time.Millisecond)), // bursts
				once(15*3600*s, pause(400*time.Millisecond)), once(21*3600*s, pause(400*time.Millisecond))), // input is missing
			target: 6000, master: eventfulDay, packet: 960, length: 24 * 3600 * s,
		}, but(func(l *limits) {
			// Its own slope is that of the new grandmaster at noon; the worst is where
			// the server was away.
			l.early, l.last, l.slope, l.step, l.worst, l.fill, l.underruns, l.restarts = 100, 100, 210, 4.1, 8000, 120, 2, 2
		})},
		{"cycles lost", world{
			server: pipewire(queueing, once(30*s, pause(cycle)), once(60*s, pause(2*cycle))),
			target: 1440, length: 160 * s, settle: 130 * s,
		}, but(func(l *limits) { changed(l); l.worst = 530 })},
		{"server restarts", world{server: pipewire(queueing, once(40*s, pause(2*s)))}, but(func(l *limits) {
			changed(l)
			l.underruns, l.restarts, l.worst = 1, 1, 0
		})},
		{"server hangs for 70 ms", world{server: pipewire(queueing, once(40*s, pause(70*time.Millisecond)))}, but(func(l *limits) {
			changed(l)
			l.underruns, l.restarts, l.worst = 1, 1, 0
		})},
		{"quantum changes to 1024", world{server: pipewire(queueing, once(40*s, longer)), target: 2000}, usual},
		{"target changes", world{server: pipewire(queueing), act: func(since time.Duration, l *Loop) {
			if since > 40*s {
				l.SetTarget(960)
			}
		}, settle: 110 * s}, but(func(l *limits) { changed(l); l.worst = 241 })},
	}
}

func TestScenarios(t *testing.T) { judge(t, scenarios()) }

// judge runs the scenarios, prints what came out and fails where a limit is passed.
func judge(t *testing.T, all []scenario) {
	t.Helper()
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-39s %6s %6s %9s %9s %7s %7s %7s %6s %6s %6s %8s %6s %5s %s\n", "scenario",
		"start", "fine", "20-80", "last 60", "fill", "true", "worst", "slope", "step", "trim", "wander", "margin", "under", "restarts")
	fmt.Fprintf(&table, "%-39s %6s %6s %9s %9s %7s %7s %7s %6s %6s %6s %8s %6s\n", "",
		"s", "s", "ppb", "ppb", "p99 fr", "p99 fr", "frames", "ppm/s", "ppm", "ppm", "ppb", "frames")
	for i, s := range all {
		s.seed = uint64(i)
		if s.length == 0 {
			s.length = 125 * time.Second
		}
		if s.target == 0 {
			s.target = aes67.FramesIn(15*time.Millisecond, s.server.rate)
		}
		if s.settle == 0 {
			s.settle = 20 * time.Second
		}
		s.need = 64 // as a resampler has
		if s.pulling == nil {
			s.pulling = func(r *rand.Rand) time.Duration { return time.Duration(60e3 * r.ExpFloat64()) }
		}
		r := s.run()
		for _, fault := range s.judge(r) {
			t.Errorf("%s (seed %d): %s", s.name, s.seed, fault)
		}
		fmt.Fprintf(&table, "%-39s %6.2f %6.1f %9.2f %9.2f %7.2f %7.2f %7.1f %6.3f %6.2f %6.1f %8.1f %6.0f %5d %d %v\n", s.name,
			r.started.Seconds(), r.fineAt.Seconds(), r.early, r.last, r.fill99, r.true99, r.excursion, r.fineSlope, r.step, r.trim,
			r.wander, r.margin, r.underruns, r.restarts, r.final)
	}
	t.Log(table.String())
}

// judge names each limit that a result passes.
func (l limits) judge(r result) (faults []string) {
	check := func(what string, got, most float64) {
		if most != 0 && !(math.Abs(got) <= most) {
			faults = append(faults, fmt.Sprintf("%s is %.3f, must be %.3f at most", what, got, most))
		}
	}
	if r.started < 0 || r.started > time.Second {
		faults = append(faults, fmt.Sprintf("read from %v on, must be from 1 s on at the latest", r.started))
	}
	if !(r.reading >= 0.95) {
		faults = append(faults, fmt.Sprintf("a share of %.3f of the pulls read, must be 0.95 at least", r.reading))
	}
	if l.fine != 0 && (r.fineAt < 0 || r.fineAt > l.fine) {
		faults = append(faults, fmt.Sprintf("fine after %v, must be %v at most", r.fineAt, l.fine))
	}
	if l.fine != 0 && r.final != Fine {
		faults = append(faults, fmt.Sprintf("ends in %v, must be fine", r.final))
	}
	check("error of the ratio from 20 s to 80 s in ppb", r.early, l.early)
	check("error of the ratio in the last 60 s in ppb", r.last, l.last)
	check("p99 of the fill's error in frames", r.fill99, l.fill)
	check("p99 of the true fill's error in frames", r.true99, l.fill)
	check("worst error of the true fill in frames", r.excursion, l.worst)
	check("slope of the ratio in fine in ppm/s", r.fineSlope, l.slope)
	check("step of the ratio in ppm", r.step, l.step)
	check("trim in ppm", r.trim, 500.001)
	check("wander in ppb", r.wander, l.wander)
	if r.underruns > l.underruns {
		faults = append(faults, fmt.Sprintf("%d underruns, must be %d at most", r.underruns, l.underruns))
	}
	if r.restarts > l.restarts {
		faults = append(faults, fmt.Sprintf("%d restarts, must be %d at most", r.restarts, l.restarts))
	}
	return faults
}
