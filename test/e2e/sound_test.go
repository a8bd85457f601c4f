package e2e

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

var kinds = []string{"pipewire", "pulseaudio"}

// side is one of the two streams and the tone that it should carry.
type side struct {
	name        string
	hz, otherHz float64
}

var sides = [2]side{{"left", leftHz, rightHz}, {"right", rightHz, leftHz}}

// TestTwoReceiversHearLeftAndRight plays two tones through each sound server,
// with ptp4l as the clock: independent receivers and the lab's own get each
// tone on its own stream only, complete and clean.
func TestTwoReceiversHearLeftAndRight(t *testing.T) {
	shared(t)
	length := window(8*time.Second, 50*time.Second)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				startPTP4L(t, w, speaker)
				s := startServer(t, kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)
				descriptions := b.descriptions()

				var foreign [2][]*recorder
				var own [2]listener
				for i, description := range descriptions {
					foreign[i] = []*recorder{startFFmpeg(t, w, description), startGStreamer(t, w, description)}
					own[i] = listen(t, w, description, nil, 4*length+20*time.Second)
				}
				for _, r := range slices.Concat(foreign[:]...) {
					r.records(10 * time.Second)
					r.counts()
				}

				player := s.play(makeTones(t, 4*length+20*time.Second))
				b.playing(5 * time.Second)
				from, before := rtthread.Now(), b.sends(time.Second)
				own[0].enough(t, leftHz, from, length)
				after := b.sends(time.Second)
				own[1].heardUntil(t, rtthread.Now())
				figures.so(t, "the tones last", !player.ended(), "they ended", "longer than the recordings")
				var excused int
				for i, side := range sides {
					own[i].judgeContinuity(t, "lab "+side.name)
					h := own[i].heard().since(from)
					stretches, n := judgeTone(t, "lab "+side.name, h, length, side, ofSound(0))
					excused = max(excused, n)
					for _, r := range foreign[i] {
						judgeSame(t, r.name+" "+side.name, r.finish(), h, stretches)
					}
				}
				judgeUnderruns(t, before, after, excused)
			})
		})
	}
}

// message is the most frames that the servers hand over at once, when asked
// for 5 ms: PipeWire's least quantum, PulseAudio's 5 ms at 48 kHz.
var message = map[string]float64{"pipewire": 256, "pulseaudio": 240}

// TestFollowsSkewedGrandmaster runs against quartzes at both ends of what PTP
// equipment may be off: the RTP clock follows, and the resampler takes the
// difference to the sound server's clock without a fault.
func TestFollowsSkewedGrandmaster(t *testing.T) {
	shared(t)
	for _, c := range []struct {
		name string
		rate aes67.PPB
		kind string
		long bool // for the full figures only
	}{
		{"100 ppm fast", 100_000, "pipewire", false},
		{"100 ppm slow", -100_000, "pipewire", true},
		{"100 ppm slow", -100_000, "pulseaudio", false},
	} {
		if c.long && !full {
			continue
		}
		t.Run(c.name+", "+c.kind, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				master := startGrandmaster(t, w, c.rate)
				s := startServer(t, c.kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)

				settle, length := window(10*time.Second, 20*time.Second), window(12*time.Second, 100*time.Second)
				judged := min(length, 60*time.Second) // at its end
				player := s.play(makeTones(t, settle+4*length+15*time.Second))
				b.playing(5 * time.Second)
				descriptions := b.descriptions()
				// The figures hold after a while only.
				listen(t, w, descriptions[0], nil, 0).lasts(t, settle)

				var own [2]listener
				for i, description := range descriptions {
					own[i] = listen(t, w, description, master, 4*length)
					own[i].lasts(t, 0)
				}
				from, before := rtthread.Now(), b.sends(time.Second)
				fills := b.fillErrors(length)
				own[0].enough(t, leftHz, from, length)
				after := b.sends(time.Second)
				own[1].heardUntil(t, rtthread.Now())
				figures.so(t, "the tones last", !player.ended(), "they ended", "longer than the recordings")
				if slope := own[0].Report(judged).SlopePPM; slope == nil {
					t.Error("the RTP clock's slope is not known")
				} else {
					figures.atMost(t, "RTP clock against grandmaster", math.Abs(*slope), limit(2, 0.05), "ppm")
				}
				var excused int
				for i, side := range sides {
					own[i].judgeContinuity(t, side.name)
					h := own[i].heard().since(from)
					stretches, n := judgeTone(t, "lab "+side.name, h, length, side, ofSound(0))
					excused = max(excused, n)
					h.judgePitch(t, side, stretches, judged, c.rate, c.kind)
				}
				judgeUnderruns(t, before, after, excused)
				judgeFill(t, fills, own[0].heard().since(from), message[c.kind])
			})
		})
	}
}

