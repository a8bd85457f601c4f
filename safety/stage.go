package safety

// Hot: Ahead and Process run once a packet in the sender context. No
// allocation, lock, log, channel or map.

import (
	"math"
	"sync/atomic"

	"aes67-sink/aes67"
)

// MaxBlock is the most frames of one block: 4 ms at 96 kHz, and more. In longer
// ones the limiter does not know the gain of the first frames.
const MaxBlock = 1024

// ceilingFall is how fast the ceiling falls, in dB a second. What the limiter had
// looked at before is cut by what it falls meanwhile, 0.03 dB.
const ceilingFall = 20

// Config says what goes through a stage.
type Config struct {
	Channels   int
	SinkRate   aes67.Hz // of the frames told to Ahead
	StreamRate aes67.Hz // of the blocks
	// Delay is how many frames of the sink a block shows what Ahead was told
	// later: the resampler's own delay.
	Delay float64
	// LongestDelay is what Delay may be while the stage runs, if that is more.
	LongestDelay float64
	// CeilingDBFS bounds every sample.
	CeilingDBFS float64
	// Late is how long ago, at most, what comes was held to the same ceiling: it falls so
	// much later here.
	Late aes67.Frames
}

// Span says which of the frames told to Ahead a block shows, the first since
// New or Restart being number 0: From is where its first frame lies, To is where
// the first frame behind it does.
type Span struct{ From, To float64 }

// Stage applies fades and the ceiling. One goroutine may call Ahead, Process,
// BlockPeak, Untouched, Cut and Restart; any may read Peak and GainReduction.
type Stage struct {
	fade     []float64 // gain at each position, exactly 0 at the first, 1 at the last
	position int

	target    atomic.Uint64 // of the ceiling: float64 bits, amplitude
	fall      float64       // of the ceiling: factor a frame
	late      int           // Config.Late
	aim       float64       // the latest target
	waits     int           // what is left of late before it falls to that
	detector  detector
	limiter   limiter
	untouched bool // the latest block

	meters    []meter
	reduction meter // what is missing from the gain
	most      []float64
	peak      float64 // of the latest block
	window    int     // frames
	metered   int     // frames of the present window
}

// New makes a closed stage.
func New(cfg Config) *Stage {
	span := int(math.Ceil(MaxBlock*float64(cfg.SinkRate)/float64(cfg.StreamRate)*(1+fastest)+max(0, cfg.LongestDelay-cfg.Delay))) + 2
	s := &Stage{
		fade:     FadeIn(int(FadeFrames(cfg.StreamRate))),
		detector: newDetector(cfg.Channels),
		limiter:  newLimiter(cfg.SinkRate, cfg.Delay, cfg.CeilingDBFS, span),
		meters:   make([]meter, cfg.Channels),
		most:     make([]float64, cfg.Channels),
		fall:     math.Pow(10, -ceilingFall/20.0/float64(cfg.StreamRate)),
		late:     int(cfg.Late),
		window:   int(aes67.FramesIn(meterTime, cfg.StreamRate)),
	}
	s.SetCeiling(cfg.CeilingDBFS)
	return s
}

// SetCeiling changes the ceiling, from any goroutine: up, and in silence, with the next
// block, down by ceilingFall, after Config.Late.
func (s *Stage) SetCeiling(dbfs float64) {
	s.target.Store(math.Float64bits(math.Pow(10, dbfs/20)))
}

// CeilingDBFS returns what SetCeiling said last; any goroutine may ask.
func (s *Stage) CeilingDBFS() float64 {
	return 20 * math.Log10(math.Float64frombits(s.target.Load()))
}

