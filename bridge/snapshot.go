package bridge

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/drift"
)

// PipelineSnapshot is what status tells of the pipeline.
type PipelineSnapshot struct {
	Phase     Phase
	Rate      aes67.Hz  // of the sink, as it is recorded
	Ratio     aes67.PPB // output frames per input frame at nominal rates, less 1
	Fill      float64   // sink frames, smoothed; the target while nothing is read
	Target    aes67.Frames
	Drift     drift.State
	Untouched bool           // nothing is resampled
	BitExact  bool           // nor limited or faded: samples go out as they came in
	Underruns uint64         // times that the ring ran low and the sound was faded
	Overruns  uint64         // frames that found no room in the ring
	Jumps     uint64         // times that the server lost time, or rendered ahead
	Asked     time.Duration  // by the configuration; 0: automatic
	Least     time.Duration  // that can be kept
	Cycle     time.Duration  // of the sound server's graph
	Buffer    time.Duration  // of Target
	Waits     time.Duration  // a frame in the ring, on average, until the last of its packet is due
	Resampler time.Duration  // the resampler's delay
	Sounded   aes67.MonoTime // when there was last any sound; long ago: never
}

// Snapshot may be called from any goroutine.
func (p *Pipeline) Snapshot() PipelineSnapshot {
	target := aes67.Frames(p.report.target.Load())
	r := p.rates[p.report.rate.Load()]
	cycle := aes67.Frames(p.feed.cycle.Load()).Duration(r.in)
	// The state first: a fill of when nothing was read must not pass for one of now.
	phase, state := Phase(p.report.phase.Load()), drift.State(p.report.driftState.Load())
	fill := math.Float64frombits(p.report.fill.Load())
	if !reads(phase, state) {
		fill = float64(target)
	}
	held := time.Duration(fill / float64(r.in) * float64(time.Second))
	delay := r.resampler.Delay() / float64(r.in)
	return PipelineSnapshot{
		Phase:     phase,
		Rate:      r.in,
		Ratio:     aes67.PPB(math.Float64frombits(p.report.ratio.Load())),
		Fill:      fill,
		Target:    target,
		Drift:     state,
		Untouched: p.report.untouched.Load(),
		BitExact:  p.report.bitExact.Load() && p.stage.GainReduction() == 0,
		Underruns: p.report.underruns.Load(),
		Overruns:  p.feed.ring.Overruns(),
		Jumps:     p.report.jumps.Load(),
		Asked:     p.cfg.Latency,
		Least:     aes67.Frames(p.report.least.Load()).Duration(r.in),
		Cycle:     cycle,
		Buffer:    target.Duration(r.in),
		// The fill counts to the end of the newest cycle, of which a frame lies half
		// before, and from the beginning of the packet that is sent.
		Waits:     max(0, held-cycle/2-p.cfg.PacketFrames.Duration(p.cfg.StreamRate)),
		Resampler: time.Duration(delay * float64(time.Second)),
		Sounded:   p.sounded(),
	}
}

// Reads reports whether the buffer is read, or its fill is held: else there is none to tell.
func (s PipelineSnapshot) Reads() bool { return reads(s.Phase, s.Drift) }

func reads(phase Phase, state drift.State) bool { return phase == Flowing && state != drift.Acquire }

// Peak returns the level meter of one channel as an amplitude; see
// safety.Stage.Peak.
func (p *Pipeline) Peak(channel int) float64 { return p.stage.Peak(channel) }

// GainReduction returns what the limiter takes back, in decibels; see
// safety.Stage.GainReduction.
func (p *Pipeline) GainReduction() float64 { return p.stage.GainReduction() }
