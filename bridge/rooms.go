package bridge

// Hot: Pull, Skipped and Unsent run in the sender context, as those of the pipelines.

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/safety"
)

// Room is a sink beside others: where its sound goes.
type Room struct {
	Pipeline *Pipeline
	Channels []string // PulseAudio position names
	// GainsDB are of each channel, at most 0; empty: none is turned down.
	GainsDB []float64
	// Delays are of each channel; empty: none.
	Delays []time.Duration
	// Into are the rooms, by their numbers, whose streams have this sink's sound
	// too; then it has no streams of its own. Empty: it has.
	Into []int
}

// RoomsConfig is what several sinks have in common.
type RoomsConfig struct {
	StreamRate   aes67.Hz
	PacketFrames aes67.Frames
	CeilingDBFS  float64
	// Recorder is told what each block was cut from, once for all rooms. It may be nil.
	Recorder Recorder
}

// Rooms is the pull chain of several sinks: their pipelines are pulled at one
// instant into one block, so that all streams are of one media clock, and what is
// played into several rooms is in the same frames of each. One goroutine may call Pull,
// Skipped and Unsent, any the rest.
//
//	Pipeline ─> own channels ─┬─> gain ─> ceiling ─> delay ─> Pull
//	Pipeline ─> everywhere ───┘           (of a sum)
//
// What no other sound is added to, nor turned down or delayed, is not touched.
type Rooms struct {
	cfg   RoomsConfig
	rooms []room
	all   []*Pipeline
	out   int // channels

	pulled  aes67.MonoTime
	noted   noted
	changed chan struct{}
}

// room is one sink's part.
type room struct {
	pipeline *Pipeline
	first    int         // of the channels of Pull; without streams of its own not used
	planes   [][]float64 // without streams of its own: its block
	routes   []route     // into this room
	into     []int
	outright bool // into each channel goes one of the room's, whole

	trims []trim
	mix   *mix          // nil: nothing is added here
	lines []line        // nil: nothing is delayed
	last  *safety.Stage // what is delayed has to be faded at the end, too; nil: nothing is
	exact atomic.Bool
}

// route is a channel of another room's that is added to one of this one's.
type route struct {
	room, from, to int
	share          float64
}

// trim is the gain of one channel, which never jumps.
type trim struct {
	target atomic.Uint64 // float64 bits, a factor
	gain   float64       // of the sender context
}

// mix holds the ceiling of a sum: it sees it lookAhead before it is heard.
type mix struct {
	stage   *safety.Stage
	lines   []line
	told    aes67.Frames // since the stage began anew
	samples []float32    // of a block, interleaved
}

const (
	// lookAhead is the time by which sums are delayed, so that their limiter turns
	// down softly: that of a pipeline, which looks ahead through its resampler.
	lookAhead = 1500 * time.Microsecond
	// trimTime is how long a gain takes from nothing to whole, at least.
	trimTime = 200 * time.Millisecond
)

// NewRooms joins pipelines, each as many channels wide as its room. It is to be called
// before anything else is with them.
func NewRooms(cfg RoomsConfig, all []Room) (*Rooms, error) {
	r := &Rooms{cfg: cfg, rooms: make([]room, len(all)), pulled: never, changed: make(chan struct{}, 1)}
	for i, from := range all {
		if len(from.Channels) != from.Pipeline.cfg.Channels {
			return nil, fmt.Errorf("room %d has %d channels, its pipeline %d", i, len(from.Channels), from.Pipeline.cfg.Channels)
		}
		from.Pipeline.changed = r.changed
		r.all = append(r.all, from.Pipeline)
		to := &r.rooms[i]
		to.pipeline, to.into = from.Pipeline, from.Into
		if len(from.Into) > 0 {
			to.planes = newPlanes(len(from.Channels), int(cfg.PacketFrames))
			continue
		}
		to.first = r.out
		r.out += len(from.Channels)
		to.trims = make([]trim, len(from.Channels))
		for c := range to.trims {
			to.trims[c].target.Store(math.Float64bits(1))
			to.trims[c].gain = 1
		}
		if err := r.SetGains(i, from.GainsDB); err != nil {
			return nil, err
		}
		for c := range to.trims {
			to.trims[c].gain = math.Float64frombits(to.trims[c].target.Load())
		}
		r.delay(to, from.Delays)
	}
	if err := r.connect(all); err != nil {
		return nil, err
	}
	return r, nil
}

func newPlanes(channels, frames int) [][]float64 {
	planes := make([][]float64, channels)
	for c := range planes {
		planes[c] = make([]float64, frames)
	}
	return planes
}

// delay prepares the delays of a room's channels, if there are any.
func (r *Rooms) delay(to *room, delays []time.Duration) {
	if !slices.ContainsFunc(delays, func(d time.Duration) bool { return d > 0 }) {
		return
	}
	to.lines = make([]line, len(to.trims))
	for c := range min(len(delays), len(to.lines)) {
		to.lines[c] = newLine(aes67.FramesIn(delays[c], r.cfg.StreamRate))
	}
	to.last = r.stage(len(to.trims), slices.Max(delays))
}

