package recorder

// Hot: Pulled and Sent run once a packet time, in the sender context. No allocation,
// lock, log, channel or map. One writer; any may read.

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"aes67-sink/aes67"
)

// Marks are what happened in a packet time.
type Marks uint8

// The marks.
const (
	Jumped  Marks = 1 << iota // the timestamps jumped before this packet
	Refused                   // the kernel did not take the packet
	Starved                   // the buffer ran dry
	Skipped                   // the sound server lost time, or rendered ahead
	Flows                     // the sink's sound is in it
	Muted                     // nothing was pulled: the stream ends, or changes its time base
)

// Record is what one packet time was like. Times are nanoseconds after Due, the
// longest about two seconds.
type Record struct {
	Due   aes67.RawTime // when the packet was to be sent
	Woke  int32         // when the sender had woken up for it
	Ready int32         // when it was pulled and packed
	Sent  int32         // when the kernel had it
	Fill  float32       // of the buffer, in sink frames
	Ratio float32       // output frames per input frame, less 1, in ppb
	Pause uint16        // since the sound server's last message, in 0.1 ms
	Peak  uint8         // of the block, in -0.5 dBFS; 255: silence
	Marks Marks
}

const (
	words = 4 // of 64 bits that a record has: 32 bytes
	// unitsOfPause and unitsOfPeak are those of a record's Pause and Peak.
	unitsOfPause = 100 * time.Microsecond
	unitsOfPeak  = 2 // in a decibel
	silent       = math.MaxUint8
)

// Held is how much time a Ring holds at least.
const Held = time.Minute

// Ring holds the latest records: 1.9 MB at a packet time of 1 ms.
type Ring struct {
	words   []atomic.Uint64
	size    uint64 // records
	written atomic.Uint64

	staged Record // what Pulled told of the next; the writer's
}

// NewRing makes a ring for packets of a length.
func NewRing(packet time.Duration) *Ring {
	size := uint64(Held/packet) + 1
	return &Ring{words: make([]atomic.Uint64, words*size), size: size}
}

// Pulled tells what the next packet's block was cut from: the fill in sink frames, the
// ratio, the block's peak as an amplitude, the time since the sound server's last
// message, and whether the buffer ran dry, the server lost time, and sound flows.
func (r *Ring) Pulled(fill float64, ratio aes67.PPB, peak float64, pause time.Duration, starved, skipped, flows bool) {
	s := &r.staged
	s.Fill, s.Ratio = float32(fill), float32(ratio)
	s.Pause = uint16(min(max(pause/unitsOfPause, 0), math.MaxUint16))
	s.Peak = quiet(peak)
	s.Marks = mark(Starved, starved) | mark(Skipped, skipped) | mark(Flows, flows)
}

// Sent tells when a packet of each stream was due, when the sender had woken up for
// it, when it was ready and when the kernel had it, whether the timestamps jumped
// before it, and whether the kernel refused it.
func (r *Ring) Sent(due, woke, ready, done aes67.RawTime, jumped, refused bool) {
	s := r.staged
	s.Due, s.Woke, s.Ready, s.Sent = due, after(due, woke), after(due, ready), after(due, done)
	s.Marks |= mark(Jumped, jumped) | mark(Refused, refused)
	r.add(&s)
	r.staged = Record{Fill: s.Fill, Ratio: s.Ratio, Peak: silent, Marks: Muted}
}

func mark(m Marks, yes bool) Marks {
	if yes {
		return m
	}
	return 0
}

func after(due, at aes67.RawTime) int32 {
	return int32(min(max(at.Sub(due), math.MinInt32), math.MaxInt32))
}

// quiet returns how far below full scale an amplitude is.
func quiet(peak float64) uint8 {
	if !(peak > 0) {
		return silent
	}
	return uint8(min(max(math.Round(-20*unitsOfPeak*math.Log10(peak)), 0), silent))
}

func (r *Ring) add(s *Record) {
	n := r.written.Load()
	at := n % r.size * words
	w := r.words[at : at+words : at+words]
	w[0].Store(uint64(s.Due))
	w[1].Store(uint64(uint32(s.Woke)) | uint64(uint32(s.Ready))<<32)
	w[2].Store(uint64(uint32(s.Sent)) | uint64(math.Float32bits(s.Fill))<<32)
	w[3].Store(uint64(math.Float32bits(s.Ratio)) | uint64(s.Pause)<<32 | uint64(s.Peak)<<48 | uint64(s.Marks)<<56)
	r.written.Store(n + 1)
}

func (r *Ring) at(n uint64) Record {
	at := n % r.size * words
	w := r.words[at : at+words : at+words]
	b, c, d := w[1].Load(), w[2].Load(), w[3].Load()
	return Record{
		Due: aes67.RawTime(w[0].Load()), Woke: int32(uint32(b)), Ready: int32(uint32(b >> 32)), Sent: int32(uint32(c)),
		Fill: math.Float32frombits(uint32(c >> 32)), Ratio: math.Float32frombits(uint32(d)),
		Pause: uint16(d >> 32), Peak: uint8(d >> 48), Marks: Marks(d >> 56),
	}
}

// Written returns how many records there have been.
func (r *Ring) Written() uint64 { return r.written.Load() }

// From appends the records from number n on, 0 being the first of all, and returns
// them with the number of the first that is there: what was overwritten is not. Any
// goroutine may ask.
func (r *Ring) From(n uint64, into []Record) (records []Record, first uint64) {
	end := r.written.Load()
	first = n
	if end > r.size {
		first = max(first, end-r.size)
	}
	start := len(into)
	if end > first {
		into = slices.Grow(into, int(end-first))
	}
	for i := first; i < end; i++ {
		into = append(into, r.at(i))
	}
	// The one that is being written may be torn.
	if now := r.written.Load() + 1; now > r.size && now-r.size > first {
		lost := min(now-r.size-first, uint64(len(into)-start))
		into = append(into[:start], into[start+int(lost):]...)
		first += lost
	}
	return into, first
}

// late is by how much a packet was sent after its turn; see rtpsend.StreamStats.
func (s *Record) late() time.Duration { return time.Duration(s.Ready) }

// at is when what a record shows was seen: at its turn, or as much later as it was late.
func (s *Record) at() aes67.RawTime { return s.Due.Add(max(0, s.late())) }

func (s *Record) has(m Marks) bool { return s.Marks&m != 0 }

// PeakDBFS returns the block's peak; minus infinity is silence.
func (s *Record) PeakDBFS() float64 {
	if s.Peak == silent {
		return math.Inf(-1)
	}
	return -float64(s.Peak) / unitsOfPeak
}
