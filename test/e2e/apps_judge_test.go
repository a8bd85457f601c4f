package e2e

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// outcome is what came of playing something.
type outcome struct {
	first  time.Duration // until there was sound on the wire
	ours   time.Duration // of that, behind the monitor
	faults []string
	wrong  bool // one of them is not of a machine that stood still
	spoilt bool // the machine stood still in every try
	// leftFirst: it is on the left first, and on the right when that is over.
	leftFirst bool
	// leavesOut: it leaves out what it is late for, so the monitor alone says how long it is.
	leavesOut bool
}

func (o *outcome) fault(format string, v ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, v...))
}

// never is fault for what no standstill of the machine brings.
func (o *outcome) never(format string, v ...any) {
	o.wrong = true
	o.fault(format, v...)
}

const (
	// levelWithin, in dB, is how far a level may be off the file's, or the monitor's.
	levelWithin = 0.1
	// centsWithin is how far the pitch may be off: none hears that.
	centsWithin = 1.0
	// grossCents is what no gap in the sound makes of the pitch.
	grossCents = 50.0
	// apartDB is how far the other side's tone is below.
	apartDB = 80
	// leastDBFS is what a rear channel has at least: PulseAudio mixes it in at a ninth,
	// with all reduced so that the sum does not clip.
	leastDBFS = clipDBFS - 32
	// lostWithin is how much of a file a program may leave out at its ends: they are
	// faded in the file.
	lostWithin = 30 * time.Millisecond
	// firstWithin is how soon there is sound, and oursWithin what of that the bridge
	// may take where a program takes longer itself.
	firstWithin, oursWithin = 300 * time.Millisecond, 100 * time.Millisecond
)

// loud is the stretch from the first sound to the last.
func loud(x []float64) (from, to int) {
	sounds := func(v float64) bool { return math.Abs(v) > clipSounds }
	from = slices.IndexFunc(x, sounds)
	if from < 0 {
		return 0, 0
	}
	to = len(x)
	for !sounds(x[to-1]) {
		to--
	}
	return from, to
}

// heardSince waits for what is on its way and returns what came on each side since an
// instant, on the wire and in the monitor.
func (r *appRoom) heardSince(at aes67.MonoTime) (wire, monitor [2]heard) {
	r.t.Helper()
	until := rtthread.Now().Add(350 * time.Millisecond) // what is in hand
	for i := range wire {
		r.own[i].heardUntil(r.t, until)
		wire[i] = r.own[i].tail(at)
	}
	monitor = r.monitor.since(at)
	return wire, monitor
}

// begins notes when the sound began.
func (o *outcome) begins(at aes67.MonoTime, wire, monitor [2]heard) bool {
	for i, side := range sides {
		if i > 0 && o.leftFirst {
			break
		}
		if from, to := loud(wire[i].x); from == to {
			if from, to = loud(monitor[i].x); from == to {
				o.never("nothing is in the monitor, %s", side.name)
			} else {
				o.never("nothing is on the wire, %s", side.name)
			}
			return false
		}
	}
	first, _ := firstSound(wire[0])
	theirs, _ := firstSound(monitor[0])
	o.first, o.ours = first.Sub(at), first.Sub(theirs)
	return true
}

// mixed reports whether a tone is hardly heard on its own side, or far too well on the other.
func mixed(mine, other float64) bool { return mine-other < apartDB-40 || mine < leastDBFS }

// heardOf judges a file that was played since an instant.
func (r *appRoom) heardOf(c clip, at aes67.MonoTime) (out outcome) {
	r.t.Helper()
	out.leavesOut = r.leavesOut
	wire, monitor := r.heardSince(at)
	if !out.begins(at, wire, monitor) {
		return out
	}
	for i, side := range sides {
		out.gaps(side.name, wire[i], monitor[i], c.length, c.hz(min(i, c.channels-1)), c.channels <= 2)
	}
	broken := len(out.faults) > 0 // of pieces of a tone no level is measured
	levels, theirs := levelsOf(wire, c.hz), levelsOf(monitor, c.hz)
	for i, side := range sides {
		for channel := range c.channels {
			mine, off := levels[i][channel], math.Abs(levels[i][channel]-theirs[i][channel])
			// What is far below is the noise of each.
			if off > levelWithin && mine > clipDBFS-apartDB {
				out.fault("%s: %g Hz at %.2f dBFS, %.2f in the monitor", side.name, c.hz(channel), mine, theirs[i][channel])
			}
			switch {
			case c.channels == 1 || c.channels > 2 && channel == 2:
				if math.Abs(mine-levels[1-i][channel]) > levelWithin {
					out.fault("%g Hz of the middle at %.2f dBFS on the %s, %.2f on the other side", c.hz(channel), mine, side.name, levels[1-i][channel])
				}
			case channel == 3: // low frequencies: a server may leave them out
			case channel%2 == i:
				if c.channels == 2 && math.Abs(mine-clipDBFS) > levelWithin {
					out.fault("%s: %g Hz at %.2f dBFS, want %d", side.name, c.hz(channel), mine, clipDBFS)
				}
				if other := levels[1-i][channel]; mine == 0 || other == 0 {
					out.fault("%g Hz is too short to be judged", c.hz(channel))
				} else if mixed(mine, other) {
					note := out.never
					if a, b := theirs[i][channel], theirs[1-i][channel]; broken || a != 0 && b != 0 && mixed(a, b) {
						note = out.fault // or it is so before the bridge: the program stood still
					}
					note("%g Hz at %.1f dBFS on the %s, %.1f on the other side", c.hz(channel), mine, side.name, other)
				}
			}
		}
		out.pitch(side.name, wire[i], c.hz(min(i, c.channels-1)))
	}
	return out
}

