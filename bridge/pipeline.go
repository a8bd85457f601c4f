package bridge

// Hot file: Frames runs in the capture context, Pull in the sender context. No
// allocation, lock, log, channel or map; see doc.go for the numbered steps.

import (
	"math"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/drift"
	"aes67-sink/mediaclock"
	"aes67-sink/resample"
	"aes67-sink/ring"
	"aes67-sink/safety"
)

// PipelineConfig says what goes in and what comes out.
type PipelineConfig struct {
	Channels     int
	SinkRate     aes67.Hz
	StreamRate   aes67.Hz
	PacketFrames aes67.Frames // at StreamRate; the length of every pulled block
	// Latency is the fill to keep, as average frames written less frames read.
	// 0 chooses the least that the sound server's fragments allow and raises it
	// after an underrun.
	Latency time.Duration
	// CeilingDBFS bounds every sample that is pulled.
	CeilingDBFS float64
}

// Bounds of the automatic latency. The margin is what a fragment may come late
// without being heard; an idle virtual machine of two cores was seen to stand
// still for up to 8 ms now and then.
const (
	latencyMargin = 8 * time.Millisecond
	latencyMost   = 100 * time.Millisecond
	latencyGrowth = 1.25 // of the fill, after an underrun
	// lateLimit tells a late fragment from a sound server that was away; the
	// latest wake-up seen on a loaded machine was 40 ms.
	lateLimit = 150 * time.Millisecond
	// usualFragment stands in until a fragment has been seen; both servers give
	// about 5 ms when asked for it.
	usualFragment = 5334 * time.Microsecond
)

// ringTime is the least time that the ring holds: sound servers were seen to
// hand over up to 200 ms at once after a stall.
const ringTime = time.Second

// stamps is how many arrivals may wait between two pulls: 17 ms of the smallest
// fragments that servers deliver (5 frames), several times over.
const stamps = 1024

// stamp is one arrival: the count of all frames accepted by then. With gap it
// is none: what comes after that count does not continue what came before.
type stamp struct {
	total aes67.Frames
	at    aes67.MonoTime
	gap   bool
}

// Phase is where the pipeline stands.
type Phase uint32

// The phases of a Pipeline.
const (
	Filling Phase = iota // zeros go out until the ring is filled to its target
	Flowing              // the sink's sound goes out
)

// Pipeline is the pull chain from the ring to a block for the packetizer. One
// goroutine may call Frames, one Pull and Skipped, any the rest.
type Pipeline struct {
	cfg   PipelineConfig
	clock *mediaclock.Clock

	// Shared between capture and sender.
	ring     *ring.Ring
	arrivals *ring.Queue[stamp]
	fragment atomic.Int64 // largest fragment of late, frames
	pulled   atomic.Int64 // the newest pull's instant, aes67.MonoTime

	// Owned by the capture context.
	lengths recent
	heard   bool           // a fragment has come
	heardAt aes67.MonoTime // the last one

	// Owned by the sender context.
	resampler *resample.Resampler
	loop      *drift.Loop
	stage     *safety.Stage
	phase     Phase
	taken     aes67.Frames // read from the ring since the start
	closed    bool         // the last block ended in exact zeros
	unprimed  aes67.Frames // still to push before the resampler's history is whole
	low       bool         // fading out, or faded out, because the ring runs dry
	lowAt     aes67.MonoTime
	waiting   bool // low, and no fragment has come since
	gap       gap
	skipped   aes67.Frames // of the sink, whose place in the media clock is gone
	patience  aes67.Frames // for how long they are waited for
	exact     exact
	target    aes67.Frames
	reserve   aes67.Frames // sink frames that a fade to zero takes

	// Written by the sender or control context, read by any.
	confirmed atomic.Bool
	report    report
}

// report is what the sender context tells the others.
type report struct {
	phase      atomic.Uint32
	ratio      atomic.Uint64 // float64 bits, ppb
	fill       atomic.Uint64 // float64 bits, sink frames
	target     atomic.Int64
	driftState atomic.Uint32
	exact      atomic.Bool
	underruns  atomic.Uint64
}

