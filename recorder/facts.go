package recorder

import (
	"slices"
	"time"

	"aes67-sink/aes67"
)

// facts are what the records of a case say.
type facts struct {
	packets              int           // that were late
	refused              int           // packets
	most                 time.Duration // the latest of them
	total                time.Duration // by which the worst packet was sent after its turn
	wake                 time.Duration // of that: until the sender had woken up
	work, send           time.Duration // until it was ready, until it was sent
	broke                time.Duration // no sound was in the packets, or there was no packet
	breaks               int           // how often that was
	lasts                bool          // and there still was none when the record ends
	pause                time.Duration // the longest since the server's last message
	pauseThen            time.Duration // that at the worst packet
	held                 time.Duration // by the buffer when the longest pause began
	from, worst, longest int           // indices: where it begins, of the worst packet, of the longest pause
	skipped              time.Duration // that the server lost, or rendered ahead
	ahead                bool          // it is the latter

	usualWake, usualWork, usualSend time.Duration // medians of what was before
	usualLate, worstBefore          time.Duration
	fill, least                     float64 // before it, and the least then; sink frames
	ratio                           float64 // before it, ppb
	known                           bool    // there are records
}

// find reads the records of a case.
func (c *Case) find(plan Plan) (f facts) {
	all := c.Records
	if len(all) == 0 {
		return f
	}
	f.known = true
	from := slices.IndexFunc(all, func(s Record) bool { return s.at() >= c.From })
	if from < 0 {
		from = len(all)
	}
	for from > 0 && from < len(all) && time.Duration(all[from-1].Sent) > plan.Packet {
		from-- // it was sent in the time of the next
	}
	f.from = from
	f.usually(all[:from])
	flowed := from == 0 || all[from-1].has(Flows)
	for i := from; i < len(all); i++ {
		s := &all[i]
		due := s.Due
		if gap := f.gap(all, i, plan.Packet); gap > 0 && c.Triggers&Step == 0 && c.Ill.State != StateWaitingNetwork {
			due = due.Add(-gap)
			f.broke += gap
			f.breaks++
		}
		if s.Due <= c.Until {
			f.judge(i, s, due, plan.Packet)
		}
		switch {
		case !flowed:
			flowed = s.has(Flows)
		case !s.has(Flows):
			f.broke += plan.Packet
			if !f.lasts {
				f.breaks++
			}
			f.lasts = true
		default:
			f.lasts = false
		}
		if pause := time.Duration(s.Pause) * unitsOfPause; pause > f.pause {
			f.pause, f.longest = pause, i
		}
		f.least = min(f.least, float64(s.Fill))
		if s.has(Skipped) && i > 0 {
			f.skip(float64(all[i-1].Fill), all[i:min(len(all), i+int(100*time.Millisecond/plan.Packet))], c.Before.SinkRate)
		}
	}
	if c.Before.SinkRate > 0 {
		began := &all[max(0, f.longest-int(f.pause/plan.Packet))]
		f.held = time.Duration(float64(began.Fill) / float64(c.Before.SinkRate) * float64(time.Second))
	}
	return f
}

// middle is the record that tells most.
func (f *facts) middle() int {
	switch {
	case f.packets > 0 && f.most >= f.pause-usualPause:
		return f.worst
	case f.pause > usualPause:
		return f.longest
	}
	return f.from
}

// late is the most that a packet was late, if any was.
func (f *facts) late() time.Duration {
	if f.packets == 0 {
		return 0
	}
	return f.most
}

// usually takes what was before.
func (f *facts) usually(all []Record) {
	median := func(of func(*Record) time.Duration) time.Duration {
		if len(all) == 0 {
			return 0
		}
		values := make([]time.Duration, len(all))
		for i := range all {
			values[i] = of(&all[i])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	f.usualWake = max(0, median(func(s *Record) time.Duration { return time.Duration(s.Woke) }))
	f.usualWork = median(func(s *Record) time.Duration { return time.Duration(s.Ready) - time.Duration(s.Woke) })
	f.usualSend = median(func(s *Record) time.Duration { return time.Duration(s.Sent) - time.Duration(s.Ready) })
	f.usualLate = median((*Record).late)
	for i := range all {
		f.worstBefore = max(f.worstBefore, all[i].late())
	}
	if len(all) > 0 {
		last := &all[len(all)-1]
		f.fill, f.least, f.ratio = float64(last.Fill), float64(last.Fill), float64(last.Ratio)
	}
}

// gap is the time before a record for which there is no packet, for its timestamps
// jumped.
func (f *facts) gap(all []Record, i int, packet time.Duration) time.Duration {
	if i == 0 || !all[i].has(Jumped) {
		return 0
	}
	return max(0, all[i].Due.Sub(all[i-1].Due.Add(packet)))
}

// judge takes one packet that should have left at due.
func (f *facts) judge(i int, s *Record, due aes67.RawTime, packet time.Duration) {
	early := s.Due.Sub(due) // by the gap before it
	late := s.late() + early
	if late > max(lateFrom, packet) {
		f.packets++
	}
	f.most = max(f.most, late)
	if s.has(Refused) {
		f.refused++
	}
	if total := time.Duration(s.Sent) + early; total > f.total {
		f.total, f.pauseThen, f.worst = total, time.Duration(s.Pause)*unitsOfPause, i
		f.wake = max(0, time.Duration(s.Woke)+early)
		f.work = time.Duration(s.Ready) - time.Duration(s.Woke)
		f.send = time.Duration(s.Sent) - time.Duration(s.Ready)
	}
}

// skip finds by how much the fill moved from what it was, where the server lost time.
func (f *facts) skip(fill float64, next []Record, rate aes67.Hz) {
	for i := range next {
		off := float64(next[i].Fill) - fill
		if d := time.Duration(max(off, -off) / float64(rate) * float64(time.Second)); next[i].has(Flows) && d > f.skipped {
			f.skipped, f.ahead = d, off > 0
		}
	}
}
