package e2e

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

// A recording is judged around its breaks: places where the sound does not go on.
// One that a standstill of the machine explains is left out, with what lies near
// it; one that none explains fails the test.

const (
	// nearBreak is how long before and after a break the sound may be another: it
	// is faded out and in.
	nearBreak = 100 * time.Millisecond
	// nearLeap is how long a wave that leaps may ring; the resampler does for 3 ms.
	nearLeap = 10 * time.Millisecond
	// leastStretch is the shortest stretch that is judged: a spectrum of it tells
	// the two tones apart.
	leastStretch = 400 * time.Millisecond
)

// heard is one channel that was recorded, and when each of its frames came.
type heard struct {
	x        []float64
	rate     aes67.Hz
	from     int // the first of x, as the arrivals count
	arrivals []lab.Arrival
}

// heard returns what was recorded of a stream's channel.
func (l listener) heard() heard {
	recording := l.Recording()
	return heard{recording.WAV().Channels[0], recording.Rate, 0, l.Arrivals(0)}
}

// since is what came from an instant on.
func (h heard) since(at aes67.MonoTime) heard {
	since := lab.Since(h.arrivals, at)
	if len(since) == 0 {
		return h.part(len(h.x), len(h.x))
	}
	from := since[0].Frame - h.from
	return h.part(min(max(0, from), len(h.x)), len(h.x))
}

func (h heard) part(from, to int) heard {
	return heard{h.x[from:to], h.rate, h.from + from, h.arrivals}
}

// at returns when a frame came.
func (h heard) at(frame int) aes67.MonoTime {
	n := sort.Search(len(h.arrivals), func(i int) bool { return h.arrivals[i].Frame > h.from+frame })
	return h.arrivals[max(0, n-1)].At
}

// sounds returns when the tone was first at its level, and when it last was.
func (h heard) sounds(t testing.TB) (first, last aes67.MonoTime) {
	t.Helper()
	loud := math.Pow(10, (toneDBFS-1)/20)
	for i, v := range h.x {
		if math.Abs(v) >= loud {
			if last = h.at(i); first == 0 {
				first = last
			}
		}
	}
	if first == 0 {
		t.Fatal("no tone was heard")
	}
	return first, last
}

func (h heard) frames(d time.Duration) int { return int(aes67.FramesIn(d, h.rate)) }

// seconds is how long so many frames last.
func (h heard) seconds(frames int) float64 { return float64(frames) / float64(h.rate) }

// gap is a run of frames that is not the tone, with the signs of that in it.
type gap struct {
	lab.Run
	signs []lab.Run
}

// breaks lists where a tone does not go on; those with less than leastStretch
// between them are one.
func (h heard) breaks(hz float64) []gap {
	var all []lab.Run
	block, loud := int(h.rate)/100, lab.Peak(h.x)/2
	for _, d := range lab.FindDefects(h.x, h.rate, hz) {
		all = append(all, lab.Run{Frame: d.Frame, Length: 1})
	}
	all = append(all, lab.ZeroRuns(h.x, 4)...)
	for at := 0; at+block <= len(h.x); at += block {
		if lab.Peak(h.x[at:at+block]) < loud {
			all = append(all, lab.Run{Frame: at, Length: block})
		}
	}
	slices.SortFunc(all, func(a, b lab.Run) int { return a.Frame - b.Frame })
	return h.joined(all)
}

// joined joins runs, in order, with little between them.
func (h heard) joined(all []lab.Run) (gaps []gap) {
	apart := h.frames(leastStretch + 2*nearBreak)
	for _, r := range all {
		if n := len(gaps) - 1; n >= 0 && r.Frame < gaps[n].Frame+gaps[n].Length+apart {
			gaps[n].Length = max(gaps[n].Length, r.Frame+r.Length-gaps[n].Frame)
			gaps[n].signs = append(gaps[n].signs, r)
			continue
		}
		gaps = append(gaps, gap{r, []lab.Run{r}})
	}
	return gaps
}

// around lists the stretches between breaks, and how many frames they hold.
func (h heard) around(breaks []gap) (stretches []lab.Run, judged int) {
	near, from := h.frames(nearBreak), 0
	add := func(to int) {
		if to-from >= h.frames(leastStretch) {
			stretches = append(stretches, lab.Run{Frame: from, Length: to - from})
			judged += to - from
		}
	}
	for _, b := range breaks {
		add(max(from, b.Frame-near))
		from = b.Frame + b.Length + near
	}
	if from < len(h.x) {
		add(len(h.x))
	}
	return stretches, judged
}