// NewPipeline makes a pipeline; it is silent until SetConfirmed and enough
// frames have come.
func NewPipeline(cfg PipelineConfig, clock *mediaclock.Clock) (*Pipeline, error) {
	resampler, err := resample.New(cfg.Channels, cfg.SinkRate, cfg.StreamRate)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{
		cfg:       cfg,
		clock:     clock,
		ring:      ring.New(cfg.Channels, aes67.FramesIn(max(ringTime, 4*cfg.Latency), cfg.SinkRate)),
		closed:    true,
		arrivals:  ring.NewQueue[stamp](stamps),
		resampler: resampler,
		stage:     safety.New(cfg.Channels, cfg.StreamRate, cfg.CeilingDBFS),
		exact:     newExact(cfg.Channels, cfg.StreamRate),
	}
	fade := safety.FadeFrames(cfg.StreamRate) + cfg.PacketFrames
	p.reserve = p.ofSink(fade) + aes67.Frames(math.Ceil(resampler.Delay()))
	p.target = p.wantedTarget()
	p.loop = drift.NewLoop(drift.Config{InRate: cfg.SinkRate, Target: p.target})
	p.report.target.Store(int64(p.target))
	p.pulled.Store(math.MinInt64 / 2)
	return p, nil
}

// SetConfirmed opens the pipeline once the sound server has confirmed the
// sink's volume, and closes it (with a fade) when that is in doubt again.
func (p *Pipeline) SetConfirmed(yes bool) { p.confirmed.Store(yes) }

// Frames takes one fragment of interleaved samples that arrived at instant at
// (step 1). It never blocks; what does not fit is dropped and counted. While
// nobody pulls, nothing is kept.
func (p *Pipeline) Frames(samples []float32, at aes67.MonoTime) {
	p.fragment.Store(p.lengths.add(int64(len(samples)/p.cfg.Channels), at))
	p.findGap(at)
	if at.Sub(aes67.MonoTime(p.pulled.Load())) > pauseLimit {
		return
	}
	p.ring.Write(samples)
	p.arrivals.Push(stamp{total: p.ring.Written(), at: at})
}

// recent is the largest of the lengths added in the last one to two windows.
type recent struct {
	present, last int64
	until         aes67.MonoTime
}

// recentWindow forgets a burst after a stall of the server, but not a quantum
// that comes back now and then.
const recentWindow = 10 * time.Second

func (r *recent) add(length int64, at aes67.MonoTime) (largest int64) {
	if at > r.until {
		r.last, r.present, r.until = r.present, 0, at.Add(recentWindow)
	}
	r.present = max(r.present, length)
	return max(r.present, r.last)
}

// Pull gives the next block; see rtpsend.FrameSource.
func (p *Pipeline) Pull(out [][]float64, due aes67.MonoTime, open bool) (silent bool) {
	p.resume(due)
	p.takeStamps() // step 2
	if !p.passOver(aes67.Frames(len(out[0]))) {
		return p.silence(out)
	}
	p.steer(due, len(out[0])) // step 4 comes first: it says how much is needed
	if p.phase == Filling && !p.begin(due) {
		return p.silence(out)
	}
	if p.low && p.closed && !p.recovered() {
		return p.silence(out)
	}
	need := aes67.Frames(p.resampler.Needed(len(out[0])))
	if p.available() < need { // what was left has been faded out by now
		p.refill()
		return p.silence(out)
	}
	p.watch(p.available()-need, due) // step 3

	first, second := p.ring.View(need)
	p.resampler.Push(first)
	p.resampler.Push(second)
	p.ring.Commit(need)
	p.taken += need
	whole, part := p.resampler.At()
	p.resampler.Process(out)
	p.pass(out, whole, part)
	p.report.exact.Store(p.exact.full())

	lost := p.loop.State() == drift.Acquire // too much, or no more of it
	open = open && !p.low && !lost && p.primed(need) && p.confirmed.Load()
	p.closed = p.stage.Process(out, open) // step 5
	if p.closed && lost {
		p.setPhase(Filling)
	}
	return p.closed
}

