package e2e

import (
	"fmt"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

const (
	// mostPages is how many may look at a bridge at a time.
	mostPages = 8
	// pagesWindows are so many measurements of each, in turn; the medians count.
	pagesWindows = 9
	// pagesTimes is the most that the sender's thread may use with so many pages open, as
	// a multiple of what it uses beside none.
	pagesTimes = 1.1
	// pagesDeviation is the most that the time between packets may be off more than
	// beside none, µs, for 99 of 100.
	pagesDeviation = 20
)

// TestPagesCostNoPacket measures the time between packets and what the sender's thread
// uses, with as many pages open as may be and beside none, in turn.
func TestPagesCostNoPacket(t *testing.T) {
	if !asked("TestPagesCostNoPacket") {
		t.Skip("takes minutes: said by 'make bench-pages'")
	}
	need(t, "curl")
	length := window(8*time.Second, 60*time.Second)
	w := newWire(t)
	startGrandmaster(t, w, 20_000)
	s := startServer(t, "pipewire")
	b := startBridge(t, w, s, "--set", "network.interface=eth0")
	b.loud(20 * time.Second)
	s.realtime()
	b.follows(60 * time.Second)
	s.play(makeTones(t, 4*pagesWindows*length+60*time.Second))
	b.playing(10 * time.Second)
	description, pid := b.descriptions()[0], b.cmd.Process.Pid
	sender := b.sender(t)

	var all [2]struct{ deviation, cpu, whole []float64 } // beside none, with pages
	var calm []float64                                   // deviations beside none where the machine did not stand still
	for n := range 2 * pagesWindows {
		with := n % 2
		var pages []*process
		for range with * mostPages {
			pages = append(pages, start(t, "page", nil, w.in(pc, "curl", "--silent", "--no-buffer", "--output", "/dev/null", "http://127.0.0.1:6767/events")...))
		}
		pass(time.Second) // whoever comes has all of the texts and the history first
		heard := listen(t, w, description, nil, 0)
		before, from := threadsOf(t, pid), rtthread.Now()
		heard.lasts(t, length)
		now := rtthread.Now()
		after, took := threadsOf(t, pid), now.Sub(from)
		for _, p := range pages {
			if p.ended() {
				t.Fatalf("a page was sent away: %s", p.output.String())
			}
			p.stop()
		}
		whole := time.Duration(0)
		for tid, use := range after {
			whole += use.cpu - before[tid].cpu
		}
		share := func(cpu time.Duration) float64 { return 100 * cpu.Seconds() / took.Seconds() }
		of := &all[with]
		of.deviation = append(of.deviation, heard.Report(0).Deviation.P99)
		if with == 0 && watch.stood(now, took) <= standstill {
			calm = append(calm, of.deviation[len(of.deviation)-1])
		}
		of.cpu, of.whole = append(of.cpu, share(after[sender].cpu-before[sender].cpu)), append(of.whole, share(whole))
		heard.judgeContinuity(t, "left")
	}
	for with, name := range []string{"no page open", "8 pages open"} {
		of := all[with]
		t.Logf("%s: time between packets off by p99 %.0f µs %.0f; the sender uses %.2f %% of a core %.2f; the bridge %.2f %% %.2f",
			name, medianOf(of.deviation), of.deviation, medianOf(of.cpu), of.cpu, medianOf(of.whole), of.whole)
	}
	figures.atMost(t, "sender's CPU with 8 pages, as a multiple of that beside none", medianOf(all[1].cpu)/medianOf(all[0].cpu), pagesTimes, "")
	const idle = "time between packets beside none, p99 of the deviation"
	if len(calm) > 0 {
		figures.atMost(t, idle, medianOf(calm), costDeviation, "µs")
	} else {
		figures.not(t, idle, "the machine stood still in each window")
	}
	const more = "time between packets with 8 pages, p99 of the deviation, more than beside none"
	if alone := medianOf(all[0].deviation); alone > costDeviation {
		figures.not(t, more, fmt.Sprintf("beside none it is %.0f µs already: the computer is busy", alone))
		return
	}
	figures.atMost(t, more, medianOf(all[1].deviation)-medianOf(all[0].deviation), pagesDeviation, "µs")
}