// Ahead tells the limiter of frames that blocks will show: what is pushed to the
// resampler, in order and once, before the Process of the block for which it is
// pushed. untouched says that blocks show the samples themselves, so that none at
// or below the ceiling is a reason to limit; else the signal between them counts.
func (s *Stage) Ahead(interleaved []float32, untouched bool) {
	for rest := len(interleaved) / len(s.meters); rest > 0; {
		frames := min(rest, chunk)
		most := s.detector.take(interleaved, frames)
		if !untouched {
			most *= lanczos.most
		}
		if s.limiter.idle(most) {
			s.detector.pass()
			s.limiter.skip(frames)
		} else {
			s.limiter.take(s.detector.peaks(frames, untouched))
		}
		s.detector.forget(frames)
		interleaved, rest = interleaved[frames*len(s.meters):], rest-frames
	}
}

// Process works on one block in place, block[channel][frame], all channels of
// one length. Its frames show those told to Ahead as shows says, evenly. With
// open false it fades to exact zeros and stays there. silent reports that it has
// arrived there at the block's end.
//
// If shows is wrong, gains come at the wrong time; the ceiling holds all the
// same.
func (s *Stage) Process(block [][]float64, shows Span, open bool) (silent bool) {
	s.lower(len(block[0]))
	s.untouched = open && s.position == len(s.fade)-1 && s.limiter.resting(shows.From) && s.low(block)
	if !s.untouched {
		s.work(block, shows, open)
	}
	s.meter(len(block[0]))
	return s.position == 0
}

// lower brings the ceiling to where it is to be.
func (s *Stage) lower(frames int) {
	target := math.Float64frombits(s.target.Load())
	if target != s.aim {
		s.aim, s.waits = target, s.late
	}
	switch {
	case target == s.limiter.ceiling:
	case s.position == 0: // nothing sounds: the first frame shall be below it
		s.limiter.ceiling = target
	case target < s.limiter.ceiling && s.waits > 0:
		s.waits -= frames
	default:
		s.limiter.ceiling = max(target, s.limiter.ceiling*math.Pow(s.fall, float64(frames)))
	}
}

// low reports whether no sample is above the ceiling, or no number, and if so
// tells the meters.
func (s *Stage) low(block [][]float64) bool {
	ceiling := s.limiter.ceiling
	for c, channel := range block {
		most := 0.0
		for _, x := range channel {
			if x = math.Abs(x); !(x <= ceiling) {
				return false
			}
			if x > most {
				most = x
			}
		}
		s.most[c] = most
	}
	for c := range block {
		s.meters[c].add(s.most[c])
	}
	return true
}

// work is Process where something may have to be changed.
func (s *Stage) work(block [][]float64, shows Span, open bool) {
	untouched, step := true, (shows.To-shows.From)/float64(len(block[0]))
	for i := range block[0] {
		s.move(open)
		fade := s.fade[s.position]
		if s.position == 0 {
			untouched = false
			for _, channel := range block {
				channel[i] = 0
			}
			continue
		}
		gain := s.limiter.gainAt(shows.From + float64(i)*step)
		untouched = untouched && gain == 1 && fade == 1
		least := gain
		for c, channel := range block {
			x := channel[i]
			if !(math.Abs(x) <= math.MaxFloat64) { // NaN or infinite
				x, untouched = 0, false
			}
			y := s.limiter.clip(x, gain)
			if y != x*gain {
				least, untouched = min(least, y/x), false
			}
			channel[i] = y * fade
			s.meters[c].add(math.Abs(y * fade))
		}
		s.reduction.add(1 - least)
	}
	s.untouched = untouched
}

// Untouched reports whether the latest block left as it came, bit for bit: fully
// open, nothing limited.
func (s *Stage) Untouched() bool { return s.untouched }

// Cut closes the stage at once, for sound that has broken off already: what
// comes next begins at zero and not in the middle of a wave.
func (s *Stage) Cut() { s.position = 0 }

// Restart begins a new count of the frames told to Ahead, whose history is
// silence, as a Reset of the resampler does, and lets go of what was limited. It
// is for a closed stage; in an open one the gain may step.
func (s *Stage) Restart() {
	s.detector.reset()
	s.limiter.reset()
}
