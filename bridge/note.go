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

// note tells the recorder of a pull.
func (p *Pipeline) note(due aes67.MonoTime) {
	now := noted{p.report.underruns.Load(), p.report.jumps.Load()}
	p.cfg.Recorder.Pulled(p.rate.loop.Fill(), p.rate.resampler.Ratio(), p.stage.BlockPeak(), due.Sub(p.came),
		now.underruns != p.noted.underruns, now.jumps != p.noted.jumps, p.watch.state == statePlaying)
	p.noted = now
}