// unspoilt is a tone with zeros where a standstill of the machine let it leap: a server
// loses frames in mid-wave then, and that rings beyond the peak.
func (h heard) unspoilt(hz float64, e excuse) (x []float64) {
	x = slices.Clone(h.x)
	near := h.frames(nearLeap)
	for _, d := range lab.FindDefects(h.x, h.rate, hz) {
		if watch.explains(h.at(d.Frame), e) {
			clear(x[max(0, d.Frame-near):min(len(x), d.Frame+near)])
		}
	}
	return x
}

// unexplained lists the breaks that no standstill explains, in words, and tells
// how many standstills there were behind the others. One explains the beginning of
// a break, and what follows for as long as the sound takes to come back.
func (h heard) unexplained(breaks []gap, e excuse) (words []string, standstills int) {
	after := excuse{e.least, e.reach + backWithin}
	for _, b := range breaks {
		at, end := h.at(b.Frame), h.at(b.Frame+b.Length)
		lasting := slices.IndexFunc(b.signs, func(s lab.Run) bool { return !watch.explains(h.at(s.Frame+s.Length), after) })
		switch {
		case !watch.explains(at, e):
			words = append(words, fmt.Sprintf("%d frames at %.3f s (%s)", b.Length, h.seconds(b.Frame), watch.words(at, e)))
		case lasting >= 0:
			words = append(words, fmt.Sprintf("%d frames at %.3f s, long after the machine stood still", b.signs[lasting].Length, h.seconds(b.signs[lasting].Frame)))
		default:
			standstills += max(len(b.signs), len(watch.between(at.Add(-e.reach), end)))
		}
	}
	return words, standstills
}

// judgeBreaks fails the test for each break that no standstill explains, and
// returns the stretches that are to be judged otherwise, with the number of
// standstills that are excused.
func (h heard) judgeBreaks(t testing.TB, name string, hz float64, e excuse) (stretches []lab.Run, excused int) {
	t.Helper()
	breaks := h.breaks(hz)
	words, excused := h.unexplained(breaks, e)
	figures.atMost(t, name+" discontinuities", float64(len(words)), 0, "")
	if len(words) > 0 {
		t.Logf("%s: %s", name, strings.Join(words[:min(5, len(words))], "; "))
	}
	stretches, judged := h.around(breaks)
	if len(breaks) > 0 {
		t.Logf("%s: judged %.1f of %.1f s, around %d breaks", name, h.seconds(judged), h.seconds(len(h.x)), len(breaks))
	}
	return stretches, excused
}

// overshoot is by how many dB more than a tone at most comes of a wave that breaks off
// in its middle: a resampler's filter swings over an edge by 9 % of it (Gibbs), and
// the highest edge is from one peak to the other.
const overshoot = 1.5

// judgePeak holds the loudest sample to the tone and some dB. More than an edge makes of
// it is never right, whatever the machine did.
func judgePeak(t testing.TB, name string, dbfs, above float64) {
	t.Helper()
	figures.atMost(t, name, dbfs, toneDBFS+above, "dBFS")
	figures.never(t, name+", at an edge", dbfs, toneDBFS+overshoot, "dBFS")
}

// judgeTone holds one channel, recorded while its tone played, to the limits, and
// returns what was judged of it and the number of standstills that are excused.
func judgeTone(t testing.TB, name string, h heard, atLeast time.Duration, s side, e excuse) (stretches []lab.Run, excused int) {
	t.Helper()
	stretches, excused = h.judgeBreaks(t, name, s.hz, e)
	var seconds, level float64
	sinad, crosstalk := math.Inf(1), math.Inf(-1)
	for _, at := range stretches {
		r := lab.AnalyseTone(h.x[at.Frame:at.Frame+at.Length], h.rate, lab.ToneOptions{NearHz: s.hz, OtherHz: s.otherHz})
		seconds += r.Seconds
		sinad, crosstalk = min(sinad, r.SINADdB), max(crosstalk, r.CrosstalkDB)
		level = max(level, math.Abs(r.ToneDBFS-toneDBFS))
	}
	if seconds < atLeast.Seconds()-0.1 && h.seconds(len(h.x)) >= atLeast.Seconds()-0.1 {
		figures.not(t, name+" length", fmt.Sprintf("the machine left %.1f of %.1f s", seconds, atLeast.Seconds()))
	} else {
		figures.atLeast(t, name+" length", seconds, atLeast.Seconds()-0.1, "s")
	}
	if len(stretches) == 0 {
		return nil, excused
	}
	figures.atLeast(t, name+" SINAD", sinad, 110, "dB")
	figures.atMost(t, name+" crosstalk", crosstalk, -120, "dB")
	figures.never(t, name+" crosstalk, gross", crosstalk, -30, "dB")
	figures.atMost(t, name+" level error", level, 0.1, "dB")
	figures.never(t, name+" level error, gross", level, 1, "dB")
	return stretches, excused
}

