package bridge

// Hot: runs in the sender context, once a pull.

import (
	"time"

	"aes67-sink/aes67"
)

// Recorder is told of each block. The sender context calls it: it must not block.
type Recorder interface {
	// Pulled tells the fill in sink frames, the ratio, the block's peak as an
	// amplitude, the time since the sound server's last message, and whether the
	// buffer ran dry, the server lost time or rendered ahead, and sound flows.
	Pulled(fill float64, ratio aes67.PPB, peak float64, pause time.Duration, starved, skipped, flows bool)
}

// noted is what the recorder was told of so far.
type noted struct{ underruns, jumps uint64 }

// note tells the recorder of a pull: the fill of the first room that sounds, and what
// went wrong in any.
func (r *Rooms) note(due aes67.MonoTime) {
	var now noted
	peak, flows, told := 0.0, false, r.all[0]
	for _, p := range r.all {
		now.underruns += p.report.underruns.Load()
		now.jumps += p.report.jumps.Load()
		peak = max(peak, p.stage.BlockPeak())
		if playing := p.watch.state == statePlaying; playing && !flows {
			told, flows = p, true
		}
	}
	r.cfg.Recorder.Pulled(told.rate.loop.Fill(), told.rate.resampler.Ratio(), peak, due.Sub(told.came),
		now.underruns != r.noted.underruns, now.jumps != r.noted.jumps, flows)
	r.noted = now
}
