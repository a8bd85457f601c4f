package recorder

import (
	"math"
	"slices"
	"time"
)

// The lines of bills.
const (
	BillTimer   = "timer"             // the kernel's timer came late
	BillCore    = "waited for a core" // somebody else ran on it
	BillWork    = "own work"          // pulling, resampling, packing
	BillSend    = "send call"         // the kernel's network stack
	BillStill   = "stood still"       // neither ran nor waited: stopped, or the computer was
	BillServer  = "server late"       // the sound server gave nothing
	BillSkipped = "server skipped"    // it lost time, or rendered ahead
	BillClock   = "clock"             // the network's clock was another
	BillNetwork = "network"           // the interface was not there, or took no packets
)

// Bills are the names of all lines that a bill may have.
func Bills() []string {
	return []string{BillTimer, BillCore, BillWork, BillSend, BillStill, BillServer, BillSkipped, BillClock, BillNetwork}
}

// timerMost is how late a timer may be by itself: interrupts that are kept off, or a
// core that wakes up from its deepest sleep.
const timerMost = 5 * time.Millisecond

// charge divides a time among its causes; the lines add up to 100 %, in tenths. What
// took no time has no line, and without any there is no bill.
func charge(parts map[string]time.Duration) (bill []Share) {
	var total time.Duration
	for _, name := range Bills() {
		if d := parts[name]; d > 0 {
			bill = append(bill, Share{Name: name, MS: milliseconds(d)})
			total += d
		}
	}
	if total == 0 {
		return nil
	}
	const thousandths = 1000
	rests := make([]float64, len(bill))
	left := thousandths
	for i := range bill {
		exact := float64(parts[bill[i].Name]) / float64(total) * thousandths
		whole := math.Floor(exact)
		rests[i], bill[i].Percent = exact-whole, whole
		left -= int(whole)
	}
	for ; left > 0; left-- { // to those that were cut most
		most := slices.Index(rests, slices.Max(rests))
		bill[most].Percent++
		rests[most] = -1
	}
	for i := range bill {
		bill[i].Percent /= 10
	}
	slices.SortStableFunc(bill, func(a, b Share) int { return int(b.Percent*10) - int(a.Percent*10) })
	return bill
}

// lateness divides the lateness of one packet.
func (f *facts) lateness(e *Evidence) map[string]time.Duration {
	wake, work, send := f.wake, f.work, f.send
	beyond := func(d, usual time.Duration) time.Duration { return max(0, d-usual) }
	// The kernel tells how long the thread waited for a core, not when: it is what
	// took longer than usual that waited.
	rest := beyond(e.Sender.Waited, e.usual())
	waited := time.Duration(0)
	for _, part := range []struct {
		d     *time.Duration
		usual time.Duration
	}{{&wake, f.usualWake}, {&work, f.usualWork}, {&send, f.usualSend}} {
		taken := min(rest, beyond(*part.d, part.usual))
		*part.d -= taken
		rest -= taken
		waited += taken
	}
	still := time.Duration(0)
	if over := beyond(wake, f.usualWake); over > timerMost || over > lateFrom && e.still(over) {
		still, wake = over, wake-over
	}
	if over := beyond(work, f.usualWork); over > timerMost && e.Sender.Ran < over {
		still, work = still+over, work-over
	}
	return map[string]time.Duration{BillTimer: wake, BillCore: waited, BillWork: work, BillSend: send, BillStill: still}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