// stage is one for what was held to the ceiling so long ago.
func (r *Rooms) stage(channels int, late time.Duration) *safety.Stage {
	return safety.New(safety.Config{
		Channels: channels, SinkRate: r.cfg.StreamRate, StreamRate: r.cfg.StreamRate,
		Delay: float64(aes67.FramesIn(lookAhead, r.cfg.StreamRate)), CeilingDBFS: r.cfg.CeilingDBFS,
		Late: aes67.FramesIn(late, r.cfg.StreamRate),
	})
}

// connect finds what is added to what.
func (r *Rooms) connect(all []Room) error {
	for i, from := range all {
		r.rooms[i].outright = true
		for _, number := range from.Into {
			if number < 0 || number >= len(all) || len(all[number].Into) > 0 {
				return fmt.Errorf("room %d plays into %d, which has no streams of its own", i, number)
			}
			to := &r.rooms[number]
			if to.mix == nil {
				to.mix = newMix(r.stage(len(to.trims), 0), len(to.trims), r.cfg)
			}
			for c, row := range remix(all[number].Channels, from.Channels) {
				for f, share := range row {
					if share > 0 {
						to.routes = append(to.routes, route{room: i, from: f, to: c, share: share})
					}
					r.rooms[i].outright = r.rooms[i].outright && (share == 0 || share == 1)
				}
			}
		}
	}
	if r.out == 0 {
		return errors.New("no room has streams")
	}
	return nil
}

func newMix(stage *safety.Stage, channels int, cfg RoomsConfig) *mix {
	m := &mix{stage: stage, samples: make([]float32, channels*int(cfg.PacketFrames))}
	for range channels {
		m.lines = append(m.lines, newLine(aes67.FramesIn(lookAhead, cfg.StreamRate)))
	}
	return m
}

// Channels is how many Pull fills.
func (r *Rooms) Channels() int { return r.out }

// Changed wakes its one reader as that of each pipeline would.
func (r *Rooms) Changed() <-chan struct{} { return r.changed }

// Pipelines are those of the rooms, in their order.
func (r *Rooms) Pipelines() []*Pipeline { return r.all }

// SetGains turns the channels of a room down, in dB, softly; any goroutine may call it.
func (r *Rooms) SetGains(number int, db []float64) error {
	to := &r.rooms[number]
	if len(db) > len(to.trims) {
		return fmt.Errorf("room %d has %d gains and %d channels", number, len(db), len(to.trims))
	}
	for c := range to.trims {
		gain := 1.0
		if c < len(db) {
			gain = min(1, math.Pow(10, db[c]/20))
		}
		to.trims[c].target.Store(math.Float64bits(gain))
	}
	return nil
}

// SetCeiling changes the bound of every sample, softly; any goroutine may call it.
func (r *Rooms) SetCeiling(dbfs float64) {
	for i := range r.rooms {
		to := &r.rooms[i]
		to.pipeline.SetCeiling(dbfs)
		if to.mix != nil {
			to.mix.stage.SetCeiling(dbfs)
		}
		if to.last != nil {
			to.last.SetCeiling(dbfs)
		}
	}
}

// Peak is what safety.Stage.Peak tells of a channel of a room's streams, or of a sink
// that has none.
func (r *Rooms) Peak(number, channel int) float64 {
	switch from := &r.rooms[number]; {
	case from.last != nil:
		return from.last.Peak(channel)
	case from.mix != nil:
		return from.mix.stage.Peak(channel)
	case from.trims != nil:
		return from.pipeline.Peak(channel) * math.Float64frombits(from.trims[channel].target.Load())
	default:
		return from.pipeline.Peak(channel)
	}
}

// GainReduction is what the limiters of a room take back, in decibels.
func (r *Rooms) GainReduction(number int) float64 {
	from := &r.rooms[number]
	reduction := from.pipeline.GainReduction()
	if from.mix != nil {
		reduction = max(reduction, from.mix.stage.GainReduction())
	}
	return reduction
}

// Exact reports whether what a sink plays leaves, in each of its rooms, as it left its
// pipeline: alone, neither turned down nor limited nor faded. Any goroutine may ask.
func (r *Rooms) Exact(number int) bool {
	from := &r.rooms[number]
	for _, to := range from.into {
		if !r.rooms[to].exact.Load() {
			return false
		}
	}
	return from.outright && (len(from.into) > 0 || from.exact.Load())
}

