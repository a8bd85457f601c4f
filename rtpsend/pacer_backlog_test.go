package rtpsend

import (
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
)

// TestABacklogIsClearedThoughEachSleepIsLate: a thread of a virtual machine wakes up some
// 0.1 ms late each time, which is most of a packet time of 125 µs. It catches up all the
// same, and no more than two packets leave at once.
func TestABacklogIsClearedThoughEachSleepIsLate(t *testing.T) {
	for _, overshoot := range []time.Duration{20 * time.Microsecond, 80 * time.Microsecond, 100 * time.Microsecond} {
		var clock mediaclock.Clock
		clock.Step(1_000_000_000, startOfPTP, 0)
		m, _ := clock.Load()
		p := newPacer(6, 48000)
		now, stalled, burst, longest := aes67.RawTime(1_000_000_000), false, 1, 1
		var last aes67.RawTime
		late := 0
		for packets := 0; packets < 800; {
			d := p.decide(now, m, true, false)
			if d.act == actSleep {
				now = d.until.Add(overshoot)
				continue
			}
			if packets++; packets == 100 && !stalled {
				stalled = true
				now = now.Add(1500 * time.Microsecond) // 12 packets, less than what makes it jump
			}
			if now.Sub(last) < 5*time.Microsecond {
				burst++
			} else {
				burst = 1
			}
			longest, last = max(longest, burst), now
			if packets > 300 && now.Sub(d.due) > p.period {
				late++
			}
			now = now.Add(4 * time.Microsecond) // what a packet's work takes
			p.sent(d, now, false)
		}
		if late > 0 || longest > 2 {
			t.Errorf("%v late at each sleep: %d of 500 packets are late long after the stall, and up to %d leave at once", overshoot, late, longest)
		}
	}
}