// Skipped tells of a gap: frames of the media clock that will never be pulled.
// What was heard has broken off there, so the sound behind it begins at zero,
// and what the sink played meanwhile is passed over.
func (p *Pipeline) Skipped(frames aes67.Frames) {
	p.stage.Cut()
	p.closed = true
	p.skipped += p.ofSink(frames)
	p.patience = aes67.Frames(p.fragment.Load()) + p.ofSink(p.cfg.PacketFrames)
}

// ofSink is how many frames the sink plays in the time of so many of a stream.
func (p *Pipeline) ofSink(frames aes67.Frames) aes67.Frames {
	return aes67.FramesIn(frames.Duration(p.cfg.StreamRate), p.cfg.SinkRate)
}

// passOver drops the sink's frames of a gap in the media clock: so the latency
// stays what it was, where drift would need a minute for each 18 ms. They may
// arrive a little later than they are missed, and are waited for in silence;
// what does not come then never will, for the server stood still as well. It
// reports false while it waits.
func (p *Pipeline) passOver(block aes67.Frames) bool {
	if p.skipped == 0 {
		return true
	}
	if p.phase == Flowing && !p.low {
		surplus := p.available() - p.target + aes67.Frames(p.fragment.Load())/2
		if surplus < p.skipped && p.patience > 0 {
			p.skipped += p.ofSink(block)
			p.patience -= p.ofSink(block)
			return false
		}
		p.drop(max(0, min(surplus, p.skipped)))
		p.unprimed = p.history()
	}
	p.skipped = 0
	return true
}

// history is how many frames the resampler must be given after a break of its
// input until nothing of it is left.
func (p *Pipeline) history() aes67.Frames { return aes67.Frames(2 * math.Ceil(p.resampler.Delay())) }

// pauseLimit is the time between two pulls after which what the ring holds is
// no longer worth playing.
const pauseLimit = 100 * time.Millisecond

// resume forgets what was gathered while nobody pulled, and begins at zero: if
// the sound broke off in mid-wave, it did so long ago.
func (p *Pipeline) resume(due aes67.MonoTime) {
	pause := due.Sub(aes67.MonoTime(p.pulled.Swap(int64(due))))
	if pause < pauseLimit {
		return
	}
	for range stamps {
		if _, ok := p.arrivals.Pop(); !ok {
			break
		}
	}
	p.stage.Cut()
	p.closed = true
	p.refill()
}

// takeStamps hands the arrivals since the last pull to drift.
func (p *Pipeline) takeStamps() {
	for range stamps {
		s, ok := p.arrivals.Pop()
		if !ok {
			break
		}
		if s.gap {
			p.gap.add(s.total, p.taken)
			continue
		}
		p.loop.Arrived(s.total, s.at)
		if p.waiting {
			p.waiting = false
			p.arrivedLate(s.at.Sub(p.lowAt))
		}
	}
}

// arrivedLate learns from the fragment that came after the ring ran low: if it
// was but late, and not the first of a sound server that was away, the
// automatic latency grows.
func (p *Pipeline) arrivedLate(by time.Duration) {
	if p.cfg.Latency == 0 && by < lateLimit {
		// Of what the fill was: it follows the target slowly, and what the last
		// growth would have been worth is not known before it is there.
		most := aes67.FramesIn(latencyMost, p.cfg.SinkRate)
		p.setTarget(max(p.target, min(most, aes67.Frames(p.loop.Fill()*latencyGrowth))))
	}
}

// recovered reports whether the ring is as full again as it is between two
// fragments when all is well. Until then nothing is read: it is silent anyhow,
// and so a cycle that the server lost, or a latency that has grown, costs some
// milliseconds once, instead of a fade at each fragment while the resampler
// makes up for it.
func (p *Pipeline) recovered() bool {
	switch {
	case p.loop.State() == drift.Acquire: // nothing comes any more
		p.refill()
		return false
	case p.gap.ahead:
	case p.ring.Available() < p.target-aes67.Frames(p.fragment.Load())/2: // what is there
		return false
	case p.loop.Fill() < float64(p.target-p.cfg.PacketFrames/2): // what is there on average
		return false
	}
	p.low, p.waiting = false, false
	p.loop.Recentre()
	return true
}

