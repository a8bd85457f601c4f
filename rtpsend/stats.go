package rtpsend

// Hot: the counters are written by the loop. One writer; any may read.

import (
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// StreamStats counts the packets of one stream since the sender was made.
type StreamStats struct {
	Name    string
	SSRC    uint32
	Packets uint64 // handed to the network
	// Late counts packets whose turn came more than one packet time after
	// their instant, the most that a sender should vary (AES67-2018, 7.5).
	Late uint64
	// Late2 counts those of more than two, which Dante receivers drop at 1 ms, and
	// Late17 those of more than aes67.LatePackets.
	Late2, Late17 uint64
	Dropped       uint64 // refused by the kernel; their sequence numbers are used up
	// SecondPackets and SecondDropped are Packets and Dropped of the second leg.
	SecondPackets, SecondDropped uint64
}

// Stats is what a sender has done.
type Stats struct {
	Streams []StreamStats
	Sending bool // the clock is set and packets go out
	// Lateness of the actual against the scheduled instant: percentiles over
	// the last one to two minutes, the worst since the sender was made.
	LatenessP50, LatenessP99, LatenessWorst time.Duration
	TimestampJumps                          uint64
	SkippedFrames                           uint64         // frame periods that the jumps left out
	Grant                                   rtthread.Grant // what its thread has now
	Problem                                 string         // why the last packet could not be sent; empty if it was
	SecondProblem                           string         // likewise on the second leg
}

// counters are the atomics behind Stats.
type counters struct {
	streams  []streamCounters
	lateness histogram
	worst    atomic.Int64 // ns
	jumps    atomic.Uint64
	skipped  atomic.Uint64
	sending  atomic.Bool
	thread   atomic.Pointer[rtthread.Thread]
}

type streamCounters struct {
	late, late2, late17 atomic.Uint64
}

// faults are the counters of what goes wrong; dropped and errno are those of each leg.
type faults struct {
	dropped        [2]uint64
	errno          [2]uintptr
	jumps, skipped uint64
}

func (s *Sender) faults() faults {
	f := faults{jumps: s.counters.jumps.Load(), skipped: s.counters.skipped.Load()}
	for i, l := range s.legs() {
		if l != nil {
			f.dropped[i], f.errno[i] = l.dropped(), l.errno.Load()
		}
	}
	return f
}

// legs are both, nil for one that there is not.
func (s *Sender) legs() [2]*leg { return [2]*leg{s.first, s.second} }

// timed counts one packet time's lateness.
func (c *counters) timed(late, period time.Duration) {
	c.lateness.add(late)
	for i := range c.streams {
		s := &c.streams[i]
		if late <= period {
			break
		}
		s.late.Add(1)
		if late > 2*period {
			s.late2.Add(1)
		}
		if late > aes67.LatePackets*period {
			s.late17.Add(1)
		}
	}
	if int64(late) > c.worst.Load() {
		c.worst.Store(int64(late))
	}
}

// Snapshot may be called at any time, from any goroutine.
func (s *Sender) Snapshot() Stats {
	c := &s.counters
	stats := Stats{
		Streams:        make([]StreamStats, len(c.streams)),
		Sending:        c.sending.Load(),
		LatenessWorst:  time.Duration(c.worst.Load()),
		TimestampJumps: c.jumps.Load(),
		SkippedFrames:  c.skipped.Load(),
	}
	for i := range c.streams {
		stats.Streams[i] = StreamStats{
			Name:    s.config.Streams[i].Name,
			SSRC:    s.ssrcs[i],
			Packets: s.first.streams[i].packets.Load(),
			Late:    c.streams[i].late.Load(),
			Late2:   c.streams[i].late2.Load(),
			Late17:  c.streams[i].late17.Load(),
			Dropped: s.first.streams[i].dropped.Load(),
		}
		if s.second != nil {
			stats.Streams[i].SecondPackets = s.second.streams[i].packets.Load()
			stats.Streams[i].SecondDropped = s.second.streams[i].dropped.Load()
		}
	}
	percentiles := c.lateness.quantiles(0.50, 0.99)
	stats.LatenessP50, stats.LatenessP99 = percentiles[0], percentiles[1]
	if thread := c.thread.Load(); thread != nil {
		stats.Grant = thread.Grant()
	}
	stats.Problem = s.first.problem()
	if s.second != nil {
		stats.SecondProblem = s.second.problem()
	}
	return stats
}