// heardBoth judges two files that are played at once.
func (r *appRoom) heardBoth(first, second clip, at aes67.MonoTime) (out outcome) {
	r.t.Helper()
	wire, monitor := r.heardSince(at)
	if !out.begins(at, wire, monitor) {
		return out
	}
	for i, side := range sides {
		// Where both are at once: the last second and a half.
		n := len(wire[i].x)
		x := wire[i].x[max(0, n-wire[i].frames(1500*time.Millisecond)) : n-wire[i].frames(300*time.Millisecond)]
		spectrum := lab.MeasureSpectrum(x, wire[i].rate)
		for _, c := range []clip{first, second} {
			if level := spectrum.ToneDBFS(c.hz(i), 45); math.Abs(level-clipDBFS) > levelWithin {
				out.fault("%s: %g Hz at %.2f dBFS, want %d", side.name, c.hz(i), level, clipDBFS)
			}
			if level := spectrum.ToneDBFS(c.hz(1-i), 10); level > clipDBFS-apartDB+20 {
				out.fault("%s: %g Hz of the other side at %.1f dBFS", side.name, c.hz(1-i), level)
			}
		}
	}
	return out
}

// heardTones judges a tone that is on the left, and then on the right alone.
func (r *appRoom) heardTones(at aes67.MonoTime) (out outcome) {
	r.t.Helper()
	wire, monitor := r.heardSince(at)
	if !out.begins(at, wire, monitor) {
		return out
	}
	var spans [2][2]int
	for i, side := range sides {
		from, to := loud(wire[i].x)
		spans[i] = [2]int{from, to}
		out.gaps(side.name, wire[i], monitor[i], time.Duration(wire[i].seconds(to-from)*1e9), leftHz, true)
		out.pitch(side.name, wire[i], leftHz)
	}
	one := func(int) float64 { return leftHz }
	levels, theirs := levelsOf(wire, one), levelsOf(monitor, one)
	for i, side := range sides {
		if math.Abs(levels[i][0]-theirs[i][0]) > levelWithin {
			out.fault("%s: %.2f dBFS, %.2f in the monitor", side.name, levels[i][0], theirs[i][0])
		}
	}
	if end, begin := wire[0].at(spans[0][1]-1), wire[1].at(spans[1][0]); end.Sub(begin) > 10*time.Millisecond {
		out.fault("the left sounds until %v after the right begins", end.Sub(begin))
	}
	return out
}

// gaps judges whether a sound is whole: as long as its file, and where the tone does
// not go on, the monitor's does not.
func (o *outcome) gaps(name string, wire, monitor heard, length time.Duration, hz float64, alone bool) {
	from, to := loud(wire.x)
	theirFrom, theirTo := loud(monitor.x)
	if o.leavesOut {
		length = max(leastStretch, time.Duration(monitor.seconds(theirTo-theirFrom)*1e9))
	}
	if lasts := time.Duration(wire.seconds(to-from) * 1e9); lasts < length-lostWithin || lasts > length+lostWithin {
		o.fault("%s: %v of %v are on the wire, %.0f ms in the monitor", name, lasts.Round(time.Millisecond), length, 1e3*monitor.seconds(theirTo-theirFrom))
	}
	if alone {
		o.steps(name, wire, monitor, hz)
	}
}