// leastPitch is the shortest stretch whose pitch is judged: ppm take a while.
const leastPitch = 2 * time.Second

// grossPitch, in ppm, is what no pitch is ever off that is measured between breaks.
const grossPitch = 1000

// judgePitch holds the last of a tone to the source's pitch, by the grandmaster's
// rate.
func (h heard) judgePitch(t testing.TB, s side, stretches []lab.Run, last time.Duration, rate aes67.PPB, kind string) {
	t.Helper()
	var sum, weight float64
	for _, at := range stretches {
		end := at.Frame + at.Length
		begin := max(at.Frame, len(h.x)-h.frames(max(last, leastPitch)))
		if end-begin < h.frames(leastPitch) {
			continue
		}
		hz := lab.MeasurePitch(h.x[begin:end], h.rate, s.hz).Hz * rate.Factor()
		sum += float64(end-begin) * 1e6 * (hz/s.hz - 1)
		weight += float64(end - begin)
	}
	if weight == 0 {
		figures.not(t, s.name+" pitch error", fmt.Sprintf("the machine left no %v without a break", leastPitch))
		return
	}
	figures.never(t, s.name+" pitch error, gross", math.Abs(sum/weight), grossPitch, "ppm")
	switch kind {
	case "pipewire":
		figures.atMost(t, s.name+" pitch error", math.Abs(sum/weight), limit(5, 0.1), "ppm")
	default:
		// PulseAudio's null sink rounds each block down to whole microseconds: while
		// a program plays it is not on time itself.
		t.Logf("%s: pitch %+.2f ppm", s.name, sum/weight)
	}
}

// afterBreak is how long after a break the fill is measured afresh.
const afterBreak = time.Second

// judgeFill holds the fill to its target, but near breaks of the tone, which are
// judged as such.
func judgeFill(t testing.TB, fills []fillError, h heard, limit float64) {
	t.Helper()
	breaks := h.breaks(leftHz)
	var frames []float64
	for _, f := range fills {
		if !slices.ContainsFunc(breaks, func(b gap) bool {
			return f.at > h.at(b.Frame).Add(-afterBreak) && f.at < h.at(b.Frame+b.Length).Add(afterBreak)
		}) {
			frames = append(frames, f.frames)
		}
	}
	if len(frames) < len(fills)/2 {
		figures.not(t, "fill error p99", fmt.Sprintf("the machine left %d of %d looks", len(frames), len(fills)))
		return
	}
	slices.Sort(frames)
	figures.atMost(t, "fill error p99", frames[len(frames)*99/100], limit, "frames")
}

// TestSendInstants measures when packets leave against the grandmaster's time.
func TestSendInstants(t *testing.T) { measured(t, sendInstants) }

func sendInstants(t *attempt) {
	w := newWire(t)
	master := startGrandmaster(t, w, 20_000)
	s := startServer(t, "pulseaudio")
	b := startBridge(t, w, s)
	b.follows(40 * time.Second)
	b.reaches(30*time.Second, "the clock has settled", func(r report) bool {
		return r.Clock.OffsetRMSNS != nil && *r.Clock.OffsetRMSNS < 5000
	})
	description, length := b.descriptions()[0], window(10*time.Second, 60*time.Second)
	l := listen(t, w, description, master, 0)
	from := rtthread.Now()
	l.lasts(t, length)
	l.judgeContinuity(t, "left")
	delays, left := l.punctual(from, rtthread.Now())
	if 2*left > len(delays) {
		figures.not(t, "send instants", fmt.Sprintf("the machine left %d of %d packets", len(delays), len(delays)+left))
		return
	}
	figures.atMost(t, "send instant late p50", lateAt(delays, 0.5), 100, "us")
	figures.atMost(t, "send instant late p99", lateAt(delays, 0.99), 1000, "us")
	figures.atMost(t, "send instant |p1|", math.Abs(lateAt(delays, 0.01)), 100, "us")
	r := l.Report(0)
	figures.atMost(t, "packets before their RTP instant", float64(r.Early), 0, "")
	loose, threads := b.slack(t)
	figures.never(t, "threads whose sleeps may last for longer than asked", float64(loose), float64(threads)/2, "") // the runtime's monitor, and what that started
	if loose == 0 {
		t.Errorf("none of %d threads has timer slack, the runtime's monitor neither", threads)
	}
	t.Logf("judged %d of %d packets; all, arrival less RTP instant less the constant: %+v", len(delays), len(delays)+left, *r.Delay)
}

