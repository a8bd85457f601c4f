package pulse

import (
	"testing"
	"time"

	"aes67-sink/aes67"
)

func TestADeafRecordingIsBegunAnew(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name    string
		heard   aes67.MonoTime // last before the change, which is at 10 s
		audible bool
		cured   time.Duration // sound comes so long after it; 0: never
		want    []time.Duration
	}{
		{"the sound breaks off", 9950e6, true, 0, []time.Duration{200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 6200 * ms}},
		{"the first new recording is a help", 9950e6, true, 250 * ms, []time.Duration{200 * ms}},
		{"it was silent before", 5e9, true, 0, []time.Duration{2 * time.Second, 6 * time.Second, 14 * time.Second, 30 * time.Second, 62 * time.Second}},
		{"the sound goes on", 9950e6, true, 10 * ms, nil},
		{"nothing plays, or it is muted", 9950e6, false, 0, nil},
	}
	for _, test := range tests {
		var d deaf
		change := aes67.MonoTime(10e9)
		d.changed(change, test.heard)
		var did []time.Duration
		for at := time.Duration(0); at < 100*time.Second; at += 50 * ms {
			now, heard := change.Add(at), test.heard
			if test.cured > 0 && at >= test.cured {
				heard = now
			}
			if d.look(now, heard, test.audible) {
				did = append(did, at)
			}
		}
		same := len(did) == len(test.want)
		for i := range min(len(did), len(test.want)) {
			same = same && did[i] == test.want[i]
		}
		if !same {
			t.Errorf("%s: recorded anew after %v, want %v", test.name, did, test.want)
		}
	}
}

func TestARecordingIsNotDeafWithoutAReason(t *testing.T) {
	var d deaf
	for now := aes67.MonoTime(0); now < 100e9; now += 50e6 {
		if d.look(now, 0, true) {
			t.Fatal("recorded anew, though nothing has changed")
		}
	}
}