// steps judges that the wire has no step, and no silence, that the monitor has not.
func (o *outcome) steps(name string, wire, monitor heard, hz float64) {
	const before, after = 500 * time.Millisecond, 50 * time.Millisecond // what is in hand, and the recorder's buffer
	theirs := lab.FindDefects(monitor.x, monitor.rate, hz)
	for _, d := range lab.FindDefects(wire.x, wire.rate, hz) {
		at := wire.at(d.Frame)
		known := slices.ContainsFunc(theirs, func(m lab.Defect) bool {
			then := monitor.at(m.Frame)
			return m.Size >= d.Size/2 && then > at.Add(-before) && then < at.Add(after)
		})
		if !known && !watch.explains(at, ofExact()) {
			o.fault("%s: a step of %.4f at %.3f s that is not in the monitor's %d (%s)", name, d.Size, wire.seconds(d.Frame), len(theirs), watch.words(at, ofExact()))
		}
	}
	quiet, theirQuiet := quietTime(wire), quietTime(monitor)
	if more := quiet - theirQuiet; more > 60*time.Millisecond {
		o.fault("%s: %v of silence within the sound, %v in the monitor", name, quiet, theirQuiet)
	}
}

// quietTime is how long a sound is silent between its first and its last.
func quietTime(h heard) (sum time.Duration) {
	from, to := loud(h.x)
	n := h.frames(10 * time.Millisecond)
	for ; from+n <= to; from += n {
		if lab.Peak(h.x[from:from+n]) < clipSounds {
			sum += 10 * time.Millisecond
		}
	}
	return sum
}

// besideMonitor judges what was done to a sound since an instant: so much of it is there,
// and no step that the monitor has not.
func (r *appRoom) besideMonitor(at aes67.MonoTime, least time.Duration) (out outcome) {
	r.t.Helper()
	wire, monitor := r.heardSince(at)
	if !out.begins(at, wire, monitor) {
		return out
	}
	for i, side := range sides {
		out.steps(side.name, wire[i], monitor[i], side.hz)
		from, to := loud(wire[i].x)
		if sounds := time.Duration(wire[i].seconds(to-from)*1e9) - quietTime(wire[i]); sounds < least {
			out.fault("%s: %v of sound, want %v", side.name, sounds, least)
		}
	}
	return out
}

// pitch judges the pitch of a side.
func (o *outcome) pitch(name string, h heard, hz float64) {
	from, to := loud(h.x)
	from, to = from+h.frames(50*time.Millisecond), to-h.frames(50*time.Millisecond)
	if to-from < h.frames(leastStretch) {
		return // told as too short
	}
	cents := 1200 * math.Log2(lab.MeasurePitch(h.x[from:to], h.rate, hz).Hz/hz)
	if !(math.Abs(cents) <= centsWithin) {
		o.wrong = o.wrong || !(math.Abs(cents) <= grossCents)
		o.fault("%s: the pitch is %.1f cents off", name, cents)
	}
}

// levelsOf measures each channel's tone on each side, in dBFS.
func levelsOf(h [2]heard, hz func(int) float64) (levels [2][8]float64) {
	for i := range h {
		from, to := loud(h[i].x)
		from, to = from+h[i].frames(50*time.Millisecond), to-h[i].frames(50*time.Millisecond)
		if to-from < h[i].frames(leastStretch) {
			continue
		}
		spectrum := lab.MeasureSpectrum(h[i].x[from:to], h[i].rate)
		for channel := range levels[i] {
			levels[i][channel] = spectrum.ToneDBFS(hz(channel), 10)
		}
	}
	return levels
}

// sidesTap keeps both channels of the sink's monitor, and when they came.
type sidesTap struct {
	mu     sync.Mutex
	x      []float32 // left and right in turn
	blocks []lab.Arrival
}

// tapSides records the monitor beside the bridge, as recordBeside does.
func tapSides(t testing.TB, s *server) *sidesTap {
	t.Helper()
	tap := &sidesTap{}
	recordEach(t, s, stereoFrame/2, func(x []float32, at aes67.MonoTime) {
		tap.mu.Lock()
		defer tap.mu.Unlock()
		tap.blocks = append(tap.blocks, lab.Arrival{At: at, Frame: len(tap.x) / 2})
		tap.x = append(tap.x, x...)
	})
	return tap
}

// since returns what each side had since an instant.
func (s *sidesTap) since(at aes67.MonoTime) (h [2]heard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blocks, frame := lab.Since(s.blocks, at), 0
	if len(blocks) > 0 {
		frame = blocks[0].Frame
	}
	for i := range h {
		h[i] = heard{rate: 48000, from: frame, arrivals: slices.Clone(blocks)}
		for n := 2*frame + i; n < len(s.x) && len(blocks) > 0; n += 2 {
			h[i].x = append(h[i].x, float64(s.x[n]))
		}
	}
	return h
}

// tail is what a listener heard since an instant: heard, without a copy of what was before.
func (l listener) tail(at aes67.MonoTime) heard {
	h := heard{rate: 48000, arrivals: l.ArrivalsSince(at)} // first: each of them is in the recording then
	if len(h.arrivals) == 0 {
		return h
	}
	h.from = h.arrivals[0].Frame
	x := l.Recorded(0, h.from)
	h.x = make([]float64, len(x))
	for i, v := range x {
		h.x[i] = float64(v)
	}
	return h
}