// enough listens until so much of a tone can be judged, from an instant on, or
// thrice as long.
func (l listener) enough(t testing.TB, hz float64, from aes67.MonoTime, length time.Duration) {
	t.Helper()
	for wanted := length; ; {
		l.heardUntil(t, from.Add(wanted))
		h := l.heard().since(from)
		_, judged := h.around(h.breaks(hz))
		missing := length - aes67.Frames(judged).Duration(h.rate)
		if missing <= 0 || wanted >= 3*length {
			return
		}
		wanted = min(3*length, wanted+max(missing, time.Second))
	}
}

// unbroken is the longest stretch of a tone, all of it if there is none.
func unbroken(x []float64, hz float64) []float64 {
	h := heard{x: x, rate: 48000}
	stretches, _ := h.around(h.breaks(hz))
	longest := lab.Run{Length: 0}
	for _, at := range stretches {
		if at.Length > longest.Length {
			longest = at
		}
	}
	if longest.Length == 0 {
		return x
	}
	return x[longest.Frame : longest.Frame+longest.Length]
}

// judgeSame holds the recording of another receiver to that of the lab's: of each
// stretch that was judged there, every sample is here too.
func judgeSame(t testing.TB, name string, other []float64, own heard, stretches []lab.Run) {
	t.Helper()
	differ, total, from := 0, 0, 0
	for _, at := range stretches {
		want := own.x[at.Frame : at.Frame+at.Length]
		total += len(want)
		found := find(other[from:], want)
		if found < 0 {
			differ += len(want)
			continue
		}
		from += found
		same := 0
		for same < len(want) && from+same < len(other) && other[from+same] == want[same] {
			same++
		}
		differ += len(want) - same
		from += same
	}
	if total == 0 {
		figures.not(t, name+" frames unlike the lab's", "none of the lab's were judged")
		return
	}
	figures.atMost(t, fmt.Sprintf("%s frames unlike the lab's, of %d", name, total), float64(differ), 0, "")
}

// sure is how many frames alike are no accident.
const sure = 64

// find returns where the beginning of some sound is, -1: nowhere.
func find(in, sound []float64) int {
	for from := 0; from+sure <= len(in); from++ {
		n := 0
		for n < sure && in[from+n] == sound[n] {
			n++
		}
		if n == sure {
			return from
		}
	}
	return -1
}

// judgeUnderruns holds the bridge's own count to what was heard: there are none
// but those that standstills explain.
func judgeUnderruns(t testing.TB, before, after report, excused int) {
	t.Helper()
	beyond := func(n int) float64 { return float64(max(0, n-excused)) }
	figures.atMost(t, "underruns beyond standstills of the machine", beyond(after.Drift.Underruns-before.Drift.Underruns), 0, "")
	figures.atMost(t, "overruns beyond standstills of the machine", beyond(after.Drift.Overruns-before.Drift.Overruns), 0, "")
}

// punctual returns the delays of the packets that came in a time and that no
// standstill touched, in order of size, and how many were left out.
func (l listener) punctual(from, to aes67.MonoTime) (delays []time.Duration, left int) {
	pauses := watch.between(from.Add(-afterwards), to)
	for _, a := range l.Arrivals(0) {
		if a.At < from || a.At > to {
			continue
		}
		for len(pauses) > 0 && pauses[0].to.Add(afterwards) < a.At {
			pauses = pauses[1:]
		}
		if len(pauses) > 0 && pauses[0].from <= a.At {
			left++
			continue
		}
		delays = append(delays, a.Delay)
	}
	slices.Sort(delays)
	return delays, left
}

// afterwards is how long packets are late after a standstill: a backlog is spread.
const afterwards = aes67.LateTime

// lateAt is the delay below which a share lies, in us.
func lateAt(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return float64(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]) / 1e3
}