// Adds is the delay of a room's sums, beyond that of the pipelines, and the least of its
// channels' own delays: by so much all of it is later.
func (r *Rooms) Adds(number int) (d time.Duration) {
	from := &r.rooms[number]
	if from.mix != nil || len(from.into) > 0 {
		d = lookAhead
	}
	if len(from.into) == 0 {
		return d + from.least().Duration(r.cfg.StreamRate)
	}
	least := r.rooms[from.into[0]].least()
	for _, to := range from.into {
		least = min(least, r.rooms[to].least())
	}
	return d + least.Duration(r.cfg.StreamRate)
}

// least is the least delay of a room's channels.
func (from *room) least() (frames aes67.Frames) {
	for c := range from.lines {
		if own := aes67.Frames(len(from.lines[c].held)); c == 0 || own < frames {
			frames = own
		}
	}
	return frames
}

// Pull gives the next block of all rooms; see rtpsend.FrameSource.
func (r *Rooms) Pull(out [][]float64, due aes67.MonoTime, open bool) (silent bool) {
	pause := due.Sub(r.pulled)
	r.pulled = due
	if pause > lostPull(aes67.Frames(len(out[0])).Duration(r.cfg.StreamRate)) {
		r.cut()
	}
	silent = true
	for i := range r.rooms {
		from := &r.rooms[i]
		silent = from.pipeline.Pull(from.own(out), due, open) && silent
	}
	for i := range r.rooms {
		if to := &r.rooms[i]; len(to.into) == 0 {
			silent = r.room(to, to.own(out), open) && silent
		}
	}
	if r.cfg.Recorder != nil {
		r.note(due)
	}
	return silent
}

// own are the channels that a room's pipeline fills.
func (from *room) own(out [][]float64) [][]float64 {
	if from.planes != nil {
		return from.planes
	}
	return out[from.first : from.first+len(from.trims)]
}

// room makes a room's block of what its pipeline and others have given.
func (r *Rooms) room(to *room, block [][]float64, open bool) (silent bool) {
	alone := r.add(to, block)
	exact := alone
	for c := range to.trims {
		trim := &to.trims[c]
		exact = turn(block[c], &trim.gain, math.Float64frombits(trim.target.Load()), trimTime.Seconds()*float64(r.cfg.StreamRate)) && exact
	}
	silent = true
	if to.mix != nil {
		silent = to.mix.limit(block, alone, open)
		exact = exact && to.mix.stage.Untouched()
	}
	if to.lines != nil {
		for c := range to.lines {
			to.lines[c].through(block[c])
		}
		silent = to.last.Process(block, safety.Span{}, open)
		exact = exact && to.last.Untouched()
	}
	to.exact.Store(exact)
	return silent
}

// add adds what others play into a room, and reports whether one at most sounds.
func (r *Rooms) add(to *room, block [][]float64) (alone bool) {
	sounding := 0
	if to.pipeline.stage.BlockPeak() > 0 {
		sounding++
	}
	heard := -1
	for _, from := range to.routes {
		source := &r.rooms[from.room]
		if source.pipeline.stage.BlockPeak() == 0 {
			continue
		}
		if from.room != heard {
			heard = from.room
			sounding++
		}
		add(block[from.to], source.planes[from.from], from.share)
	}
	return sounding <= 1
}

func add(to, from []float64, share float64) {
	from = from[:len(to)]
	if share == 1 {
		for i := range to {
			to[i] += from[i]
		}
		return
	}
	for i := range to {
		to[i] += share * from[i]
	}
}

// limit holds the ceiling of a sum.
func (m *mix) limit(block [][]float64, alone, open bool) (silent bool) {
	channels, frames := len(block), len(block[0])
	for c, plane := range block {
		for i, x := range plane {
			m.samples[i*channels+c] = float32(x)
		}
		m.lines[c].through(plane)
	}
	// One sound alone is as its pipeline left it: that none of its samples is above the
	// ceiling is enough.
	m.stage.Ahead(m.samples[:channels*frames], alone)
	m.told += aes67.Frames(frames)
	end := float64(m.told) - float64(len(m.lines[0].held))
	return m.stage.Process(block, safety.Span{From: end - float64(frames), To: end}, open)
}

// Unsent tells, as a pipeline's, that nobody has heard the last block.
func (r *Rooms) Unsent() {
	for _, p := range r.all {
		p.Unsent()
	}
}

// Skipped tells of a gap, as a pipeline's: what is behind it begins at zero.
func (r *Rooms) Skipped(frames aes67.Frames) {
	for _, p := range r.all {
		p.Skipped(frames)
	}
	r.cut()
}

// cut forgets what is on its way.
func (r *Rooms) cut() {
	for i := range r.rooms {
		to := &r.rooms[i]
		if m := to.mix; m != nil {
			m.stage.Cut()
			m.stage.Restart()
			m.told = 0
			for c := range m.lines {
				m.lines[c].clear()
			}
		}
		for c := range to.lines {
			to.lines[c].clear()
		}
		if to.last != nil {
			to.last.Cut()
		}
	}
}