// begin starts to read where the fill is just the target; it reports false
// while there is too little for that, or the last fade is not over.
func (p *Pipeline) begin(due aes67.MonoTime) bool {
	p.setTarget(p.wantedTarget())
	if !p.closed {
		return false
	}
	p.passGap()
	skip, ok := p.loop.Start(due, p.taken)
	if !ok || skip > p.ring.Available() {
		return false
	}
	p.drop(skip)
	p.resampler.Reset()
	p.unprimed = p.history()
	p.low, p.waiting = false, false
	p.setPhase(Flowing)
	return true
}

// primed reports whether the resampler's history is sound throughout; before
// that its output has an edge that no fade would hide.
func (p *Pipeline) primed(pushed aes67.Frames) bool {
	whole := p.unprimed == 0
	p.unprimed = max(0, p.unprimed-pushed)
	return whole
}

// watch closes the stage while there is still enough left to fade out.
func (p *Pipeline) watch(left aes67.Frames, due aes67.MonoTime) {
	if p.low || left >= p.reserve {
		return
	}
	p.low, p.lowAt = true, due
	if !p.gap.ahead { // else it is not that something is late
		p.waiting = true
		p.report.underruns.Add(1)
	}
}

// steer sets the ratio that drift wants at the end of this block.
func (p *Pipeline) steer(due aes67.MonoTime, frames int) {
	m, _ := p.clock.Load()
	p.choose(m.Rate)
	if p.exact.on || p.exact.step > 0 {
		p.loop.Untouched(due, p.consumed())
		p.resampler.SetRatio(0, frames)
	} else {
		p.resampler.SetRatio(p.loop.Update(due, p.consumed(), m.Frequency), frames)
	}
	p.report.ratio.Store(math.Float64bits(float64(p.resampler.Ratio())))
	p.report.fill.Store(math.Float64bits(p.loop.Fill()))
	p.report.driftState.Store(uint32(p.loop.State()))
}

// consumed is the input position that the resampler has reached, in the count
// of the arrivals' totals.
func (p *Pipeline) consumed() float64 { return float64(p.taken) - p.resampler.Position() }

// silence gives zeros through the safety stage, so that it fades what may
// still be open from the last block's end.
func (p *Pipeline) silence(out [][]float64) bool {
	for _, channel := range out {
		clear(channel)
	}
	p.closed = p.stage.Process(out, false)
	return p.closed
}

// refill forgets what is in the ring and waits until it is filled again.
func (p *Pipeline) refill() {
	p.gap = gap{}
	p.drop(p.ring.Available())
	p.loop.Reset()
	p.setPhase(Filling)
}

func (p *Pipeline) drop(frames aes67.Frames) {
	p.ring.Commit(frames)
	p.taken += frames
}

func (p *Pipeline) setPhase(phase Phase) {
	p.phase = phase
	if phase == Filling {
		p.exact.reset()
		p.report.exact.Store(false)
	}
	p.report.phase.Store(uint32(phase))
}

func (p *Pipeline) setTarget(target aes67.Frames) {
	if target == p.target {
		return
	}
	p.target = target
	p.loop.SetTarget(target)
	p.report.target.Store(int64(target))
}

// wantedTarget is the fill to begin with: what was asked for, but at least a
// fragment and the reserve of a fade, since less would fade all the time.
func (p *Pipeline) wantedTarget() aes67.Frames {
	fragment := aes67.Frames(p.fragment.Load())
	if fragment == 0 {
		fragment = aes67.FramesIn(usualFragment, p.cfg.SinkRate)
	}
	least := fragment + p.reserve
	if p.cfg.Latency > 0 {
		return max(least, aes67.FramesIn(p.cfg.Latency, p.cfg.SinkRate))
	}
	return max(p.target, least+aes67.FramesIn(latencyMargin, p.cfg.SinkRate))
}