// slack counts the threads that have timer slack of a millisecond or more, and all.
func (b *bridge) slack(t testing.TB) (loose, all int) {
	t.Helper()
	tasks := must(os.ReadDir(fmt.Sprintf("/proc/%d/task", b.cmd.Process.Pid)))
	for _, task := range tasks {
		if text, err := os.ReadFile("/proc/" + task.Name() + "/timerslack_ns"); err == nil && len(text) > len("1000000") {
			loose++
		}
	}
	return loose, len(tasks)
}

// TestSoundServerRestart restarts the sound server under the music: the streams
// go on, silent for a while, and the sound comes back by itself.
func TestSoundServerRestart(t *testing.T) {
	shared(t)
	for _, c := range []struct {
		name, kind string
		crash      bool
	}{
		{"pipewire restarts", "pipewire", false},
		{"pulseaudio restarts", "pulseaudio", false},
		{"pipewire-pulse crashes", "pipewire", true},
		{"pulseaudio crashes", "pulseaudio", true},
	} {
		if c.crash && !full {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			shared(t)
			measured(t, func(t *attempt) {
				w := newWire(t)
				startGrandmaster(t, w, 20_000)
				s := startServer(t, c.kind)
				b := startBridge(t, w, s)
				b.loud(10 * time.Second)
				s.realtime()
				b.follows(40 * time.Second)

				tones := makeTones(t, 30*time.Second)
				s.play(tones)
				b.playing(5 * time.Second)
				var own [2]listener
				for i, description := range b.descriptions() {
					own[i] = listen(t, w, description, nil, 30*time.Second)
				}
				own[0].lasts(t, 2*time.Second)

				if c.crash {
					s.kill()
				}
				s.do("restart")
				returned := rtthread.Now()
				eventually(t, 10*time.Second, "the sink is back", func() bool { return count(s.sinks(), "aes67") == 1 })
				figures.atMost(t, "sink back after", rtthread.Now().Sub(returned).Seconds(), 3, "s")
				s.realtime()
				s.play(tones)
				for i := range own {
					own[i].TakeLevels() // forgets what was before
					eventually(t, 10*time.Second, "the sound is back", func() bool {
						return own[i].TakeLevels()[0].PeakDBFS > toneDBFS-0.5
					})
				}
				for i, side := range sides {
					first, _ := own[i].heard().since(returned).sounds(t)
					figures.atMost(t, side.name+" sound back after", first.Sub(returned).Seconds(), 3, "s")
				}
				heard := own[0].length()
				own[0].lasts(t, heard+2*time.Second)
				own[1].lasts(t, heard+2*time.Second)

				for i, side := range sides {
					own[i].judgeContinuity(t, side.name)
					h := own[i].heard()
					x := h.x
					clicks := slices.DeleteFunc(lab.FindDefects(x, 48000, side.hz), func(d lab.Defect) bool {
						return watch.explains(h.at(d.Frame), ofSound(0))
					})
					figures.atMost(t, side.name+" clicks", float64(len(clicks)), 0, "")
					figures.atMost(t, side.name+" peak", lab.DBFS(lab.Peak(h.unspoilt(side.hz, ofSound(0)))), toneDBFS+0.05, "dBFS")
					figures.never(t, side.name+" peak, at an edge", lab.DBFS(lab.Peak(x)), toneDBFS+overshoot, "dBFS")
					for _, click := range clicks[:min(5, len(clicks))] {
						t.Logf("%s: %+v of %d frames: %.5f", side.name, click, len(x), x[max(0, click.Frame-8):min(len(x), click.Frame+8)])
					}
				}
			})
		})
	}
}
