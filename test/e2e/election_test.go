package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// announceTimeout is how long a clock of the media profile waits for a master's
// Announce: three intervals of 2 s (AES67-2018, annex A).
const announceTimeout = 6 * time.Second

// settleLimit is how long a network may take to agree on a master.
const settleLimit = announceTimeout + 2*time.Second

// lockLimit is how long all may take to lock to the master they agreed on.
const lockLimit = 5 * time.Second

// TestElection lets two bridges and a ptp4l that is better than either come and
// go in one domain: all settle on one master, whichever came first, and again
// when it dies; the streams go on meanwhile.
func TestElection(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	for _, ptp4lFirst := range []bool{false, true} {
		name := "bridges first"
		if ptp4lFirst {
			name = "ptp4l first"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			measured(t, func(t *attempt) {
				w, s := newHub(t, 4), startServer(t, "pipewire")
				var ptp4l *process
				if ptp4lFirst {
					ptp4l = startPTP4L(t, w, "3")
					eventually(t, 2*settleLimit, "ptp4l is the master", func() bool {
						return strings.Contains(ptp4l.output.String(), "assuming the grand master role")
					})
				}
				first, second := s.seat(w, "1").run(), s.seat(w, "2").run()
				_, master := elect(t, "the start", 3*settleLimit, "", first, second)

				l := listenAt(t, w, "4", first.descriptions()[0], nil, 0)
				l.lasts(t, time.Second)
				unlikeAtFirst, from := l.jumpsUnlike(first), rtthread.Now()
				if !ptp4lFirst {
					// ptp4l itself listens for as long before it says anything.
					ptp4l = startPTP4L(t, w, "3")
					var took time.Duration
					took, master = elect(t, "a better master comes", 2*settleLimit, master, first, second)
					figures.atMost(t, "a better master is followed after", took.Seconds(), (announceTimeout + settleLimit).Seconds(), "s")
				}
				if serves(first) || serves(second) {
					t.Error("a bridge serves beside a ptp4l of higher priority")
				}
				ptp4l.stop()
				took, master := elect(t, "the master dies", 3*settleLimit, master, first, second)
				figures.atMost(t, "a master that died is replaced after", took.Seconds(), settleLimit.Seconds(), "s")
				if serves(second) {
					pass(announceTimeout) // so that how often it announces is known: a new one's first gap counts
					second.kill()
					took, _ = elect(t, "the next one dies too", 3*settleLimit, master, first)
					figures.atMost(t, "a bridge that died as master is replaced after", took.Seconds(), settleLimit.Seconds(), "s")
				} else {
					t.Log("the next one does not die: it is the first, whose stream is listened to")
				}
				l.judgeGap(t, from)
				r := l.Report(0)
				if r.Lost+r.Reordered+r.Duplicates+r.SSRCChanges+r.SequenceRestarts != 0 {
					t.Errorf("the stream was interrupted: %+v", r)
				}
				if unlike := l.jumpsUnlike(first) - unlikeAtFirst; unlike != 0 {
					t.Errorf("%d more timestamp jumps on the wire than status tells of", unlike)
				}
			})
		})
	}
}

// judgeGap holds a stream to going on since an instant.
func (l listener) judgeGap(t testing.TB, from aes67.MonoTime) {
	t.Helper()
	const longest = 50 * time.Millisecond
	gap, at := l.longestGap(from)
	if gap > longest && watch.explains(at, excuse{gap / 2, gap}) {
		figures.not(t, "gap of the stream", fmt.Sprintf("%v, and the machine stood still for %v of it", gap, watch.stood(at, gap)))
		return
	}
	figures.atMost(t, "gap of the stream", gap.Seconds()*1000, longest.Seconds()*1000, "ms")
}

// longestGap returns the longest time without a packet, whatever stream they
// belong to, and the instant at its end.
func (l listener) longestGap(from aes67.MonoTime) (gap time.Duration, at aes67.MonoTime) {
	now := rtthread.Now()
	l.catchesUp(now)
	for _, a := range append(l.Arrivals(0), lab.Arrival{At: now}) {
		if a.At < from {
			continue
		}
		if a.At.Sub(from) > gap {
			gap, at = a.At.Sub(from), a.At
		}
		from = a.At
	}
	return gap, at
}

// jumpsUnlike is how many more jumps of the timestamps were heard than the bridge
// tells of, in its whole life: asked anew when one came meanwhile.
func (l listener) jumpsUnlike(b *bridge) int {
	b.t.Helper()
	for {
		before := l.Report(0).TimestampJumps
		told := b.sends(5 * time.Second).Streams[0].Jumps
		l.catchesUp(rtthread.Now())
		if l.Report(0).TimestampJumps == before {
			return int(before) - told
		}
	}
}

func serves(b *bridge) bool {
	b.t.Helper()
	r, err := b.look()
	if err != nil {
		b.t.Fatal(err)
	}
	return r.Clock.Role == "grandmaster"
}

// elect waits until all bridges send by one master, which is not a given one,
// and at most one of them serves; then until all are locked to it. It tells how
// long the election took.
func elect(t testing.TB, what string, within time.Duration, not string, all ...*bridge) (took time.Duration, master string) {
	t.Helper()
	locked := false
	agreed := func() bool {
		master, locked = "", true
		servers := 0
		for _, b := range all {
			r, err := b.look()
			sends := r.State == "sending" || r.State == "holdover" || r.State == "filling" // the sound server is not judged here
			if err != nil || !sends || r.Clock.Grandmaster == "" || master != "" && r.Clock.Grandmaster != master {
				return false
			}
			master = r.Clock.Grandmaster
			locked = locked && r.Clock.State == "locked"
			if r.Clock.Role == "grandmaster" {
				servers++
			}
		}
		return master != not && servers <= 1
	}
	began := time.Now()
	eventually(t, within, what+": all agree on one master", agreed)
	took = time.Since(began)
	eventually(t, 2*lockLimit, what+": all are locked to it", func() bool { return agreed() && locked })
	figures.atMost(t, what+": locked after another", (time.Since(began) - took).Seconds(), lockLimit.Seconds(), "s")
	return took, master
}
