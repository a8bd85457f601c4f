package bridge

import (
	"fmt"
	"time"

	"aes67-sink/aes67"
)

// trouble puts into words what was wrong with the sound in the last minute. It is
// pure: the counts and the time are arguments. The words change only with what is
// wrong, since each change is logged.
type trouble struct {
	slots [6]troubleCounts // of ten seconds each
	slot  int
	ends  aes67.MonoTime
	told  troubleCounts // totals when last looked at
	begun bool
	long  bool // the buffer was longer than half of enough
}

// troubleCounts are counts since the start, or of a time.
type troubleCounts struct {
	underruns uint64 // times that the buffer ran dry
	overruns  uint64 // frames that found no room
	jumps     uint64 // times that the server lost time or rendered ahead
}

const (
	troubleSlot = 10 * time.Second
	// fewUnderruns and fewJumps in a minute are no trouble yet: a buffer that learns
	// has some at the start, and a server that changes its cycle jumps.
	fewUnderruns, fewJumps = 3, 5
	// enough is a buffer that outlasts what is usual on a busy computer.
	enough = 60 * time.Millisecond
)

// look takes the present totals and returns a sentence, or nothing, and when that
// can become another by itself, 0: not at all.
func (t *trouble) look(s PipelineSnapshot, now aes67.MonoTime) (words string, next aes67.MonoTime) {
	totals := troubleCounts{s.Underruns, s.Overruns, s.Jumps}
	if !t.begun {
		t.begun, t.told = true, totals
	}
	for steps := 0; now >= t.ends; steps++ {
		if steps == len(t.slots) { // nobody has looked for a long time
			t.ends = now.Add(troubleSlot)
			break
		}
		t.slot = (t.slot + 1) % len(t.slots)
		t.slots[t.slot] = troubleCounts{}
		t.ends = t.ends.Add(troubleSlot)
	}
	present := &t.slots[t.slot]
	present.underruns += totals.underruns - t.told.underruns
	present.overruns += totals.overruns - t.told.overruns
	present.jumps += totals.jumps - t.told.jumps
	t.told = totals

	var minute troubleCounts
	for _, slot := range t.slots {
		minute.underruns += slot.underruns
		minute.overruns += slot.overruns
		minute.jumps += slot.jumps
	}
	if minute != (troubleCounts{}) {
		next = t.ends
	}
	// While the trouble lasts the advice does not go back and forth with the buffer.
	t.long = s.Buffer > enough/2 || t.long && minute.underruns > fewUnderruns
	return minute.sentence(s, t.long), next
}

// sentence tells of a minute; long is that the buffer was longer than half of enough.
func (c troubleCounts) sentence(s PipelineSnapshot, long bool) string {
	switch {
	case s.Asked > 0 && s.Asked < s.Least && s.Cycle > 0:
		return fmt.Sprintf("sink.latency is %v, but the sound server hands over %v at a time: %v are kept; set sink.latency to \"auto\" or to %v at least",
			round(s.Asked), round(s.Cycle), round(s.Buffer), round(s.Least))
	case c.underruns > fewUnderruns && s.Asked > 0:
		return fmt.Sprintf("the sound broke off more than %d times in the last minute, for the sound server was late: set sink.latency to \"auto\", or to more than %v",
			fewUnderruns, round(s.Asked))
	case c.underruns > fewUnderruns:
		outlasts := enough
		if long {
			outlasts = 3 * enough
		}
		return fmt.Sprintf("the sound broke off more than %d times in the last minute, for the sound server was late: end what keeps the computer busy, or set sink.latency to \"%v\"",
			fewUnderruns, outlasts)
	case c.overruns > 0:
		return "sound was lost in the last minute, for too much came at once: the computer or its sound server stood still; end what keeps it busy"
	case c.jumps > fewJumps:
		return fmt.Sprintf("the sound server lost time more than %d times in the last minute: it is overloaded (PipeWire: see the column ERR of pw-top); give it longer cycles (`pw-metadata -n settings 0 clock.min-quantum 1024`)",
			fewJumps)
	}
	return ""
}

// round leaves what a listener reads of a duration.
func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
