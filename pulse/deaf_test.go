package pulse

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestADeafRecordingIsBegunAnew(t *testing.T) {
	const ms = time.Millisecond
	change := aes67.MonoTime(10e9)
	recent, long := change.Add(-50*ms), change.Add(-5*time.Second)
	tests := []struct {
		name    string
		heard   [2]aes67.MonoTime // last before the change
		goesOn  [2]time.Duration  // sound comes so long after it; 0: never
		audible bool
		record  time.Duration // recorded anew after; 0: not
		sink    time.Duration // the sink made anew after; 0: not
	}{
		{"the sound breaks off", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{}, true, 200 * ms, 600 * ms},
		{"a new recording is a help", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{250 * ms, 250 * ms}, true, 200 * ms, 0},
		{"it is a help for the left channel alone", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{250 * ms, 0}, true, 200 * ms, 600 * ms},
		{"only the left channel has sounded", [2]aes67.MonoTime{recent, long}, [2]time.Duration{250 * ms, 0}, true, 200 * ms, 0},
		{"it comes back by itself after all", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{5 * time.Second, 5 * time.Second}, true, 200 * ms, 600 * ms},
		{"it was silent before", [2]aes67.MonoTime{long, long}, [2]time.Duration{}, true, 2 * time.Second, 0},
		{"one channel pauses at that moment", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{10 * ms, 0}, true, 0, 0},
		{"the sound goes on", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{10 * ms, 10 * ms}, true, 0, 0},
		{"nothing plays, or it is muted", [2]aes67.MonoTime{recent, recent}, [2]time.Duration{}, false, 0, 0},
	}
	for _, test := range tests {
		var d deaf
		d.changed(change, test.heard[:])
		did, lost := map[cure]time.Duration{}, false
		for at := time.Duration(0); at < 100*time.Second; at += 50 * ms {
			now, heard := change.Add(at), test.heard
			for c, goesOn := range test.goesOn {
				if goesOn > 0 && at >= goesOn {
					heard[c] = now
				}
			}
			what := d.look(now, heard[:], test.audible)
			lost = lost || d.lost()
			if what != noCure {
				if did[what] != 0 {
					t.Errorf("%s: %d once more after %v", test.name, what, at)
				}
				did[what] = at
			}
		}
		if did[recordAnew] != test.record || did[sinkAnew] != test.sink {
			t.Errorf("%s: recorded anew after %v, the sink made anew after %v; want %v and %v", test.name,
				did[recordAnew], did[sinkAnew], test.record, test.sink)
		}
		if deafened := test.sink != 0 && (test.goesOn[0] == 0 || test.goesOn[1] == 0); d.deafened() != deafened {
			t.Errorf("%s: in the end a channel is lost: %t", test.name, d.deafened())
		}
		if sounded := test.heard[0] == recent; lost != (sounded && test.record != 0) {
			t.Errorf("%s: sound that was lost: %t", test.name, lost)
		}
	}
}

func TestARecordingIsNotDeafWithoutAReason(t *testing.T) {
	var d deaf
	for now := aes67.MonoTime(0); now < 100e9; now += 50e6 {
		if d.look(now, []aes67.MonoTime{0, 0}, true) != noCure {
			t.Fatal("recorded anew, though nothing has changed")
		}
	}
}

func TestASecondChangeForgetsNoChannel(t *testing.T) {
	var d deaf
	first := aes67.MonoTime(10e9)
	heard := []aes67.MonoTime{first, first}
	d.changed(first, heard)
	did := map[cure]int{}
	for at := 50 * time.Millisecond; at < 10*time.Second; at += 50 * time.Millisecond {
		now := first.Add(at)
		if at >= 250*time.Millisecond {
			heard[0] = now // the new recording has the left channel alone
		}
		if at == 300*time.Millisecond {
			d.changed(now, heard)
		}
		did[d.look(now, heard, true)]++
	}
	if did[recordAnew] == 0 || did[sinkAnew] != 1 || !d.deafened() {
		t.Errorf("recorded anew %d times, the sink made anew %d times, a channel is lost: %t", did[recordAnew], did[sinkAnew], d.deafened())
	}
}
